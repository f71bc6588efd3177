"""Tables through `mask file`: identifiers are gone at every nesting, what is around them stays, and names of one person stay together."""

import csv
import io
import json
import random
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import pytest

from sluicegate.processors.masking.engine.engine import Engine
from sluicegate.processors.masking.engine.surrogates import Surrogates
from sluicegate.processors.masking.profile import BUILT_IN, Profile, load_profile
from sluicegate.schemas.errors import RefusedError
from sluicegate.streams.masking_engine import load_scanner
from sluicegate.streams.masking_files import mask_file
from sluicegate.streams.masking_files.batches import Batch, ComparedTable
from sluicegate.streams.masking_files.checking import Checker

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

HIPAA: Final = BUILT_IN["hipaa-safe-harbor"]
BASIC: Final = BUILT_IN["pii-basic"]
ROWS: Final = 40


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The rules."""
    return Engine.of(load_scanner())


def _masked(engine: Engine, folder: Path, table: Any, profile: Profile = HIPAA) -> Any:
    pq.write_table(table, folder / "in.parquet", row_group_size=17)
    mask_file(folder / "in.parquet", folder / "out.parquet", engine=engine, profile=profile, replace=True)
    return pq.read_table(folder / "out.parquet")


def _number(row: int, part: int = 0) -> int:
    return 448_217_000 + 100 * row + part


_STRUCT = pa.struct([("ssn", pa.string()), ("plan", pa.string())])
_NESTS: Final[dict[str, tuple[Any, Any]]] = {
    "struct": (_STRUCT, lambda row: {"ssn": str(_number(row)), "plan": f"plan {row % 3}"}),
    "deep struct": (
        pa.struct([("a", pa.struct([("b", _STRUCT)]))]),
        lambda row: {"a": {"b": {"ssn": str(_number(row)), "plan": None}}},
    ),
    "list": (
        pa.list_(_STRUCT),
        lambda row: [{"ssn": str(_number(row, part)), "plan": "x"} for part in range(row % 4)],
    ),
    "large list": (pa.large_list(_STRUCT), lambda row: [{"ssn": str(_number(row)), "plan": "x"}, None]),
    "fixed list": (pa.list_(_STRUCT, 2), lambda row: [{"ssn": str(_number(row)), "plan": "x"}] * 2),
    "list of lists": (
        pa.list_(pa.list_(_STRUCT)),
        lambda row: [[{"ssn": str(_number(row)), "plan": "x"}], [], None],
    ),
    "map of structs": (
        pa.map_(pa.string(), _STRUCT),
        lambda row: [("home", {"ssn": str(_number(row)), "plan": "x"}), ("away", None)],
    ),
    "map": (pa.map_(pa.string(), pa.string()), lambda row: [("ssn", str(_number(row))), ("plan", "x")]),
    "list of maps": (
        pa.list_(pa.map_(pa.string(), pa.string())),
        lambda row: [[("plan", "x"), ("ssn", str(_number(row)))], []],
    ),
    "keys": (
        pa.map_(pa.string(), pa.int32()),
        lambda row: [(str(_number(row)), 1), ("plan", 2), (str(_number(row, 1)), 3)],
    ),
    "numbers": (
        pa.struct([("ssn", pa.int64()), ("n", pa.int32())]),
        lambda row: {"ssn": _number(row), "n": row},
    ),
    "floats": (pa.struct([("ssn", pa.float64())]), lambda row: {"ssn": float(_number(row))}),
    "json": (pa.string(), lambda row: json.dumps({"a": [{"ssn": str(_number(row))}], "plan": "x"})),
    "json in a list": (pa.list_(pa.string()), lambda row: [json.dumps({"ssn": _number(row)}), "x"]),
}


@pytest.mark.parametrize("nest", _NESTS)
def test_typed_fields_are_masked_at_every_nesting(nest: str, engine: Engine, tmp_path: Path) -> None:
    """All of them; every third row is null, and rows, lengths, other fields and columns are what they were."""
    kind, value = _NESTS[nest]
    values = [None if row % 3 == 2 else value(row) for row in range(ROWS)]
    table = pa.table({"x": pa.array(values, kind), "row": pa.array(range(ROWS), pa.int32())})

    out = _masked(engine, tmp_path, table)

    text = json.dumps(out["x"].to_pylist(), default=str)
    assert out["row"].equals(table["row"])
    assert [one is None for one in out["x"].to_pylist()] == [one is None for one in values]
    assert not any(str(_number(row, part)) in text for row in range(ROWS) for part in range(4))
    assert _shape(out["x"].to_pylist()) == _shape(table["x"].to_pylist())


def test_dictionaries_are_masked_and_what_no_row_names_does_not_leave(engine: Engine, tmp_path: Path) -> None:
    """A categorical column keeps its values in a dictionary, also those that no row has."""
    ssn = pa.DictionaryArray.from_arrays(pa.array([0, None, 0]), ["448217001", "448217002"])
    plan = pa.array(["x", "y", "x"]).dictionary_encode()

    out = _masked(engine, tmp_path, pa.table({"ssn": ssn, "plan": plan}))

    assert out["ssn"].to_pylist() == ["<ssn>", None, "<ssn>"]
    assert out["plan"].to_pylist() == ["x", "y", "x"]
    assert b"448217" not in (tmp_path / "out.parquet").read_bytes()


def _shape(value: Any) -> Any:
    """What a masked value has in common with its source."""
    match value:
        case dict():
            return {key: _shape(inner) for key, inner in value.items()}
        case [(str(), _), *_] if all(isinstance(one, tuple) for one in value):
            return [_shape(inner) for _, inner in value]
        case list():
            return [_shape(inner) for inner in value]
        case None | "x" | "plan 0" | "plan 1" | "plan 2":
            return value
        case _:
            return "..."


def test_what_a_null_hides_does_not_leave(engine: Engine, tmp_path: Path) -> None:
    """Values behind a missing list or struct are in no file."""
    hidden = pa.array(["Jane Okafor", "fine", "fine"])
    lists = pa.ListArray.from_arrays(
        pa.array([0, 1, 2, 3], pa.int32()), hidden, mask=pa.array([True, False, False])
    )
    structs = pa.StructArray.from_arrays([hidden], names=["note"], mask=pa.array([True, False, False]))
    kept = load_profile("version: 1\nname: own\nextends: pii-basic\ncolumns: {s: keep}\n", source="own.yaml")

    out = _masked(engine, tmp_path, pa.table({"l": lists, "s": structs}), kept)

    assert out["l"].to_pylist() == [None, ["fine"], ["fine"]]
    assert out["s"].to_pylist() == [None, {"note": "fine"}, {"note": "fine"}]
    assert b"Okafor" not in (tmp_path / "out.parquet").read_bytes()


def test_names_in_one_row_or_element_are_one_persons(engine: Engine, tmp_path: Path) -> None:
    """Both names together are found in small letters; those of two people together are not."""
    people = pa.list_(pa.struct([("first_name", pa.string()), ("last_name", pa.string())]))
    table = pa.table(
        {
            "first_name": ["Quill", "Anwen"],
            "last_name": ["Brandt", "Okoro"],
            "others": pa.array([[{"first_name": "Isolde", "last_name": "Fenwick"}], None], people),
            "note": ["brandt, quill and okoro-anwen and isolde fenwick", "plain words only"],
        }
    )

    out = _masked(engine, tmp_path, table, BASIC)

    assert out["note"].to_pylist() == ["<name> and <name> and <name>", "plain words only"]


@pytest.mark.parametrize(
    ("note", "said"),
    [("on the ninth of May 1984", ""), ("born 9th of March 1984", "record 2, `note`: `known-value`")],
)
def test_the_check_knows_a_birth_date_of_a_table_in_other_words(note: str, said: str) -> None:
    """Only dates whose year is left are written out for it."""
    before, after = (
        pa.record_batch({"dob": [dob, dob], "last_name": ["<name>", ""], "note": ["fine", note]})
        for dob in ("1984-03-09", "<birth-date>")
    )
    batch = Batch(b"", (ComparedTable(before, after, lambda _table: b""),), 2, 0, 1)

    with pytest.raises(RefusedError, match=said) if said else nullcontext():
        Checker(BASIC, Surrogates(b"k" * 32)).look(batch)


def test_long_numbers_in_unknown_fields_are_masked_wherever_they_stand(
    engine: Engine, tmp_path: Path
) -> None:
    """A struct's, a list's and a map's too; short ones stay numbers, in the text that the column has become."""
    long = {"n": 6175550143}
    table = pa.table(
        {
            "s": pa.array([long, {"n": 5}], pa.struct([("n", pa.int64())])),
            "l": pa.array([[6175550143, 5], None], pa.list_(pa.int64())),
            "m": pa.array([[("a", 6175550143)], [("a", 5)]], pa.map_(pa.string(), pa.int64())),
            "small": pa.array([1, 2], pa.int64()),
        }
    )

    out = _masked(engine, tmp_path, table)

    assert out["s"].to_pylist() == [{"n": "<number>"}, {"n": "5"}]
    assert out["l"].to_pylist() == [["<number>", "5"], None]
    assert out["m"].to_pylist() == [[("a", "<phone>")], [("a", "5")]]
    assert out["small"].equals(table["small"])


