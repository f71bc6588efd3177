"""What compose/compose.yaml may say, read without an engine: rights, ports, secrets."""

import re
from collections.abc import Mapping
from typing import Any, Final

import pytest
import yaml
from readme_text import TREE

TEXT: Final = (TREE / "compose" / "compose.yaml").read_text(encoding="utf-8")
EXAMPLE: Final = (TREE / "compose" / ".env.example").read_text(encoding="utf-8")
DOCKERFILE: Final = (TREE / "compose" / "Dockerfile").read_text(encoding="utf-8")
SERVICES: Final[Mapping[str, Mapping[str, Any]]] = yaml.safe_load(TEXT)["services"]
OURS: Final = sorted(name for name in SERVICES if name != "kafka")


def test_the_stack_is_exactly_these_services() -> None:
    """A new one has to pass every test below, and stands in README.md."""
    assert set(SERVICES) == {"network", "prepare", "kafka", "setup", "gate", "masking"}


def test_one_port_is_published_and_on_loopback_only() -> None:
    """Kafka's, without TLS: it must not be reachable from another machine."""
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports == ["127.0.0.1:${KAFKA_PORT:-9092}:${KAFKA_PORT:-9092}"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_container_gets_more_than_it_needs(name: str) -> None:
    """No capability, no way to gain one, no namespace and no folder of the host."""
    service = SERVICES[name]
    assert not service.get("privileged")
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "no-new-privileges:true" in service["security_opt"]
    assert not {"pid", "ipc", "devices", "env_file"} & set(service)
    assert service.get("network_mode") in {None, "none", "service:network"}
    sources = [
        one["source"] if isinstance(one, dict) else one.partition(":")[0]
        for one in service.get("volumes", ())
    ]
    assert set(sources) <= set(yaml.safe_load(TEXT)["volumes"])


@pytest.mark.parametrize("name", OURS)
def test_ours_run_as_nobody_in_particular_on_a_file_system_they_cannot_write(name: str) -> None:
    """What has to be written is in named volumes."""
    assert SERVICES[name]["user"] == "10001:10001"
    assert SERVICES[name]["read_only"] is True
    assert "USER 10001" in DOCKERFILE


@pytest.mark.parametrize("name", ["gate", "masking"])
def test_what_runs_cannot_change_its_own_keys_and_sees_no_others(name: str) -> None:
    """One folder, read-only."""
    assert SERVICES[name]["volumes"] == [f"{name}:/var/lib/sluicegate/{name}:ro"]


def test_everything_that_stays_is_watched_and_comes_back() -> None:
    """A health check and a restart policy, but for what runs once; `network` only holds the network."""
    stays = [name for name, service in SERVICES.items() if service.get("restart") == "unless-stopped"]
    assert sorted(stays) == ["gate", "kafka", "masking", "network"]
    assert all("healthcheck" in SERVICES[name] for name in stays if name != "network")


def test_what_runs_once_is_waited_for() -> None:
    """Otherwise `up --wait` would take its end for a failure."""
    waited = {
        other
        for service in SERVICES.values()
        for other, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }
    assert waited == {"prepare", "setup"}


def test_no_secret_stands_in_it() -> None:
    """Keys and passwords are made by `prepare`; neither file names one."""
    names = {name for service in SERVICES.values() for name in service.get("environment", {})}
    assert names == {
        "KAFKA_HEAP_OPTS",
        *(f"SLUICEGATE_{name}" for name in ("BOOTSTRAP", "DEPLOYMENT", "PARTITIONS")),
        *(f"SLUICEGATE_GATE__{name}" for name in ("WORKERS", "HTTP")),
        *(f"SLUICEGATE_MASKING__{name}" for name in ("WORKERS", "HTTP")),
    }
    assert not re.search(r"secret\w*:|password\s*[:=]|jaas", TEXT + EXAMPLE, re.IGNORECASE)


def test_the_example_of_settings_names_what_the_file_takes() -> None:
    """With the defaults of the file."""
    taken = dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", TEXT)) | {"PYTHON_IMAGE": "python:3.12-slim"}
    del taken["COMPOSE_PROJECT_NAME"]
    assert dict(re.findall(r"^([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE)) == taken
    assert "ARG BASE=python:3.12-slim\n" in DOCKERFILE


def test_both_builders_take_the_dockerfile() -> None:
    """No cache or secret mounts: an engine without BuildKit builds it too."""
    assert "RUN --mount" not in DOCKERFILE
    assert (TREE / "compose" / "wheels" / ".gitkeep").exists()
