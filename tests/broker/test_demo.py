"""`sluicegate demo`: it ends well only because everything was refused that had to be."""

import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from sluicegate.processors.verification import Report
from sluicegate.schemas.errors import TimedOutError
from sluicegate.streams.demo import scene, stage
from sluicegate.streams.demo.story import (
    STEPS,
    Finding,
    Line,
    exports_patient_rows,
    starts_containers,
)

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def test_everything_that_must_be_refused_is_refused(tmp_path: Path) -> None:
    """Exit status 0, every step told, every finding held, and the audit log clean."""
    command = [Path(sys.executable).with_name("sluicegate"), "demo"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    told = ended.stdout
    for number, step in enumerate(STEPS, start=1):
        assert f"{number}. {(step.__doc__ or '').strip(' .')}" in told
    held = told.count("✓")
    assert f"{held} of {held} findings hold" in told
    assert "✗" not in told
    assert "clean: " in told
    assert list(tmp_path.iterdir()) == []


def played() -> tuple[bool, str]:
    """Whether the demo ends well, and what it said."""
    reports: list[Report] = []
    console = Console(file=StringIO(), width=200)
    good = stage.show(console, reports.append, workers=1, keep=False)
    assert isinstance(console.file, StringIO)
    assert [report.ok for report in reports] == [True]
    return good, console.file.getvalue()


def test_findings_that_do_not_hold_end_it_badly(monkeypatch: pytest.MonkeyPatch) -> None:
    """With somebody else as the agent's owner Olu's approval counts: that line is marked, and so is one that lies."""

    def lies(_: scene.Scene) -> Iterator[Line]:
        """It lies."""
        yield Finding("water runs uphill", "it does not", holds=False)

    monkeypatch.setattr(scene, "OWNER", "mara")
    monkeypatch.setattr(stage, "STEPS", (lies, exports_patient_rows))
    good, told = played()
    assert not good
    assert "✗ water runs uphill" in told
    assert "✗ Olu answers for the agent, so Olu's approval does not count  [counted]" in told


def test_a_gate_that_asks_nobody_would_end_it_badly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that lets forty containers start: the story waits for a request in vain and stops with an error."""
    weak = (
        scene.policy().replace("replicas <= 3", "replicas <= 300").replace("replicas > 3", "replicas > 300")
    )
    monkeypatch.setattr(scene, "policy", lambda: weak)
    monkeypatch.setattr(scene, "WAIT_S", 3.0)
    monkeypatch.setattr(stage, "STEPS", (starts_containers,))
    with pytest.raises(TimedOutError, match="nobody was asked"):
        played()