def _rows(count: int) -> list[list[str]]:
    drawn = random.Random(7)  # noqa: S311 - made-up rows
    odd = ["", " ", "007", '"', "a,b", "x\ny", "1.50", "=1+1", "é", "NULL", "\t", "'", "1e5", "00.10"]
    return [[str(_number(row)), *(drawn.choice(odd) for _ in range(3)), f"{row}"] for row in range(count)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_cells_that_are_not_replaced_keep_their_bytes(
    end: str, quoting: Any, engine: Engine, tmp_path: Path
) -> None:
    """Blanks, zeros, quotes, line ends, formulas; an identifier column is gone, and rows are in their order."""
    rows = _rows(300)
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end, quoting=quoting).writerows(
        [["ssn", "type", "count", "source", "quantity"], *rows]
    )
    source = text.getvalue()
    (tmp_path / "in.csv").write_text(source, newline="")

    mask_file(tmp_path / "in.csv", tmp_path / "out.csv", engine=engine, profile=BASIC)

    expected = source
    for row in rows:
        expected = expected.replace(row[0], "<ssn>", 1)
    assert (tmp_path / "out.csv").read_bytes().decode() == expected


def test_equal_rows_in_many_batches_are_masked_alike(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a batch ends changes nothing: rows whose cells hold line ends, too."""
    from sluicegate.streams.masking_files import delimited  # noqa: PLC0415

    monkeypatch.setattr(delimited, "TABLE_BYTES", 64)
    row = '7,"Jane\nOkafor","a ""b"", c",1.50\r\n'
    (tmp_path / "in.csv").write_text("id,name,note,amount\r\n" + row * 50, newline="")

    report = mask_file(tmp_path / "in.csv", tmp_path / "out.csv", engine=engine, profile=BASIC)

    masked = '7,"<name>","a ""b"", c",1.50\r\n'
    assert (tmp_path / "out.csv").read_bytes().decode() == "id,name,note,amount\r\n" + masked * 50
    assert report.batches > 10
    assert report.records == 50


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_the_check_refuses_a_table_and_says_where(name: str, engine: Engine, tmp_path: Path) -> None:
    """A kept column that holds somebody's address: record and column are named, and nothing of what stands there."""
    profile = load_profile(
        "version: 1\nname: own\nextends: pii-basic\ncolumns: {remark: keep}\n", source="own.yaml"
    )
    rows = {"email": ["", "ann.roe@example.org"], "remark": ["fine", "wrote ann.roe@example.org"]}
    if name == "a.csv":
        lines = ["email,remark", *(",".join(row) for row in zip(*rows.values(), strict=True))]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    else:
        pq.write_table(pa.table(rows), tmp_path / name)

    with pytest.raises(RefusedError, match="`known-value-in-kept`") as told:
        mask_file(tmp_path / name, tmp_path / "out", engine=engine, profile=profile)

    assert "record 2, `remark`" in str(told.value)
    assert "ann" not in str(told.value)
    assert {file.name for file in tmp_path.iterdir()} == {name}
