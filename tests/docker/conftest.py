"""What every test with containers needs: an engine, and images. With REQUIRE_DOCKER set nothing is skipped."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from container_engine import docker, missing
from kafka_container import IMAGE, ContainerBroker
from readme_text import TREE

from sluicegate.streams.state_folder import StateFolder

CONTEXT = (
    "streams",
    "schemas",
    "processors",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    ".dockerignore",
    "compose",
)
"""What the image is built from."""


@pytest.fixture(scope="session")
def engine() -> str:
    """The version of the engine that runs."""
    if shutil.which("docker") is None:
        missing("the program `docker` is not installed")
    said = docker("version", "--format", "{{.Server.Version}}")
    if said.returncode:
        missing(f"no container engine answers: {said.stderr.strip()}")
    return said.stdout.strip()


@pytest.fixture(scope="session")
def kafka_image(engine: str) -> str:
    """The image of Apache Kafka, which must be there: a test downloads nothing."""
    del engine
    if docker("image", "inspect", IMAGE).returncode:
        missing(f"there is no image `{IMAGE}`: docker pull it, or name one with KAFKA_IMAGE")
    return IMAGE


@pytest.fixture(scope="session")
def kafka_container(kafka_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerBroker]:
    """One Kafka in a container for the whole session; a test that breaks it mends it."""
    del kafka_image
    broker = ContainerBroker.start(StateFolder(tmp_path_factory.mktemp("container")))
    try:
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="session")
def own_image(engine: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Our own image, built from the checkout by the Dockerfile that ships.

    PYTHON_IMAGE names the base and WHEELS a folder with every wheel that is needed: then it is built without a network.
    """
    del engine
    base, wheels = os.environ.get("PYTHON_IMAGE", "python:3.12-slim"), os.environ.get("WHEELS")
    if docker("image", "inspect", base).returncode:
        missing(f"there is no image `{base}`: docker pull it, or name one with PYTHON_IMAGE")
    context = tmp_path_factory.mktemp("context")
    for name in CONTEXT:
        source = TREE / name
        if source.is_dir():
            shutil.copytree(source, context / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, context)
    offline = ("--network", "none", "--build-arg", "PIP_NO_INDEX=1") if wheels else ("--network", "host")
    for wheel in Path(wheels).glob("*.whl") if wheels else ():
        shutil.copy(wheel, context / "compose" / "wheels")
    image = "sluicegate:test"
    built = docker(
        *("build", "--force-rm", *offline, "--build-arg", f"BASE={base}", "--tag", image),
        *("--file", str(context / "compose" / "Dockerfile"), str(context)),
    )
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    return image
