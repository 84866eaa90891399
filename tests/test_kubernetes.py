"""The manifests for Kubernetes are valid, fit together, let nothing do more than it needs, and keep step with Compose.

No cluster is started: `kubectl kustomize` puts them together, and they are held against Kubernetes' own schemas.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator

import kubernetes_validate
import pytest
import yaml
from conftest import ROOT
from lacking import lacking

FOLDER = ROOT / "deploy" / "kubernetes"
POD_KINDS = ("Deployment", "StatefulSet", "Job", "CronJob")
# Of Pod Security's `restricted`, as far as they are used here.
RESTRICTED_VOLUMES = {"emptyDir", "persistentVolumeClaim"}
SERVICE_OF_POD = {"page": "ui_container", "trainer": "algo_container", "postgresql": "postgresql"}
MEBIBYTES = {"Mi": 1, "Gi": 1024, "m": 1, "g": 1024}


@pytest.fixture(scope="module")
def objects() -> list[dict]:
    if shutil.which("kubectl") is None:
        lacking("REQUIRE_KUBECTL", "the command kubectl is not there (Debian: apt install kubernetes-client)")
    built = subprocess.run(["kubectl", "kustomize", FOLDER], capture_output=True, text=True, check=True).stdout
    return list(yaml.safe_load_all(built))


@pytest.fixture(scope="module")
def compose() -> dict[str, dict]:
    files = [ROOT / "docker-compose.yml", ROOT / "ui_container" / "postgresql" / "docker-compose.yml"]
    main, database = (yaml.safe_load(path.read_text())["services"] for path in files)
    return {**main, "postgresql": database["postgresql"]}


def of_kind(objects: list[dict], *kinds: str) -> Iterator[dict]:
    return (one for one in objects if one["kind"] in kinds)


def named(objects: list[dict], kind: str) -> set[str]:
    return {one["metadata"]["name"] for one in of_kind(objects, kind)}


def pods(objects: list[dict]) -> dict[str, dict]:
    """Give every pod's template by its workload."""
    templates = {}
    for one in of_kind(objects, *POD_KINDS):
        spec = one["spec"]["jobTemplate"]["spec"] if one["kind"] == "CronJob" else one["spec"]
        templates[f"{one['kind']} {one['metadata']['name']}"] = spec["template"]
    return templates


def container(pod: dict) -> dict:
    (only,) = pod["spec"]["containers"]
    return only


def mebibytes(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(\w+)", text).groups()
    return int(number) * MEBIBYTES[unit]


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
        service, own = compose[SERVICE_OF_POD[pod["metadata"]["labels"]["app"]]], container(pod)
        assert service["read_only"] and own["securityContext"]["readOnlyRootFilesystem"] is True
        assert mebibytes(own["resources"]["limits"]["memory"]) == mebibytes(service["mem_limit"])
        assert pod["spec"]["automountServiceAccountToken"] is False


def test_the_images_are_those_of_compose(objects, compose):
    bonus = yaml.safe_load((ROOT / "bonus" / "docker-compose.yml").read_text())["services"]
    for pod in pods(objects).values():
        name, image = SERVICE_OF_POD[pod["metadata"]["labels"]["app"]], container(pod)["image"]
        wanted = bonus[name]["image"] if name in bonus else compose[name]["image"]
        assert image.removeprefix("docker.io/") == wanted.replace("${DOCKERHUB_USER:-meriemtest}", "meriemtest")


def test_every_setting_is_one_that_compose_passes_too(objects, compose):
    (settings,) = of_kind(objects, "ConfigMap")
    known = {name for service in compose.values() for name in service.get("environment", {})}
    known |= {"DATA_DIR"}  # under Compose the shared folder
    given = set(settings["data"])
    for pod in pods(objects).values():
        given |= {variable["name"] for variable in container(pod)["env"]}
    assert given <= known, given - known


def test_whoever_is_asked_for_is_there(objects):
    claims, settings = named(objects, "PersistentVolumeClaim"), named(objects, "ConfigMap")
    labels = {pod["metadata"]["labels"]["app"] for pod in pods(objects).values()}
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
            port["name"]
            for pod in pods(objects).values()
            if pod["metadata"]["labels"]["app"] == app
            for port in container(pod)["ports"]
        }
        assert {port["targetPort"] for port in one["spec"]["ports"]} <= ports
    for one in of_kind(objects, "HorizontalPodAutoscaler"):
        assert one["spec"]["scaleTargetRef"]["name"] in named(objects, one["spec"]["scaleTargetRef"]["kind"])
    for one in of_kind(objects, "PodDisruptionBudget", "NetworkPolicy"):
        selector = one["spec"].get("selector") or one["spec"]["podSelector"]
        assert set(selector.get("matchLabels", {}).values()) <= labels


def test_what_no_policy_names_is_refused_and_the_database_reaches_nothing(objects):
    policies = {one["metadata"]["name"]: one["spec"] for one in of_kind(objects, "NetworkPolicy")}
    assert policies["nothing-else"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert "egress" not in policies["postgresql"] and "ingress" not in policies["trainer"]
    (into_database,) = policies["postgresql"]["ingress"]
    assert [set(one) for one in into_database["from"]] == [{"podSelector"}]


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
    probe = container(trainer["spec"]["template"])["livenessProbe"]["exec"]["command"]
    dockerfile = (ROOT / "algo_container" / "Dockerfile").read_text()
    assert str(probe).replace("'", '"') in dockerfile


def test_no_secret_is_in_a_file(objects):
    assert not list(of_kind(objects, "Secret"))
    referred = {pod["metadata"]["labels"]["app"]: str(container(pod)) for pod in pods(objects).values()}
    assert all("'name': 'chiffres'" in text for text in referred.values())
