"""What `import sluicegate` offers, and what it does not load."""

import subprocess
import sys

import pytest

import sluicegate

PUBLIC = ["AgentClient", "AuditReader", "Executor", "ReviewerClient", "gated"]


def test_the_public_names_are_exactly_these() -> None:
    """Adding or removing one is a decision."""
    assert sluicegate.__all__ == PUBLIC
    assert set(PUBLIC) <= set(dir(sluicegate))


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_can_be_had(name: str) -> None:
    """Lazily, and the same object each time."""
    assert getattr(sluicegate, name) is getattr(sluicegate, name)


def test_other_names_are_errors() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="Nonsense"):
        _ = sluicegate.Nonsense


def test_importing_the_package_loads_no_kafka_client() -> None:
    """A tool that only wants the version pays nothing."""
    code = "import sluicegate, sys; print([m for m in sys.modules if m.startswith(('confluent', 'sluicegate.', 'nacl'))])"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
