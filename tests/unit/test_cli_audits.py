"""`verify --export`, and the offsets of `audit replay`: no Kafka is needed to check evidence."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sluicegate.processors.verification import Placed
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.cli import app
from sluicegate.streams.cli.audits import read_offsets
from sluicegate.streams.cli.starter import policy
from sluicegate.streams.clients.audit_export import json_line
from sluicegate.streams.clients.reading import read_record
from sluicegate.streams.testing.gate_driver import GateDriver


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """What `audit replay --json` writes of a gate that granted, held and expired."""
    gate = GateDriver(policy())
    gate.person("p-ann", groups=["security"])
    gate.person("p-bob")
    gate.agent("ops", owners=["p-bob"])
    gate.executor("crm", types=["crm.read", "crm.delete"])
    for number in range(3):
        gate.submit("ops", "crm.read", {"id": number})
    gate.submit("ops", "crm.delete", {"records": 3})
    gate.run()
    gate.advance(31 * 60_000)
    lines = [
        json_line(
            Placed(
                record.position.partition,
                record.position.offset,
                record.append_ms,
                read_record(record, AuditEntry),
            )
        )
        for record in gate.driver.read("audit")
    ]
    path = tmp_path / "audit.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_clean_export_verifies_with_status_0(export: Path) -> None:
    """Every invariant is listed with what was checked."""
    done = CliRunner().invoke(app, ["verify", "--export", str(export), "--json"])
    report = json.loads(done.stdout)
    assert (done.exit_code, report["ok"], report["violations"]) == (0, True, 0)
    assert {"I1", "I2", "I3", "I4", "I5", "I8", "I12"} <= report["invariants"].keys()
    shown = CliRunner().invoke(app, ["verify", "--export", str(export)])
    assert "at most one grant per action" in shown.stdout
    assert "clean" in shown.stdout


def test_an_export_that_lacks_an_entry_is_a_violation(export: Path) -> None:
    """Status 1, and the finding names a place."""
    lines = export.read_text().splitlines()
    granted = next(place for place, line in enumerate(lines) if "action.granted" in line)
    export.write_text("\n".join(lines[:granted] + lines[granted + 1 :]))
    done = CliRunner().invoke(app, ["verify", "--export", str(export)])
    assert done.exit_code == 1
    assert "I5 at audit-" in done.stdout


def test_nothing_proves_nothing(tmp_path: Path) -> None:
    """An empty log is no clean log."""
    (tmp_path / "empty").write_text("")
    done = CliRunner().invoke(app, ["verify", "--export", str(tmp_path / "empty")])
    assert done.exit_code == 1
    assert "nothing is proven" in done.stdout


def test_a_line_that_is_no_entry_is_named_and_not_repeated(tmp_path: Path) -> None:
    """An export may have gone through many hands."""
    (tmp_path / "odd").write_text('{"secret": 1}\n')
    done = CliRunner().invoke(app, ["verify", "--export", str(tmp_path / "odd")])
    assert done.exit_code == 2
    assert "line 1" in done.stderr
    assert "secret" not in done.output


def test_offsets_are_of_all_partitions_or_of_those_named() -> None:
    """`2@10` leaves the other partitions out."""
    assert read_offsets([]) == (0, None)
    assert read_offsets(["7"]) == (7, None)
    first, named = read_offsets(["2@10"])
    assert (first, named and named.keys(), named and named[2][0]) == (0, {2}, 10)
    for wrong in ("x", "@3", "1@", "-1"):
        with pytest.raises(ConfigurationError, match="is no offset"):
            read_offsets([wrong])
