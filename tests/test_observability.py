"""Prometheus reads what the server tells, and every query of the dashboard finds its figures there."""

import json
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest
from lacking import lacking
from served import ROOT, Served, Server, free_port
from stacks import SEVEN

FOLDER = ROOT / "ui_container" / "observability"
DASHBOARD = json.loads((FOLDER / "grafana" / "dashboards" / "digits.json").read_text())
QUERIES = {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
}
# What Grafana would fill in, for a server that is some seconds old.
FILLED_IN = {"$__rate_interval": "30s", "$window": "1h"}


def program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        lacking("REQUIRE_PROMETHEUS", f"{name} is not there (Debian: apt install prometheus)")
    return path


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory) -> Iterator[Served]:
    """A Prometheus that has read from a server of two workers while people drew."""
    folder = tmp_path_factory.mktemp("prometheus")
    shared_dir = folder / "shared"
    shutil.copytree(ROOT / "shared" / "pretrained", shared_dir / "pretrained")
    server = Server(shared_dir, free_port(), folder / "cache", folder / "server.log", {"WEB_CONCURRENCY": "2"})
    configuration = (FOLDER / "prometheus.yml").read_text()
    assert configuration.count("ui_container:5000") == configuration.count("scrape_interval: 5s") == 1
    configuration = configuration.replace("ui_container:5000", f"127.0.0.1:{server.port}").replace(": 5s", ": 500ms")
    (folder / "prometheus.yml").write_text(configuration)
    asked = Asked(shared_dir, free_port())
    command = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{asked.port}",
    ]
    with (folder / "prometheus.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            server.start()
            # A rate needs a counter to be seen before and after it grows, and some are there only then.
            for times in (1, 2):
                draw(server)
                asked.wait_until(lambda n=times: asked.query("sum(digits_answers_total)") == [3 * n])
            yield asked
        finally:
            process.terminate()
            server.stop()


class Asked(Served):
    """A Prometheus at 127.0.0.1:port."""

    def query(self, expression: str) -> list[float]:
        """Return the values that it finds now, without those that are no number."""
        for name, value in FILLED_IN.items():
            expression = expression.replace(name, value)
        answer = self.get(f"/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
        values = [float(series["value"][1]) for series in answer["data"]["result"]]
        return [value for value in values if value == value]

    def log(self) -> str:
        return (self.shared_dir.parent / "prometheus.log").read_text()


def draw(server: Server) -> None:
    """Do what the dashboard shows something of."""
    for label in (7, 1, 7):
        answer = server.post("/predict", SEVEN)
        server.post("/feedback", {**SEVEN, "label": label, "digit": answer["digit"]})
    with pytest.raises(urllib.error.HTTPError):
        server.get("/nowhere")


def test_the_configuration_is_valid():
    command = [program("promtool"), "check", "config", FOLDER / "prometheus.yml"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_of_the_dashboard_finds_something(prometheus, name):
    assert prometheus.wait_until(lambda: prometheus.query(QUERIES[name]), timeout_s=20)


def test_the_figures_are_those_of_what_was_done(prometheus):
    assert prometheus.query("sum(digits_model_info)") == [2]
    assert prometheus.query('sum(digits_feedback_total{answer="wrong"})') == [2]
    assert prometheus.query('digits_problems_total{code="not_found"}') == [2]
    # Sevens alone are as far from the test set as its other digits are many; of a share of 0 a little is left to the
    # logarithm.
    others = 1 - prometheus.query('avg(digits_expected_answer_ratio{digit="7"})')[0]
    distance, index = (QUERIES[f"Drift: distance of the answers from the test set {letter}"] for letter in "AB")
    assert prometheus.wait_until(lambda: prometheus.query(distance)) == [pytest.approx(others, abs=1e-3)]
    assert prometheus.query(index)[0] > 5


def test_the_dashboard_asks_only_for_what_the_server_tells_and_shows_all_of_it(server):
    draw(server)
    with urllib.request.urlopen(f"{server.url}/metrics") as answer:
        told = set(re.findall(r"^(digits_\w+)", answer.read().decode(), re.MULTILINE))
    asked_for = set(re.findall(r"digits_\w+", " ".join(QUERIES.values())))
    assert asked_for <= told
    families = {re.sub(r"_(bucket|sum|count|created)$", "", name) for name in told}
    assert families == {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked_for}


@pytest.mark.parametrize("command", [("docker", "compose"), ("docker-compose",)])
def test_the_profile_is_understood_and_its_services_are_locked_up(command):
    if not shutil.which(command[0]):
        lacking("REQUIRE_EVERY_STACK", f"the command {command[0]} is not there")
    arguments = ["--profile", "observability", "config"]
    result = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    for service in ("prometheus", "grafana"):
        facts = re.search(rf"\n  {service}:\n(.*?)(\n  \w|\Z)", result.stdout, re.DOTALL)[1]
        assert re.search(r"profiles:\s+- observability\n", facts)
        assert "read_only: true" in facts and "no-new-privileges:true" in facts and "- ALL" in facts
        assert re.search(r"image: \S+:v?\d+\.\d+\.\d+\n", facts) and "mem_limit" in facts and "pids_limit" in facts
