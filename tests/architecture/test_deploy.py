"""What deploy/ starts is what the Procfile lists: a process added to one and not to the others would be missed in production."""

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
# Where a process listens, how many of it there are and where beat keeps its clock differ by place.
PLACES = ("--host", "--port", "--workers", "--concurrency", "--schedule")

Commands = dict[str, list[str]]


def essence(command: list[str]) -> list[str]:
    """Return a command without the interpreter and without what differs by place."""
    words = iter(command)
    kept: list[str] = []
    for word in words:
        if word in PLACES:
            next(words)
        elif word not in (".venv/bin/python", "python", "-m"):
            kept.append(word)
    return kept


def procfile() -> Commands:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {name: essence(shlex.split(command)) for name, command in (line.split(": ", 1) for line in lines)}


def compose() -> Commands:
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    return {name: essence(service["command"]) for name, service in services.items() if "build" in service}


def kubernetes() -> Commands:
    names = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    documents: list[dict[str, Any]] = [
        document for name in names for document in yaml.safe_load_all((KUBERNETES / name).read_text())
    ]
    pods = [one for one in documents if one["kind"] in ("Deployment", "StatefulSet", "Job")]
    containers = [container for pod in pods for container in pod["spec"]["template"]["spec"]["containers"]]
    return {container["name"]: essence(container["command"]) for container in containers}


@pytest.mark.parametrize("place", [compose, kubernetes])
def test_every_process_is_started_as_the_procfile_says(place: Any) -> None:
    commands = place()
    assert commands.pop("migrate") == ["manage.py", "migrate", "--no-input"]
    assert commands == procfile()


def test_every_manifest_is_in_the_kustomization() -> None:
    files = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]) == files


def test_a_worker_keeps_its_journal_when_its_container_is_replaced() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    assert "journal:/var/lib/drumbeat/journal" in services["worker"]["volumes"]
    worker = next(yaml.safe_load_all((KUBERNETES / "worker.yaml").read_text()))
    assert worker["kind"] == "StatefulSet"
    assert worker["spec"]["volumeClaimTemplates"][0]["metadata"]["name"] == "journal"
