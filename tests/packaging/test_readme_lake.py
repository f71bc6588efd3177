"""The questions that README.md asks of an export get their answers from a real one, in DuckDB."""

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from audit_source import Listed, placed_history, records_of
from readme_text import blocks

from sluicegate.streams.lake.export import export

VIEW, WHO, WHY, LOST = (block.text for block in blocks() if block.language == "sql")
FIRST, SECOND = date(2023, 11, 14), date(2023, 11, 15)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> duckdb.DuckDBPyConnection:
    """DuckDB in the folder where the export is, with the view."""
    export(Listed(records_of([*placed_history(0), *placed_history(1)])), tmp_path / "audit-lake")
    monkeypatch.chdir(tmp_path)
    connection = duckdb.connect()
    connection.execute(VIEW)
    return connection


def answers(asked: duckdb.DuckDBPyConnection, question: str) -> list[tuple[Any, ...]]:
    """Every row."""
    return asked.execute(question).fetchall()


def test_who_approved_what_and_how_fast(asked: duckdb.DuckDBPyConnection) -> None:
    """By person, kind of action and choice; the time is from the request to the decision's arrival."""
    assert answers(asked, WHO) == [
        ("p-2", "crm.update", "reject", 4, 30.0),
        ("p-1", "crm.update", "approve", 4, 90.0),
    ]


def test_what_was_refused_and_why(asked: duckdb.DuckDBPyConnection) -> None:
    """By day, outcome and reason."""
    assert answers(asked, WHY) == [
        (FIRST, "denied", "policy", 2),
        (FIRST, "rejected", "rejected", 2),
        (SECOND, "denied", "policy", 2),
        (SECOND, "rejected", "rejected", 2),
    ]


def test_what_ended_unknown(asked: duckdb.DuckDBPyConnection) -> None:
    """Every lost execution, and that nobody has settled it."""
    found = answers(asked, LOST)
    assert sorted(row[1] for row in found) == ["ac-0-2", "ac-0-7", "ac-1-2", "ac-1-7"]
    assert [row[3] for row in found] == sorted(row[3] for row in found)
    assert {row[4] for row in found} == {None}


def test_a_digest_prints_as_everywhere(asked: duckdb.DuckDBPyConnection) -> None:
    """What README.md says prints one: lower-case hex, as in JSON."""
    wanted = {one.entry.action_digest.hex() for one in placed_history(0) if one.entry.action_digest}
    found = answers(
        asked,
        "SELECT DISTINCT lower(hex(action_digest)) FROM audit WHERE action_digest IS NOT NULL AND audit_partition = 0",
    )
    assert {row[0] for row in found} == wanted
