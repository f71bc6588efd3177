"""`mask file` and `mask check`: what leaves is masked and checked, what cannot be is refused, and no half file is ever there."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sluicegate.processors.masking.engine.engine import Engine
from sluicegate.processors.masking.engine.fields import Masking
from sluicegate.processors.masking.engine.surrogates import Surrogates
from sluicegate.processors.masking.profile import BUILT_IN, Profile, load_profile
from sluicegate.schemas.errors import ConfigurationError, RefusedError
from sluicegate.streams.cli import app
from sluicegate.streams.masking_engine import load_scanner
from sluicegate.streams.masking_files import Report, mask_file
from sluicegate.streams.masking_files.batches import LONGEST, Batch, Compared
from sluicegate.streams.masking_files.checking import Checker

TREE = Path(os.environ.get("SLUICEGATE_TREE", Path(__file__).resolve().parents[2]))
PATIENTS = TREE.parent / "shared" / "data" / "phi-dev" / "synthea" / "patients.csv"
RUNNER = CliRunner()
HIPAA = BUILT_IN["hipaa-safe-harbor"]
BASIC = BUILT_IN["pii-basic"]

Masked = Callable[..., tuple[str, Report]]


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The rules; what they and known values find is enough here."""
    return Engine.of(load_scanner())


@pytest.fixture
def masked(engine: Engine, tmp_path: Path) -> Masked:
    """Mask a text as a file of some name."""

    def run(name: str, text: str | bytes, profile: Profile = HIPAA) -> tuple[str, Report]:
        source, target = tmp_path / name, tmp_path / f"out-{name}"
        source.write_bytes(text.encode() if isinstance(text, str) else text)
        report = mask_file(source, target, engine=engine, profile=profile)
        return target.read_bytes().decode(), report

    return run


def refused(masked: Masked, tmp_path: Path, name: str, text: str | bytes, profile: Profile = HIPAA) -> str:
    """The refusal; nothing is there but the source."""
    with pytest.raises(RefusedError) as told:
        masked(name, text, profile)
    assert {file.name for file in tmp_path.iterdir()} == {name}
    return str(told.value)


RECORD = {
    "first_name": "Jane",
    "last_name": "Okafor",
    "mrn": "MR-448-217",
    "amount": 12.50,
    "note": "okafor, jane came; MR 448217 was called at 617-555-0143",
    "details": '{"ssn": "123-45-6789", "list": [{"email": "jane@example.org"}]}',
    "accounts": {"MR448217": "open"},
}


def test_nothing_of_a_known_value_remains_in_json_lines(masked: Masked) -> None:
    """Whatever its case, order and punctuation, in text, in JSON within text and in keys."""
    text, report = masked("in.jsonl", json.dumps(RECORD) + "\n")

    for gone in ("okafor", "jane", "448217", "448-217", "0143", "6789", "example"):
        assert gone not in text.casefold()
    assert report.records == 1
    assert report.counts["name"] == {"column": 2, "known": 1}
    assert "note" in report.unknown


@pytest.mark.parametrize(
    "disguised",
    [
        "jane%20okafor",
        "J%61ne",
        "&#74;ane",
        "SmFuZSBPa2Fmb3I=",
        "4a616e65204f6b61666f72",
        "call%3A617-555-0143",
    ],
)
def test_an_encoded_identifier_is_masked_whole(disguised: str, masked: Masked) -> None:
    """Percent, character references, base64 and hexadecimal hide nothing."""
    record = {"first_name": "Jane", "last_name": "Okafor", "note": f"see {disguised} there"}

    text, _ = masked("in.jsonl", json.dumps(record))

    assert disguised not in text
    assert json.loads(text)["note"].startswith("see <")
    assert json.loads(text)["note"].endswith("> there")


def test_what_is_not_replaced_keeps_its_bytes(masked: Masked) -> None:
    """White space, number forms, escapes, blank lines and line ends stay."""
    line = '{ "n":1.50e1 ,"t" : "caf\\u00e9 \\/ x", "email":"a@example.org" }'

    text, _ = masked("in.jsonl", f"{line}\r\n\r\n[1, 2]\n{line}")

    untouched = line.replace('"a@example.org"', '"<email>"')
    assert text == f"{untouched}\r\n\r\n[1, 2]\n{untouched}"


