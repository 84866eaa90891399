"""The manifests for Kubernetes are valid, fit together, let nothing do more than it needs, and keep step with Compose.

No cluster is started: `kubectl kustomize` puts them together, and they are held against Kubernetes' own schemas.
"""

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml
from conftest import ROOT
from lacking import lacking

FOLDER = ROOT / "deploy" / "kubernetes"
README = (FOLDER / "README.md").read_text()
POD_KINDS = ("Deployment", "StatefulSet", "Job", "CronJob")
# Of Pod Security's `restricted`, as far as they are used here.
RESTRICTED_VOLUMES = {"emptyDir", "persistentVolumeClaim"}
SERVICE_OF_POD = {
    "page": "ui_container",
    "trainer": "algo_container",
    "training": "algo_container",
    "postgresql": "postgresql",
}
PROGRAMS = ("page", "trainer", "training")
MEBIBYTES = {"Mi": 1, "Gi": 1024, "m": 1, "g": 1024}
UIDS = {"postgres": "999"}  # the image's
# Under Compose the data are in the shared folder. A session's token of AWS would end before the pods that have it.
ONLY_KUBERNETES, ONLY_COMPOSE = {"DATA_DIR"}, {"AWS_SESSION_TOKEN"}

DNS = {
    "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
}
DATABASE = {
    "to": [{"podSelector": {"matchLabels": {"app": "postgresql"}}}],
    "ports": [{"protocol": "TCP", "port": 5432}],
}
OUTSIDE = {"ports": [{"protocol": "TCP", "port": 443}]}


def built(folder: Path) -> list[dict]:
    if shutil.which("kubectl") is None:
        lacking("REQUIRE_KUBECTL", "the command kubectl is not there (Debian: apt install kubernetes-client)")
    text = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=True).stdout
    return list(yaml.safe_load_all(text))


@pytest.fixture(scope="module")
def applied() -> list[dict]:
    """What `kubectl apply -k` makes."""
    return built(FOLDER)


@pytest.fixture(scope="module")
def objects(applied) -> list[dict]:
    """That, and the Job that is made apart."""
    return [*applied, yaml.safe_load((FOLDER / "job.yaml").read_text())]


@pytest.fixture(scope="module")
def compose() -> dict[str, dict]:
    """Both files of Compose together, as they are used with PostgreSQL."""
    files = [ROOT / "docker-compose.yml", ROOT / "ui_container" / "postgresql" / "docker-compose.yml"]
    main, database = (yaml.safe_load(path.read_text())["services"] for path in files)
    for name in ("ui_container", "algo_container"):
        main[name]["environment"].update(database[name]["environment"])
    return {**main, "postgresql": database["postgresql"]}


@pytest.fixture(scope="module")
def secrets() -> dict[str, set[str]]:
    """The keys of each Secret that the README's commands make."""
    made = {}
    for command in re.findall(r"^ *(kubectl .*?create secret (?:.*\\\n)*.*)$", README, re.MULTILINE):
        dry = f"{command} --dry-run=client --output yaml"
        text = subprocess.run(["bash", "-ec", dry], capture_output=True, text=True, check=True).stdout
        secret = yaml.safe_load(text)
        assert secret["metadata"]["namespace"] == "chiffres"
        made[secret["metadata"]["name"]] = set(secret["data"])
    return made


def of_kind(objects: list[dict], *kinds: str) -> Iterator[dict]:
    return (one for one in objects if one["kind"] in kinds)


def named(objects: list[dict], kind: str) -> set[str]:
    return {one["metadata"]["name"] for one in of_kind(objects, kind)}


def pods(objects: list[dict]) -> dict[str, dict]:
    """Give every pod's template by its workload."""
    templates = {}
    for one in of_kind(objects, *POD_KINDS):
        spec = one["spec"]["jobTemplate"]["spec"] if one["kind"] == "CronJob" else one["spec"]
        name = one["metadata"].get("name") or one["metadata"]["generateName"]
        templates[f"{one['kind']} {name}"] = spec["template"]
    return templates


def app_of(pod: dict) -> str:
    return pod["metadata"]["labels"]["app"]


def container(pod: dict) -> dict:
    (only,) = pod["spec"]["containers"]
    return only


