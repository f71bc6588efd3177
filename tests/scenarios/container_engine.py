"""The container engine of this machine, as tests call it."""

import os
import subprocess
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip on a developer's machine; fail where the run is said to include containers."""
    if os.environ.get("REQUIRE_DOCKER"):
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


def docker(*words: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
    """The client, with what it said."""
    command = ["docker", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