def test_a_csv_file_keeps_rows_quotes_and_untouched_columns(masked: Masked) -> None:
    """Cells that hold delimiters, quotes, line ends and formulas are cells like others."""
    rows = 'id,"last name",note,amount\r\n7,"O""Hara, Ann","saw Ann O\'Hara\nat noon",=1+1\r\n8,,"x",1.5\r\n'

    text, report = masked("in.csv", rows, BASIC)
    read = list(csv.reader(text.splitlines(keepends=True), strict=True))

    assert text.startswith(
        'id,"last name",note,amount\r\n7,"<name>","saw <name>\nat noon",=1+1\r\n8,,"x",1.5\r\n'
    )
    assert [len(row) for row in read] == [4, 4, 4]
    assert report.records == 2


@pytest.mark.parametrize("profile", ["pii-basic", "limited-data-set", "hipaa-safe-harbor"])
def test_the_patients_of_the_generator_are_masked_whole(profile: str, engine: Engine, tmp_path: Path) -> None:
    """No name, number, address or birth date of any of them is left; rows, columns and money are."""
    report = mask_file(PATIENTS, tmp_path / "out.csv", engine=engine, profile=BUILT_IN[profile])
    raw = list(csv.DictReader(PATIENTS.read_text().splitlines()))
    out = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))

    assert report.records == len(out) == len(raw)
    for before, after in zip(raw, out, strict=True):
        assert list(before) == list(after)
        for column in ("SSN", "DRIVERS", "PASSPORT", "FIRST", "LAST", "MAIDEN", "ADDRESS", "BIRTHDATE", "Id"):
            assert not before[column] or after[column].startswith("<")
        for column in ("GENDER", "RACE", "HEALTHCARE_EXPENSES", "STATE"):
            assert before[column] == after[column]


BUNDLE: dict[str, Any] = {
    "resourceType": "Bundle",
    "entry": [
        {
            "fullUrl": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0",
            "resource": {
                "resourceType": "Patient",
                "id": "p1",
                "text": {"status": "generated", "div": "<div>Jane Okafor</div>"},
                "identifier": [{"system": "http://hospital.example/mrn", "value": "778-12"}],
                "name": [{"use": "official", "family": "Okafor", "given": ["Jane", "Q"]}],
                "telecom": [{"system": "phone", "value": "617-555-0143"}],
                "gender": "female",
                "birthDate": "1984-03-14",
                "address": [{"line": ["1 Elm St"], "city": "Boston", "postalCode": "02155"}],
                "contact": [{"name": {"text": "Bob Okafor"}}],
            },
        },
        {
            "resource": {
                "resourceType": "Observation",
                "code": {
                    "coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]
                },
                "subject": {"reference": "Patient/p1", "display": "Jane Okafor"},
                "effectiveDateTime": "2021-03-04",
                "valueQuantity": {"value": 72, "unit": "beats/min"},
                "note": [{"text": "Okafor, Jane feels fine"}],
            }
        },
    ],
    "total": 2,
}


@pytest.mark.parametrize("indent", [None, 2])
def test_a_bundle_is_masked_by_the_paths_of_fhir(indent: int | None, masked: Masked) -> None:
    """Identifying elements go, codes and values stay, and the bundle is still one."""
    text, report = masked("in.json", json.dumps(BUNDLE, indent=indent))
    patient, observation = (entry["resource"] for entry in json.loads(text)["entry"])

    for gone in ("Okafor", "Jane", "Bob", "0143", "1984", "Elm", "Boston", "02155", "778-12", "p1"):
        assert gone not in text
    assert patient["gender"] == "female"
    assert patient["text"] is None
    assert patient["address"][0]["postalCode"] == "<zip:021>"
    assert observation["code"] == BUNDLE["entry"][1]["resource"]["code"]
    assert observation["valueQuantity"] == {"value": 72, "unit": "beats/min"}
    assert observation["effectiveDateTime"] == "2021"
    assert observation["note"] == [{"text": "<name> feels fine"}]
    assert json.loads(text)["total"] == report.records == 2