def mebibytes(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(\w+)", text).groups()
    return int(number) * MEBIBYTES[unit]


def default(text: str | None) -> str | None:
    """Give what Compose passes where nobody has chosen anything; None where that is nothing."""
    return None if text is None else re.sub(r"\$\{\w+:?[-?]([^}]*)\}", r"\1", text)


def told(objects: list[dict], secrets: dict[str, set[str]], pod: dict) -> dict[str, str | None]:
    """Give a container's settings; None for the value of what is secret."""
    settings = {one["metadata"]["name"]: one["data"] for one in of_kind(objects, "ConfigMap")}
    values: dict[str, str | None] = {}
    for source in container(pod).get("envFrom", []):
        if "configMapRef" in source:
            values |= settings[source["configMapRef"]["name"]]
        else:
            values |= dict.fromkeys(secrets[source["secretRef"]["name"]])
    for variable in container(pod)["env"]:
        if "valueFrom" in variable:
            secret = variable["valueFrom"]["secretKeyRef"]
            assert secret["key"] in secrets[secret["name"]]
        values[variable["name"]] = variable.get("value")
    return values


def selects(selector: dict, app: str) -> bool:
    assert set(selector) <= {"matchLabels", "matchExpressions"}
    wanted = [{value} for value in selector.get("matchLabels", {}).values()]
    for expression in selector.get("matchExpressions", []):
        assert (expression["key"], expression["operator"]) == ("app", "In")
        wanted.append(set(expression["values"]))
    return all(app in values for values in wanted)


def let_through(objects: list[dict], direction: str, app: str) -> list[dict]:
    """Give what all policies together allow a pod: rules add up."""
    return [
        rule
        for policy in of_kind(objects, "NetworkPolicy")
        if selects(policy["spec"]["podSelector"], app)
        for rule in policy["spec"].get(direction, [])
    ]


def test_all_objects_are_what_kubernetes_takes(objects):
    newest = kubernetes_validate.latest_version()
    kinds = [one["kind"] for one in objects]
    assert {"HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", *POD_KINDS} <= set(kinds)
    for one in objects:
        kubernetes_validate.validate(one, newest, strict=True)
        assert one["kind"] == "Namespace" or one["metadata"]["namespace"] == "chiffres"


def test_pod_security_restricted_lets_every_pod_in(objects):
    (namespace,) = of_kind(objects, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for pod in pods(objects).values():
        spec, security = pod["spec"], pod["spec"]["securityContext"]
        assert security["runAsNonRoot"] is True and security["runAsUser"] > 0
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(spec)
        assert all((set(volume) - {"name"}) <= RESTRICTED_VOLUMES for volume in spec["volumes"])
        own = container(pod)["securityContext"]
        assert (own["allowPrivilegeEscalation"], own["capabilities"]) == (False, {"drop": ["ALL"]})


def test_nothing_is_given_that_compose_does_not_give(objects, compose):
    for pod in pods(objects).values():
        service, own = compose[SERVICE_OF_POD[app_of(pod)]], container(pod)
        assert service["read_only"] and own["securityContext"]["readOnlyRootFilesystem"] is True
        assert mebibytes(own["resources"]["limits"]["memory"]) == mebibytes(service["mem_limit"])
        assert pod["spec"]["automountServiceAccountToken"] is False
        uid = UIDS.get(service["user"]) or default(service["user"]).partition(":")[0]
        security = pod["spec"]["securityContext"]
        assert {str(security[key]) for key in ("runAsUser", "runAsGroup", "fsGroup")} == {uid}
        assert set(service["tmpfs"]) <= {mount["mountPath"] for mount in own["volumeMounts"]}


def test_a_container_runs_what_it_runs_under_compose_and_is_stopped_in_the_same_time(objects, compose):
    dockerfile = (ROOT / "algo_container" / "Dockerfile").read_text()
    watching = ast.literal_eval(re.findall(r"^CMD (\[.*\])$", dockerfile, re.MULTILINE)[-1])
    assert watching[-1] == "--watch"
    for workload, pod in pods(objects).items():
        service, own = compose[SERVICE_OF_POD[app_of(pod)]], container(pod)
        assert "args" not in own and "command" not in service
        assert own.get("command") == (watching[:-1] if "Job" in workload else None)
        before_s = own.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        stop_s = pod["spec"]["terminationGracePeriodSeconds"] - before_s
        assert f"{stop_s}s" == service["stop_grace_period"]
        if "healthcheck" in service:
            assert own["readinessProbe"]["exec"]["command"] == service["healthcheck"]["test"][1:]
        if "shm_size" in service:
            (shm,) = [volume["emptyDir"] for volume in pod["spec"]["volumes"] if volume["name"] == "shm"]
            assert shm["medium"] == "Memory" and mebibytes(shm["sizeLimit"]) == mebibytes(service["shm_size"])


def test_the_images_are_those_of_compose_and_the_newest_ones(objects, compose):
    bonus = yaml.safe_load((ROOT / "bonus" / "docker-compose.yml").read_text())["services"]
    for pod in pods(objects).values():
        name, own = SERVICE_OF_POD[app_of(pod)], container(pod)
        wanted = bonus[name]["image"] if name in bonus else compose[name]["image"]
        assert own["image"].removeprefix("docker.io/") == default(wanted)
        # `make publish` gives every version the same name.
        assert own.get("imagePullPolicy") == ("Always" if name in bonus else None)


def test_every_program_is_told_what_compose_tells_it_and_nothing_else(objects, compose, secrets):
    for pod in pods(objects).values():
        given, wanted = told(objects, secrets, pod), compose[SERVICE_OF_POD[app_of(pod)]]["environment"]
        assert set(given) - ONLY_KUBERNETES == set(wanted) - ONLY_COMPOSE
        differing = {
            key
            for key, value in wanted.items()
            if value is not None and given.get(key) is not None and given[key] != default(value)
        }
        assert differing <= {"TRUSTED_PROXIES"}, differing  # the Ingress is one
        assert {key for key, value in given.items() if value is None} <= {
            "ADMIN_TOKEN",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "PGPASSWORD",
            "POSTGRES_PASSWORD",
        }
        assert given.get("PORT", "5000") == "5000"
    assert {port["containerPort"] for port in container(pods(objects)["Deployment page"])["ports"]} == {5000}


def test_whoever_is_asked_for_is_there(objects):
    claims, settings = named(objects, "PersistentVolumeClaim"), named(objects, "ConfigMap")
    labels = {app_of(pod) for pod in pods(objects).values()}
    for pod in pods(objects).values():
        volumes = pod["spec"]["volumes"]
        asked = {
            volume["persistentVolumeClaim"]["claimName"] for volume in volumes if "persistentVolumeClaim" in volume
        }
        assert asked <= claims
        own = container(pod)
        assert {one["configMapRef"]["name"] for one in own.get("envFrom", []) if "configMapRef" in one} <= settings
        names = {volume["name"] for volume in volumes} | {"postgresql"}
        assert {mount["name"] for mount in own["volumeMounts"]} <= names
    for one in of_kind(objects, "Service"):
        app = one["spec"]["selector"]["app"]
        ports = {
            port["name"] for pod in pods(objects).values() if app_of(pod) == app for port in container(pod)["ports"]
        }
        assert {port["targetPort"] for port in one["spec"]["ports"]} <= ports
    for one in of_kind(objects, "HorizontalPodAutoscaler"):
        assert one["spec"]["scaleTargetRef"]["name"] in named(objects, one["spec"]["scaleTargetRef"]["kind"])
    for one in of_kind(objects, "PodDisruptionBudget", "NetworkPolicy"):
        selector = one["spec"].get("selector") or one["spec"]["podSelector"]
        assert set(selector.get("matchLabels", {}).values()) <= labels
        assert {app for wanted in selector.get("matchExpressions", []) for app in wanted["values"]} <= labels


def test_the_policies_together_let_each_reach_what_it_needs_and_nothing_else(objects):
    policies = {one["metadata"]["name"]: one["spec"] for one in of_kind(objects, "NetworkPolicy")}
    assert policies["nothing-else"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for app in PROGRAMS:
        assert let_through(objects, "egress", app) == [DNS, DATABASE, OUTSIDE]
    assert let_through(objects, "egress", "postgresql") == []
    assert let_through(objects, "ingress", "trainer") == let_through(objects, "ingress", "training") == []
    (into_page,) = let_through(objects, "ingress", "page")
    assert into_page["ports"] == [{"protocol": "TCP", "port": 5000}]
    (into_database,) = let_through(objects, "ingress", "postgresql")
    assert into_database["ports"] == DATABASE["ports"]
    (sender,) = into_database["from"]
    assert set(sender) == {"podSelector"}
    assert {app for app in SERVICE_OF_POD if selects(sender["podSelector"], app)} == set(PROGRAMS)


def test_what_the_settings_name_is_reached(objects):
    (settings,) = (one["data"] for one in of_kind(objects, "ConfigMap") if "SHARED_DIR" in one["data"])
    store, database = urlsplit(settings["AWS_ENDPOINT_URL"]), urlsplit(settings["DATABASE_URL"])
    assert OUTSIDE["ports"][0]["port"] == (store.port or {"https": 443, "http": 80}[store.scheme])
    assert database.hostname in named(objects, "Service")


def test_a_database_of_ones_own_is_reached_when_the_steps_are_followed(tmp_path):
    (rule,) = re.findall(r"add it below that one in `network.yaml`, such as `(.*?)`", README)
    folder = shutil.copytree(FOLDER, tmp_path / "kubernetes")
    for name, old, new in (
        ("kustomization.yaml", "  - postgresql.yaml\n", ""),
        ("settings.yaml", "digits@postgresql/digits", "digits@db.example.org/digits"),
        (
            "network.yaml",
            "        - {protocol: TCP, port: 443}\n",
            f"        - {{protocol: TCP, port: 443}}\n        {rule}\n",
        ),
    ):
        text = (folder / name).read_text()
        assert text.count(old) == 1
        (folder / name).write_text(text.replace(old, new))
    objects = built(folder)
    assert not named(objects, "StatefulSet") and "db.example.org" in str(list(of_kind(objects, "ConfigMap")))
    for app in PROGRAMS:
        anywhere = [rule["ports"] for rule in let_through(objects, "egress", app) if "to" not in rule]
        assert anywhere == [[*OUTSIDE["ports"], *DATABASE["ports"]]]


def test_an_update_and_an_eviction_leave_somebody_to_answer(objects):
    page = next(one for one in of_kind(objects, "Deployment") if one["metadata"]["name"] == "page")
    assert "replicas" not in page["spec"], "the autoscaler's number would be lost at every apply"
    assert page["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    (scaler,), (budget,) = of_kind(objects, "HorizontalPodAutoscaler"), of_kind(objects, "PodDisruptionBudget")
    assert scaler["spec"]["minReplicas"] > budget["spec"]["minAvailable"] >= 1


def test_a_database_that_is_away_takes_no_page_out_of_service(objects):
    """While it is, `/readyz` says 503 and the model is ready: tests/test_replicas.py."""
    own = container(pods(objects)["Deployment page"])
    assert own["readinessProbe"]["httpGet"]["path"] == "/v2/models/digits/ready"
    assert own["startupProbe"]["httpGet"]["path"] == own["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_one_trainer_watches_and_shows_that_it_lives(objects):
    trainer = next(one for one in of_kind(objects, "Deployment") if one["metadata"]["name"] == "trainer")
    assert (trainer["spec"]["replicas"], trainer["spec"]["strategy"]) == (1, {"type": "Recreate"})
    assert trainer["spec"]["selector"]["matchLabels"] == {"app": "trainer"}
    assert [workload for workload, pod in pods(objects).items() if app_of(pod) == "trainer"] == ["Deployment trainer"]
    probe = container(trainer["spec"]["template"])["livenessProbe"]["exec"]["command"]
    dockerfile = (ROOT / "algo_container" / "Dockerfile").read_text()
    assert str(probe).replace("'", '"') in dockerfile


def test_a_training_is_started_again_by_the_same_command_and_no_apply_stops_it(applied, objects):
    assert not list(of_kind(applied, "Job")), "a Job's template cannot be changed, so that applying a new one fails"
    (job,), (monthly,) = of_kind(objects, "Job"), of_kind(objects, "CronJob")
    assert job["metadata"] == {"generateName": "training-", "namespace": "chiffres"}
    assert "suspend" not in job["spec"]
    assert {key: value for key, value in job["spec"].items() if key != "ttlSecondsAfterFinished"} == monthly["spec"][
        "jobTemplate"
    ]["spec"]


def test_no_secret_is_in_a_file_and_only_the_page_has_the_administrators_token(objects, secrets):
    assert not list(of_kind(objects, "Secret"))
    having = {app_of(pod) for pod in pods(objects).values() if "ADMIN_TOKEN" in told(objects, secrets, pod)}
    assert having == {"page"}


def test_the_readmes_commands_name_what_is_there(objects, secrets):
    asked = set(re.findall(r"\b(deployment|service)/(\w+)", README))
    assert asked == {("deployment", "page"), ("deployment", "trainer"), ("service", "page")}
    assert all(name in named(objects, kind.capitalize()) for kind, name in asked)
    ((secret, key),) = re.findall(r"get secret (\w+) .*\.data\.(\w+) ", README)
    assert key in secrets[secret]
    assert set(re.findall(r"--namespace (\w+)", README)) == {"chiffres"}
    # What is given to kubectl as a file must say itself where it belongs.
    files = re.findall(r"kubectl \w+ -f (\S+?)[`\s]", README)
    assert set(files) == {"deploy/kubernetes/namespace.yaml", "deploy/kubernetes/job.yaml"}
    for file in files:
        for one in yaml.safe_load_all((ROOT / file).read_text()):
            assert one["kind"] == "Namespace" or one["metadata"]["namespace"] == "chiffres"
