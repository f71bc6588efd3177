"""`mask file` with a profile of every operator: what is generalised, shifted or a pseudonym passes the check and says no more."""

import json
import re
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from sluicegate.processors.masking.engine.engine import Engine
from sluicegate.processors.masking.profile import load_profile
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.cli import app
from sluicegate.streams.masking_engine import load_scanner
from sluicegate.streams.masking_files import mask_file
from sluicegate.streams.masking_files.pseudonym_key import read_pseudonym_key

RUNNER = CliRunner()
PROFILE: Final = """
version: 1
name: research
extends: limited-data-set
subject: patient_id
kinds: {date: shift, birth-date: year, record: pseudonym, name: surrogate, zip: zip3, age: age-class}
columns: {age: age, visit: date, admitted: date year}
"""
ROW: Final = {
    "patient_id": "MR-448-217",
    "dob": "1931-03-09",
    "age": "93",
    "zip": "44101",
    "name": "Jane Okafor",
    "visit": "2021-03-14",
    "admitted": "2021-03-10",
    "note": "MRN: 448-217 was seen again on 3/20/2021",
}


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The rules are enough here."""
    return Engine.of(load_scanner())


def _masked(engine: Engine, folder: Path, name: str, text: str, key: bytes) -> str:
    source, target = folder / name, folder / f"out-{name}"
    source.write_text(text)
    profile = load_profile(PROFILE, source="p")
    mask_file(source, target, engine=engine, profile=profile, pseudonym_key=key, replace=True)
    return target.read_text()


def test_every_operator_passes_the_check_in_records_and_rows(engine: Engine, tmp_path: Path) -> None:
    """The same subject's dates move together in two formats; a birth year that tells an age over 89 is not there."""
    lines = "".join(json.dumps({**ROW, "patient_id": each}) + "\n" for each in ("MR-448-217", "MR-1"))
    table = ",".join(ROW) + "\n" + ",".join(ROW.values()) + "\n"

    first, other = map(
        json.loads, _masked(engine, tmp_path, "rows.jsonl", lines, b"k" * 32).strip().split("\n")
    )
    rows = _masked(engine, tmp_path, "rows.csv", table, b"k" * 32).split("\n")
    cells = dict(zip(ROW, rows[1].split(","), strict=True))

    for made in (first, cells):
        assert made["dob"] == "<birth-date>"
        assert made["age"] == "<age:90+>"
        assert made["zip"] == "<zip:441>"
        assert made["admitted"] == "2021"
        assert re.fullmatch(r"<date:\d{4}-\d\d-\d\d:[a-z]{12}>", made["visit"])
        assert "3/20" not in made["note"]
        assert re.search(r"<date:\d{4}-\d\d-\d\d:[a-z]{12}>", made["note"])
    assert first["visit"] != other["visit"]
    assert first["patient_id"] == cells["patient_id"] != other["patient_id"]
    assert first["name"] != cells["name"]
    assert "448" not in json.dumps([first["note"], first["patient_id"]])


def test_parquet_has_them_too(engine: Engine, tmp_path: Path) -> None:
    """Columns of dates and numbers as well as of text."""
    import pyarrow as pa  # noqa: PLC0415 - the other formats do without

    table = pa.table(
        {"patient_id": [1, 2, None], "visit": pa.array([18_700] * 3, pa.date32()), "age": [93, 41, 90]}
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    profile = load_profile(PROFILE, source="p")

    mask_file(
        tmp_path / "rows.parquet",
        tmp_path / "out.parquet",
        engine=engine,
        profile=profile,
        pseudonym_key=b"k" * 32,
    )

    made = pq.read_table(tmp_path / "out.parquet").to_pydict()
    assert made["age"] == ["<age:90+>", "41", "<age:90+>"]
    assert len({*made["visit"]}) == 3
    assert made["visit"][2] == "<date>"


def test_pseudonyms_need_a_key_that_its_owner_alone_can_read(tmp_path: Path) -> None:
    """No key, too short a key, one that others can read: nothing is masked; the same key gives the same pseudonyms."""
    source, profile, key = tmp_path / "in.csv", tmp_path / "p.yaml", tmp_path / "key"
    source.write_text("mrn\n448217\n")
    profile.write_text(PROFILE)
    command = ["mask", "file", str(source), "--rules-only", "--profile", str(profile)]

    without = RUNNER.invoke(app, [*command, str(tmp_path / "a")])
    key.write_bytes(b"short")
    key.chmod(0o600)
    short = RUNNER.invoke(app, [*command, str(tmp_path / "a"), "--pseudonym-key", str(key)])
    key.write_bytes(bytes(range(32)))
    done = [
        RUNNER.invoke(app, [*command, str(tmp_path / name), "--pseudonym-key", str(key)]).exit_code
        for name in ("b.csv", "c.csv")
    ]
    key.chmod(0o644)

    assert (without.exit_code, short.exit_code, done) == (2, 2, [0, 0])
    assert "give --pseudonym-key FILE" in without.stderr
    assert "it needs 32 to 4096 random bytes" in short.stderr
    assert not (tmp_path / "a").exists()
    assert (tmp_path / "b.csv").read_text() == (tmp_path / "c.csv").read_text()
    with pytest.raises(ConfigurationError, match="can be read by others"):
        read_pseudonym_key(key)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_pseudonym_key(tmp_path / "nowhere")


def test_mask_check_and_profile_check_say_every_operator(tmp_path: Path) -> None:
    """One word per field, and in words per kind, before anything is masked."""
    schema, profile = tmp_path / "rows.csv", tmp_path / "p.yaml"
    schema.write_text(",".join(ROW) + "\n" + ",".join(ROW.values()) + "\n")
    profile.write_text(PROFILE)

    fields = json.loads(RUNNER.invoke(app, ["mask", "check", str(profile), str(schema), "--json"]).stdout)
    held = json.loads(RUNNER.invoke(app, ["profile", "check", str(profile), "--json"]).stdout)

    done = {one["field"]: one["done"] for one in fields["fields"]}
    assert done["patient_id"] == "pseudonym"
    assert done["visit"] == "shift"
    assert (done["dob"], done["admitted"]) == ("year", "year")
    assert (done["age"], done["zip"], done["name"]) == ("age-class", "zip3", "surrogate")
    becomes = {(one["what"], one["name"]): one["becomes"] for one in held["holds"]}
    assert becomes["subject", "patient_id"] == "says whose record it is"
    assert "moved by days" in becomes["kind", "date"]
    assert any("follow a pseudonym" in warning for warning in held["warnings"])