def test_a_resource_alone_is_one_record(masked: Masked) -> None:
    """A file that is no bundle is masked as a whole, and counted."""
    text, report = masked("in.json", json.dumps(BUNDLE["entry"][0]["resource"]))
    assert "Okafor" not in text
    assert report.records == 1


def test_parquet_of_every_nesting_is_walked(engine: Engine, tmp_path: Path) -> None:
    """Structs, lists, maps and their keys, JSON in texts; rows, nulls and untouched columns stay."""
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    table = pa.table(
        {
            "name": pa.array(
                [{"first": "Jane", "last": "Okafor"}, {"first": None, "last": "Lindqvist"}, None],
                pa.struct([("first", pa.string()), ("last", pa.string())]),
            ),
            "notes": pa.array([["Jane Okafor came", None], [], None], pa.list_(pa.string())),
            "attrs": pa.array(
                [[("email", "a@example.org"), ("x", "red")], None, [("617-555-0143", "y")]],
                pa.map_(pa.string(), pa.string()),
            ),
            "mrn": pa.array([44821777, None, 5], pa.int64()),
            "count": pa.array([1, None, 3], pa.int32()),
            "blob": pa.array([b"x", None, b"y"]),
            "meta": ['{"ssn": "123-45-6789"}', None, "plain"],
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")

    mask_file(tmp_path / "in.parquet", tmp_path / "out.parquet", engine=engine, profile=HIPAA)
    out = pq.read_table(tmp_path / "out.parquet")

    assert out.column_names == table.column_names
    assert out["count"].equals(table["count"])
    assert out["name"].to_pylist() == [
        {"first": "<name>", "last": "<name>"},
        {"first": None, "last": "<name>"},
        None,
    ]
    assert out["notes"].to_pylist() == [["<name> came", None], [], None]
    assert out["attrs"].to_pylist() == [[("email", "<email>"), ("x", "red")], None, [("<phone-1>", "y")]]
    assert out["mrn"].to_pylist() == ["<record>", None, "<record>"]
    assert out["blob"].to_pylist() == [None, None, None]
    assert out["meta"].to_pylist() == ['{"ssn": "<ssn>"}', None, "plain"]


PLANTED = {
    b"pandas": b'{"attributes": {"note": "Jane Okafor 617-555-0143"}}',
    b"PANDAS_ATTRS": b"Jane Okafor",
}


def test_nothing_of_the_metadata_of_a_parquet_file_leaves(engine: Engine, tmp_path: Path) -> None:
    """Of the schema, of a column, of a field in a struct, a list, a map, and of an extension type; kept columns too."""
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    inner = pa.field("x", pa.string(), metadata=PLANTED)
    kinds = {
        "remark": pa.string(),
        "n": pa.int64(),
        "s": pa.struct([inner]),
        "l": pa.list_(inner),
        "m": pa.map_(pa.string(), pa.struct([inner])),
        "kept": pa.struct([inner, pa.field("y", pa.list_(inner))]),
        "dropped": pa.struct([inner]),
        "u": pa.uuid(),
    }
    schema = pa.schema([pa.field(name, kind, metadata=PLANTED) for name, kind in kinds.items()], PLANTED)
    rows = [
        {
            "remark": "fine",
            "n": 1,
            "s": {"x": "a"},
            "l": ["b"],
            "m": [("k", {"x": "c"})],
            "kept": {"x": "d", "y": ["e"]},
            "dropped": {"x": "f"},
            "u": b"0" * 16,
        }
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema), tmp_path / "in.parquet")
    profile = load_profile(
        "version: 1\nname: own\nextends: pii-basic\ncolumns: {kept: keep, dropped: drop}\n", source="own.yaml"
    )

    mask_file(tmp_path / "in.parquet", tmp_path / "out.parquet", engine=engine, profile=profile)
    out = pq.read_table(tmp_path / "out.parquet")

    assert set(pq.read_metadata(tmp_path / "out.parquet").metadata or ()) <= {b"ARROW:schema"}
    assert not out.schema.metadata
    written = (tmp_path / "out.parquet").read_bytes() + out.schema.serialize().to_pybytes()
    assert b"Okafor" not in written
    assert b"PANDAS" not in written
    assert out["kept"].to_pylist() == [{"x": "d", "y": ["e"]}]
    assert out["dropped"].to_pylist() == [None]
    assert out["s"].to_pylist() == [{"x": "a"}]


def test_a_parquet_target_with_metadata_does_not_pass_the_check() -> None:
    """However it got there: of the file, of a field, of an inner field."""
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    from sluicegate.streams.masking_files.parquet import refuse_metadata  # noqa: PLC0415 - the extra `lake`

    inner = pa.field("x", pa.string(), metadata=PLANTED)
    for schema in (
        pa.schema([pa.field("a", pa.string())], PLANTED),
        pa.schema([pa.field("a", pa.string(), metadata=PLANTED)]),
        pa.schema([pa.field("a", pa.list_(pa.struct([inner])))]),
    ):
        written = pa.BufferOutputStream()
        pq.write_table(schema.empty_table(), written)
        with pytest.raises(RefusedError, match="metadata"):
            refuse_metadata(pa.BufferReader(written.getvalue()))
    clean = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": ["x"], "l": [["y"]]}), clean)
    refuse_metadata(pa.BufferReader(clean.getvalue()))


@pytest.mark.parametrize("name", ["jane@example.org", "617-555-0143", "44821777", "Okafor", "jane_okafor"])
@pytest.mark.parametrize("place", ["csv", "column", "struct", "list", "map"])
def test_a_name_of_a_column_that_is_an_identifier_is_refused(
    name: str, place: str, masked: Masked, tmp_path: Path
) -> None:
    """By its shape, or because the file itself holds it as somebody's; inside structs too, and the refusal does not say it."""
    if place == "csv":
        told = refused(masked, tmp_path, "a.csv", f"first,last,{name}\nJane,Okafor,3\n")
    else:
        pa = pytest.importorskip("pyarrow")
        pq = pytest.importorskip("pyarrow.parquet")
        struct = pa.struct([(name, pa.int32())])
        kind, value = {
            "column": (pa.int32(), 3),
            "struct": (struct, {name: 3}),
            "list": (pa.list_(struct), [{name: 3}]),
            "map": (pa.map_(pa.string(), struct), [("k", {name: 3})]),
        }[place]
        schema = pa.schema(
            [("first", pa.string()), ("last", pa.string()), (name if place == "column" else "x", kind)]
        )
        row = {"first": "Jane", "last": "Okafor", schema.names[2]: value}
        written = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist([row], schema), written)
        told = refused(masked, tmp_path, "a.parquet", written.getvalue().to_pybytes())

    assert "column 3" in told
    assert name.casefold() not in told.casefold()


