"""What deploy/ has for services, image, compose and Helm: read as those who run it read it. The chart is rendered by Helm's own engine."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import helm_python as helm
import kubernetes_validate
import pytest
import yaml

from orchestrator.cli.pool import up_command
from orchestrator.cli.serve import serve_command
from orchestrator.cli.worker import worker_command

DEPLOY = Path(__file__).parent.parent / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SECRET = {"store": {"passwordSecret": "db"}}
OUTSIDE = {
    "store": {"passwordSecret": "db", "url": "postgresql://nightcrew@db/nightcrew"},
    "broker": {"urlSecret": "queue"},
    "config": '[sandbox]\ndriver = "local"\n',
    "secrets": ["models"],
    "metrics": {"podMonitor": True},
    "security": {"fuse": "devices/fuse"},
    "repositories": {"claim": "code"},
}
NODES = {"replicas": 3, "can": ["fuse", "big-disk"], "resources": {"limits": {"cpu": "4", "nvidia.com/gpu": 1}}}
RAY = {**OUTSIDE, "ray": {"enabled": True, "groups": {"workers": NODES}, "pool": '[place]\nray = "auto"\n'}}


def unit(path: Path) -> ConfigParser:
    read = ConfigParser(strict=False, interpolation=None)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read(path)
    return read


def rendered(values: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    with helm.Chart.load(DEPLOY / "helm/nightcrew") as chart:
        files = chart.render(dict(values), name="nc", namespace="night")
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    documents = [each for text in texts for each in yaml.safe_load_all(text) if each]
    return {(each["kind"], each["metadata"]["name"]): each for each in documents}


def takes(options: list[str]) -> None:
    """Check that a command knows the options it is started with."""
    command = {"serve": serve_command, "worker": worker_command, "pool": up_command}[options[0]]
    known = {name for parameter in command.params for name in parameter.opts}
    assert {each.partition("=")[0] for each in options[1:] if each.startswith("--")} <= known


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_is_hardened_and_leaves_what_sandboxes_need(path: Path) -> None:
    service = unit(path)["Service"]
    assert (
        service["NoNewPrivileges"] == "yes"
        and service["CapabilityBoundingSet"] == ""
        and service["User"] == "nightcrew"
    )
    assert service["DeviceAllow"] == "/dev/fuse rw" and "user" in service["RestrictNamespaces"]
    assert "@mount" in service["SystemCallFilter"]
    # Each of these puts something over /proc, and no sandbox could have one of its own then.
    assert not {"ProtectKernelTunables", "ProtectKernelLogs", "ProtectProc", "ProcSubset", "ProtectHostname"} & set(
        service
    )
    takes([word for word in service["ExecStart"].split()[1:] if not word.startswith("$")])


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_understands_each_line_of_a_unit(path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is not None:
        done = subprocess.run([program, "verify", path], capture_output=True, text=True, check=False)
        # That the program is not there yet is all that it may say of this file.
        said = [line for line in done.stderr.splitlines() if path.name in line and "is not executable" not in line]
        assert said == []


def test_the_image_is_of_a_given_base_and_its_user_is_not_root() -> None:
    lines = (DEPLOY / "image/Dockerfile").read_text("utf-8").splitlines()
    assert (
        lines[1].startswith("ARG BASE=") and [line for line in lines if line.startswith("FROM")][-1] == "FROM ${BASE}"
    )
    assert "USER 10001:10001" in lines and any(line.startswith("HEALTHCHECK") for line in lines)
    entry = next(line for line in lines if line.startswith("ENTRYPOINT"))
    assert yaml.safe_load(entry.partition(" ")[2]) == ["/usr/bin/tini", "--", "nightcrew"]
    takes(yaml.safe_load(next(line for line in lines if line.startswith("CMD")).partition(" ")[2]))


def test_the_scripts_that_check_image_and_compose_are_programs() -> None:
    for script, words in ((DEPLOY / "image/check.sh", ["bash", "-n"]), (DEPLOY / "compose/check.py", [sys.executable])):
        assert script.stat().st_mode & 0o111
        said = subprocess.run([*words, script], capture_output=True, text=True, check=False).stderr
        assert "Traceback" not in said and ("check.py BASE" in said or script.suffix == ".sh")


def test_compose_opens_one_port_to_this_host_and_holds_no_secret() -> None:
    composed = yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text("utf-8"))
    services = composed["services"]
    assert set(services) == {"password", "serve", "worker", "redis", "postgres"}
    assert {name: each["ports"] for name, each in services.items() if "ports" in each} == {
        "serve": ["127.0.0.1:8484:8484"]
    }
    assert all("healthcheck" in services[name] for name in ("redis", "postgres"))
    for name in ("serve", "worker"):
        assert services[name]["cap_drop"] == ["ALL"] and services[name]["depends_on"]["postgres"]
        assert "no-new-privileges" in services[name]["security_opt"] and "stop_grace_period" in services[name]
        takes(services[name]["command"])


def test_the_password_of_compose_is_made_once_and_readable_to_its_owner_alone(tmp_path: Path) -> None:
    (program,) = yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text("utf-8"))["services"]["password"]["command"]

    def made() -> dict[str, str]:
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
        return {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}

    first = made()
    assert first["pgpass"] == f"postgres:*:nightcrew:nightcrew:{first['word']}\n" and len(first["word"]) > 30
    assert made() == first


@pytest.mark.parametrize("values", [SECRET, OUTSIDE], ids=["bundled", "outside"])
def test_the_chart_has_a_server_and_workers_that_drain(values: Mapping[str, Any]) -> None:
    found = rendered(values)
    serve, worker = found["Deployment", "nc-serve"]["spec"], found["StatefulSet", "nc-worker"]["spec"]
    assert (serve["replicas"], worker["replicas"]) == (1, 2)
    assert worker["template"]["spec"]["terminationGracePeriodSeconds"] == 300
    for spec in (serve, worker):
        (container,) = spec["template"]["spec"]["containers"]
        secured = container["securityContext"]
        assert secured["runAsNonRoot"] and secured["capabilities"] == {"drop": ["ALL"]}
        assert not secured["allowPrivilegeEscalation"]
        mounted = {each["name"] for each in container["volumeMounts"]}
        assert mounted == {each["name"] for each in spec["template"]["spec"]["volumes"]}
        takes(container["args"])
        names = {each["name"]: each for each in container["env"]}
        assert "valueFrom" in names["PGPASSWORD"] and names["NIGHTCREW_STORE"]["value"].startswith(
            "postgresql://nightcrew@"
        )
        labels = spec["template"]["metadata"]["labels"]
        assert spec["selector"]["matchLabels"].items() <= labels.items()


@pytest.mark.parametrize("values", [SECRET, OUTSIDE, RAY], ids=["bundled", "outside", "ray"])
def test_what_the_chart_makes_is_as_kubernetes_describes_it(values: Mapping[str, Any]) -> None:
    for (kind, _), document in rendered(values).items():
        # Operators bring the descriptions of their own kinds.
        if kind not in ("PodMonitor", "RayCluster"):
            kubernetes_validate.validate(document, "1.33", strict=True)


def test_the_chart_has_a_ray_cluster_with_whoever_hands_work_out_beside_its_head() -> None:
    found = rendered(RAY)
    cluster = found["RayCluster", "nc-ray"]["spec"]
    (group,) = cluster["workerGroupSpecs"]
    head, node = cluster["headGroupSpec"], group["template"]["spec"]
    for pod in (head["template"]["spec"], node):
        kubernetes_validate.validate({"apiVersion": "v1", "kind": "Pod", "spec": pod}, "1.33", strict=True)
        volumes = {each["name"] for each in pod["volumes"]}
        for container in pod["containers"]:
            # Who joins a node shares its sockets and its memory.
            mounted = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
            assert {"/tmp/ray", "/dev/shm", "/var/lib/nightcrew"} <= set(mounted) and set(mounted.values()) <= volumes
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            if "args" in container:
                takes(container["args"])
    assert [each["name"] for each in head["template"]["spec"]["containers"]] == ["ray", "foreman", "pool"]
    assert head["rayStartParams"]["num-cpus"] == "0", "nothing runs where the work is handed out"
    # Quoted for the shell, by which KubeRay's operator starts a node.
    assert json.loads(shlex.split(group["rayStartParams"]["resources"])[0]) == {"fuse": 1, "big-disk": 1}
    assert node["containers"][0]["resources"]["limits"] == {
        "cpu": "4",
        "nvidia.com/gpu": 1,
        "devices/fuse": 1,
        "memory": "16Gi",
    }
    selector = found["Service", "nc-pool"]["spec"]["selector"]
    assert selector.items() <= head["template"]["metadata"]["labels"].items()
    assert not any(kind == "RayCluster" for kind, _ in rendered(OUTSIDE))


def test_the_chart_bundles_what_is_not_named() -> None:
    assert {("Deployment", "nc-redis"), ("StatefulSet", "nc-postgres")} <= set(rendered(SECRET))
    found = rendered(OUTSIDE)
    assert not {("Deployment", "nc-redis"), ("StatefulSet", "nc-postgres")} & set(found)
    assert {("PodMonitor", "nc"), ("ConfigMap", "nc-config")} <= set(found)
    (container,) = found["StatefulSet", "nc-worker"]["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == {"limits": {"devices/fuse": 1}}
    assert container["envFrom"] == [{"secretRef": {"name": "models"}}]


@pytest.mark.parametrize(
    "wrong",
    [{}, {"store": {"passwordSecret": "db", "url": "postgresql://crew:hunter2@db/x"}}, {**SECRET, "workers": 3},
     {**SECRET, "worker": {"workers": 0}}, {**SECRET, "ray": {"groups": {"workers": {"can": ["a b"]}}}}],
    ids=["no password", "a password in the address", "an unknown value", "no workers", "no name of an ability"],
)  # fmt: skip
def test_the_chart_refuses_values_that_cannot_work(wrong: Mapping[str, Any]) -> None:
    with pytest.raises(helm.HelmValuesError):
        rendered(wrong)
