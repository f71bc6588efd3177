"""Nasty inputs through `mask file`, with the vocabulary: each is masked, or refused and no file is there; none of them hangs."""

import json
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluicegate.processors.masking.engine.engine import Engine
from sluicegate.processors.masking.profile import BUILT_IN
from sluicegate.schemas.errors import RefusedError
from sluicegate.streams.masking_engine import load_engine
from sluicegate.streams.masking_files import mask_file, parquet

_LONG: Final = 20_000
"""Bytes of a run. Twice the work for each byte more would be minutes, not moments."""
_RUNS: Final = (
    "1", "1.", "1-", "1/", "a@", "a:", "A. ", "Dr. ", "Ab-", "O'", "'", "<", "<name:", "%41", "&#65;", "http://", "MRN: ", "1984-",
    "12 Oak Street ", "3/14/2021 ", "Hospital of ", "[", "{", "+1 (", "6a616e65", "::", "\u200b", "e\u0301", "\u0661", "\U0001f600",
)  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The whole engine: names of strangers need the vocabulary."""
    return load_engine()


def _left(engine: Engine, folder: Path, name: str, text: str) -> str:
    """What leaves of a file; nothing when it is refused."""
    source, target = folder / name, folder / f"out-{name}"
    source.write_text(text)
    try:
        mask_file(source, target, engine=engine, profile=BUILT_IN["hipaa-safe-harbor"], replace=True)
    except RefusedError:
        assert not target.exists()
        return ""
    return target.read_text()


@pytest.mark.parametrize("piece", _RUNS)
def test_no_run_of_signs_runs_away_and_what_stands_behind_it_is_masked(
    piece: str, engine: Engine, tmp_path: Path
) -> None:
    """Of whatever rules look for, over and over, in text and in a record."""
    run = piece * (_LONG // len(piece.encode()))

    for name, text in (
        ("a.txt", f"{run}\nMRN: 448217\n"),
        ("a.jsonl", json.dumps({"note": f"{run} MRN: 448217"})),
    ):
        assert "448217" not in _left(engine, tmp_path, name, text)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("call \u0430\u0440\u0440le@ex\u0430mple.org now", "le@ex"),
        ("J\u0430ne R\u043ee came", "R\u043ee"),
        ("\U0001d409ane Roe came", "Roe"),
        ("Jane\u00a0Roe came", "Roe"),
        ("\u0418\u0432\u0430\u043d \u041f\u0435\u0442\u0440\u043e\u0432 came", "\u041f\u0435\u0442\u0440\u043e\u0432"),
        ("\u5c71\u7530\u592a\u90ce came", "\u5c71\u7530"),
        ("\u0645\u062d\u0645\u062f \u0639\u0644\u064a came", "\u0645\u062d\u0645\u062f"),
        ("ssn 078\u201105\u20111120 given", "1120"),
        ("jane (at) example (dot) org", "jane"),
    ],
)  # fmt: skip
def test_mixed_scripts_and_odd_spellings_hide_nothing(
    text: str, hidden: str, engine: Engine, tmp_path: Path
) -> None:
    """Letters of another alphabet that look like ours, and names in their own."""
    assert hidden not in _left(engine, tmp_path, "a.txt", f"{text}\n")


def test_what_is_split_over_fields_is_masked_in_each(engine: Engine, tmp_path: Path) -> None:
    """Parts of a birth date, of a Social Security number, of a name; the text beside knows all of them."""
    record = {
        "birth": {"day": "9", "month": "3", "year": "1984"},
        "ssn_area": "078",
        "ssn4": "1120",
        "area_code": "617",
        "first_name": "Ann",
        "last_name": "Gray",
        "note": "gray, ann; ANN GRAY; 078-xx-1120",
        "gray_ann": "x",
    }

    left = json.loads(_left(engine, tmp_path, "a.jsonl", json.dumps(record)))

    assert all(value.startswith("<") for value in left["birth"].values())
    assert all(left[name].startswith("<") for name in ("ssn_area", "ssn4", "area_code", "first_name"))
    assert "gray" not in json.dumps(left).lower()


@pytest.mark.parametrize("text", ["[" * 5_000 + "]" * 5_000, '{"a":' * 5_000 + "1" + "}" * 5_000])
def test_nesting_without_end_is_refused(text: str, engine: Engine, tmp_path: Path) -> None:
    """Not a traceback of a recursion."""
    assert _left(engine, tmp_path, "a.jsonl", text) == ""


def test_a_field_of_fifty_megabytes_is_refused(engine: Engine, tmp_path: Path) -> None:
    """By its first eight, whatever the file is."""
    field = "Jane Roe saw " * 4_000_000

    assert _left(engine, tmp_path, "a.txt", field) == ""
    assert _left(engine, tmp_path, "a.jsonl", f'{{"note":"{field}"}}\n') == ""
    assert _left(engine, tmp_path, "a.csv", f'note\n"{field}"\n') == ""
    table = pa.table({"note": ["short"] * 3 + [field]})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(RefusedError, match="row 4 has more than"):
        mask_file(
            tmp_path / "a.parquet", tmp_path / "out", engine=engine, profile=BUILT_IN["hipaa-safe-harbor"]
        )


def test_large_rows_of_parquet_are_masked_a_few_at_a_time(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them, in their order, though they do not go into one batch."""
    monkeypatch.setattr(parquet, "LONGEST", 4_000)
    rows = [f"{number} MRN: 448217 " + "was seen " * 100 for number in range(9)]
    pq.write_table(pa.table({"note": rows}), tmp_path / "a.parquet")
    source, target = tmp_path / "a.parquet", tmp_path / "b.parquet"

    report = mask_file(source, target, engine=engine, profile=BUILT_IN["hipaa-safe-harbor"])

    left = pq.read_table(target)["note"].to_pylist()
    assert [int(note.partition(" ")[0]) for note in left] == list(range(9))
    assert not any("448217" in note for note in left)
    assert report.batches > 2