def test_a_column_named_like_a_word_that_is_also_somebody_is_no_identifier(masked: Masked) -> None:
    """A patient called Case or Page makes no identifier of the header."""
    text, _ = masked("a.csv", "last,CASE,page\nCase,white,none\nPage,white,none\n", BASIC)

    assert text == "last,CASE,page\n<name>,white,none\n<name>,white,none\n"


def test_nothing_is_left_when_the_masked_file_cannot_get_its_name(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report of a file that never was goes too."""
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("fine\n")
    moved = Path.replace

    def replace_but_the_target(self: Path, to: Path) -> Path:
        if to == target:
            raise PermissionError(13, "Permission denied")
        return moved(self, to)

    monkeypatch.setattr(Path, "replace", replace_but_the_target)
    with pytest.raises(ConfigurationError, match="permission denied"):
        mask_file(source, target, engine=engine, profile=HIPAA)

    assert [file.name for file in tmp_path.iterdir()] == ["in.txt"]


def test_text_keeps_its_line_ends(masked: Masked) -> None:
    """Only identifiers change."""
    text, _ = masked("in.txt", "Seen by Dr. Okafor\r\non 3/14/2021.\n\n\nCall 617-555-0143 @ noon")

    assert text == "Seen by <name>\r\non 2021.\n\n\nCall <phone> <email> noon"


def test_surrogates_are_the_same_for_one_value_and_another_secret_gives_others(
    engine: Engine, tmp_path: Path
) -> None:
    """Within one file equal values stay equal; the next file cannot be joined to it."""
    source = tmp_path / "in.jsonl"
    source.write_text('{"email": "a@example.org"}\n{"email": "A@Example.org"}\n{"email": "b@example.org"}\n')
    runs = []
    for number, secret in enumerate((b"1" * 32, b"1" * 32, None)):
        target = tmp_path / f"out-{number}.jsonl"
        mask_file(source, target, engine=engine, profile=BASIC, secret=secret)
        runs.append([json.loads(line)["email"] for line in target.read_text().splitlines()])

    assert runs[0] == runs[1] != runs[2]
    assert runs[0][0] == runs[0][1] != runs[0][2]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.jsonl", b'{"a": "\xff"}\n', "line 1 is not UTF-8"),
        ("a.jsonl", '{"ok": 1}\n{"a": "Jane", "a": 2}\n', "line 2 is no record"),
        ("a.jsonl", "[" * 100 + "]" * 100, "nested deeper"),
        ("a.jsonl", '{"a": "' + "x" * LONGEST + '"}', "more than 6 MiB"),
        ("a.csv", "a,b\n1\n", "line 2 has 1 cells"),
        ("a.csv", 'a,b\n1,x"y"\n', "line 2 has a quote"),
        ("a.csv", 'a,b\n1,"y\n', "does not end"),
        ("a.csv", "jane@example.org,b\n1,2\n", "column 1 looks like an identifier"),
        ("a.csv", "a,A\n1,2\n", "one name"),
        ("a.csv", "", "no header"),
        ("a.txt", b"a\0b", "binary"),
        ("a.json", '{"resourceType": "Bundle", "entry": [{"a": 1} {"a": 2}]}', "no JSON list"),
        ("a.json", '{"resourceType": "Bundle", "entry": [{"a": 1}', "no JSON"),
        ("a.json", "", "empty"),
        ("a.parquet", b"PAR1 no", "cannot be read as Parquet"),
    ],
)
def test_what_cannot_be_read_is_refused_and_leaves_nothing(
    name: str, text: str | bytes, said: str, masked: Masked, tmp_path: Path
) -> None:
    """The refusal says where, and nothing of what stands there."""
    told = refused(masked, tmp_path, name, text)

    assert said in told
    assert "Jane" not in told
    assert "example" not in told


def test_what_does_not_pass_the_check_never_gets_the_name(masked: Masked, tmp_path: Path) -> None:
    """A kept column that holds another column's identifier is named, with its record."""
    keeping = load_profile(
        "version: 1\nname: own\nextends: pii-basic\ncolumns: {remark: keep}\n", source="own.yaml"
    )
    lines = '{"remark": "fine"}\n{"email": "jane.okafor@example.org", "remark": "wrote jane.okafor@example.org"}\n'

    told = refused(masked, tmp_path, "a.jsonl", lines, keeping)

    assert "known-value-in-kept" in told
    assert "record 2" in told
    assert "okafor" not in told


@pytest.mark.parametrize(
    ("raw", "masked_text", "code"),
    [
        ('{"email": "a@example.org"}', '{"email": "a@example.org"}', "column"),
        ('{"n": 1}\n{"n": 2}', '{"n": 2}\n{"n": 1}', "structure"),
        ('{"n": 1}\n{"n": 2}', '{"n": 1}', "rows"),
        ('{"note": "x"}', '{"note": "<email:aaaaaaaaaaaaaaaaaaaaaaaa>"}', "surrogate"),
        ('{"note": "call 617-555-0143"}', '{"note": "call 617-555-0143"}', "digits"),
        (
            '{"first_name": "Jane", "n": "saw Jane"}',
            '{"first_name": "<name>", "n": "saw Jane"}',
            "known-value",
        ),
    ],
)
def test_the_check_sees_what_masking_would_have_done_wrong(raw: str, masked_text: str, code: str) -> None:
    """A forgotten column, a changed order, a lost record, a forged surrogate, a missed number, a missed name."""
    compared = Compared("application/x-ndjson", raw.encode(), masked_text.encode())
    batch = Batch(masked_text.encode(), (compared,), 1, 0, 1)

    with pytest.raises(RefusedError, match=f"`{code}`"):
        Checker(HIPAA, Surrogates(b"k" * 32)).look(batch)


def test_a_report_and_what_is_kept_in_memory_name_no_key_that_is_data(engine: Engine) -> None:
    """Places in reports are names of fields; keys that identify are `*`."""
    from sluicegate.processors.masking.engine.records import Records  # noqa: PLC0415

    masking = Masking(engine, HIPAA, None)
    text = '{"email": "jane.okafor@example.org", "jane_okafor": {"x": "y"}, "a@example.org": "z"}'
    (out,) = Records(masking).masked([text])

    assert "okafor" not in out
    assert all("okafor" not in step and "example" not in step for path in masking.seen for step in path)
    assert ("*", "x") in masking.unknown


def test_the_commands_mask_report_and_refuse(tmp_path: Path) -> None:
    """The whole way: file, report, exit status, and a target that is there already."""
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("email,city\njane.okafor@example.org,Boston\n")
    command = ["mask", "file", str(source), str(target), "--rules-only", "--profile", "pii-basic"]

    done = RUNNER.invoke(app, [*command, "--json"], catch_exceptions=False)
    again = RUNNER.invoke(app, command)
    itself = RUNNER.invoke(app, ["mask", "file", str(source), str(source), "--rules-only", "--replace"])
    folder = RUNNER.invoke(app, ["mask", "file", str(source), str(tmp_path), "--rules-only", "--replace"])
    report = json.loads((tmp_path / "out.csv.report.json").read_text())

    assert json.loads(done.stdout) == report
    assert report["masked"] == {"email": {"column": 1}}
    assert report["columns"][0] == {
        "column": "city",
        "holds": "plain",
        "done": "searched for shapes and known values",
    }
    assert "okafor" not in json.dumps(report)
    assert "okafor" not in target.read_text()
    assert target.stat().st_mode & 0o077 == 0
    assert again.exit_code == 2
    assert "--replace" in again.stderr
    assert "what is to be masked" in itself.stderr
    assert "is a folder" in folder.stderr


def test_a_name_without_a_format_needs_one(engine: Engine, tmp_path: Path) -> None:
    """Nothing is guessed from what a file holds."""
    (tmp_path / "in.dat").write_text("x")
    with pytest.raises(ConfigurationError, match="--format"):
        mask_file(tmp_path / "in.dat", tmp_path / "out.dat", engine=engine, profile=HIPAA)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.csv", "Email,gender,race,visit_note\n"),
        ("s.jsonl", '{"email": "x", "gender": "f"}\n{"race": "a", "visitNote": ["b"]}\n'),
        ("s.txt", "email\ngender\nrace\nvisit_note\n"),
        (
            "s.json",
            '{"properties": {"email": {"type": "string"}, "gender": {}, "race": {}, "visitNote": {"items": {"type": "string"}}}}',
        ),
        (
            "s.avsc",
            (
                '{"type": "record", "fields": [{"name": "email", "type": ["null", "string"]}, {"name": "gender", "type": "string"}, '
                '{"name": "race", "type": "string"}, {"name": "visit_note", "type": {"type": "array", "items": "string"}}]}'
            ),
        ),
    ],
)
def test_mask_check_says_what_would_happen(name: str, text: str, tmp_path: Path) -> None:
    """Each field with its treatment; unknown fields, quasi-identifiers and kept identifiers are warned of."""
    (tmp_path / name).write_text(text)
    (tmp_path / "own.yaml").write_text(
        "version: 1\nname: own\nextends: pii-basic\ncolumns: {email: keep, gender: plain}\n"
    )
    done = RUNNER.invoke(
        app,
        ["mask", "check", str(tmp_path / "own.yaml"), str(tmp_path / name), "--json"],
        catch_exceptions=False,
    )
    told = json.loads(done.stdout)

    assert [(one["field"], one["holds"], one["done"]) for one in told["fields"]] == [
        ("email", "keep", "keep"),
        ("gender", "plain", "searched for shapes and known values"),
        ("race", "unknown", "searched for everything"),
        ("visit_note", "unknown", "searched for everything"),
    ]
    kept, unknown, quasi = told["warnings"]
    assert "`email` leaves as it is" in kept
    assert "`race`, `visit_note`" in unknown
    assert "`gender`, `race`" in quasi
