"""`verify FOLDER` finds what was done to a folder, and says which file, partition and offset."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from audit_source import Listed, placed_history, records_of, unreadable
from typer.testing import CliRunner

from sluicegate.processors.verification import Placed
from sluicegate.schemas.errors import ConfigurationError, RecordError
from sluicegate.streams.cli import app
from sluicegate.streams.lake.arrow import parquet
from sluicegate.streams.lake.checking import FolderReport, check_folder
from sluicegate.streams.lake.day_file import DayFile
from sluicegate.streams.lake.export import export
from sluicegate.streams.lake.folder import digest_of
from sluicegate.streams.lake.manifest import Manifest, read_manifest

FIRST = "day=2023-11-14/partition=00.parquet"
LAST = "day=2023-11-15/partition=00.parquet"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """An export of two partitions and two days."""
    placed = [*placed_history(0), *placed_history(1, 6)]
    export(Listed(records_of(placed)), tmp_path / "lake")
    assert check_folder(tmp_path / "lake").ok
    return tmp_path / "lake"


def manifest_of(lake: Path) -> Manifest:
    """What the folder says it holds."""
    return read_manifest((lake / "manifest.json").read_bytes())


def rewrite(lake: Path, path: str, change: Callable[[Any], Any]) -> None:
    """What somebody does who knows the format: other rows in a file, and a manifest that fits them."""
    table = change(parquet().read_table(lake / path, partitioning=None))
    file = DayFile(lake / path)
    for batch in table.combine_chunks().to_batches():
        file.add(batch)
    file.close()
    manifest, offsets = manifest_of(lake), table["audit_offset"].to_pylist()
    files = []
    for one in manifest.files:
        if one.path == path:
            size, digest = (lake / path).stat().st_size, digest_of(lake / path)
            files.append(replace(one, rows=table.num_rows, last=max(offsets), size=size, sha256=digest))
        else:
            files.append(one)
    (lake / "manifest.json").write_bytes(replace(manifest, files=tuple(files)).to_bytes())


def said(found: FolderReport, path: str) -> list[str]:
    """The problems of one file, with their places."""
    return [str(problem) for problem in found.problems if problem.path == path]


def test_a_removed_file_is_found(lake: Path) -> None:
    """Its name, how much was in it, and from which offset on."""
    (lake / FIRST).unlink()
    found = check_folder(lake)
    assert not found.ok
    assert said(found, FIRST) == [f"{FIRST}, audit-0@0: it is missing, with 19 entries up to 22"]


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6, 0.95, 1.0])
def test_a_changed_byte_is_found_wherever_it_is(lake: Path, share: float) -> None:
    """In the magic bytes, in a page, in the footer; the offsets of the file are named."""
    content = bytearray((lake / FIRST).read_bytes())
    content[round((len(content) - 1) * share)] ^= 0x10
    (lake / FIRST).write_bytes(content)
    found = check_folder(lake)
    assert not found.ok
    assert any("(offsets 0 to 22): its digest differs" in one for one in said(found, FIRST))
    assert not said(found, LAST)


def test_no_changed_byte_gets_past(lake: Path) -> None:
    """Here and there in the whole file: none gets past, none ends in a traceback."""
    whole = (lake / LAST).read_bytes()
    for place in range(0, len(whole), 1_009):
        content = bytearray(whole)
        content[place] ^= 0xFF
        (lake / LAST).write_bytes(content)
        assert not check_folder(lake).ok


def test_a_damaged_page_is_narrowed_down(lake: Path) -> None:
    """The offsets of its row group, by the checksum of the page and the statistics that stand apart from it."""
    parts = parquet().ParquetFile(lake / FIRST).metadata.row_group(0)
    place = next(
        parts.column(n) for n in range(parts.num_columns) if parts.column(n).path_in_schema == "entry_id"
    )
    content = bytearray((lake / FIRST).read_bytes())
    content[place.data_page_offset + place.total_compressed_size // 2] ^= 1
    (lake / FIRST).write_bytes(content)
    assert f"{FIRST}, audit-0@0: a page of it is damaged, offsets 0 to 22" in said(check_folder(lake), FIRST)


def test_a_file_cut_short_is_found(lake: Path) -> None:
    """It is no Parquet any more."""
    content = (lake / LAST).read_bytes()
    (lake / LAST).write_bytes(content[: len(content) // 2])
    assert any("cannot be read as Parquet" in one for one in said(check_folder(lake), LAST))


def test_a_missing_entry_is_found_although_the_manifest_fits(lake: Path) -> None:
    """The tile counts what was in its transaction: the place of the tile is named."""
    rewrite(lake, LAST, lambda rows: _without(rows, 2))
    found = check_folder(lake)
    assert found.problems == ()
    assert not found.ok
    assert any("the tile counts" in finding.sentence for finding in found.report.findings)


def test_missing_transactions_are_found_although_the_manifest_fits(lake: Path) -> None:
    """Whole ones, so that every tile fits: inputs have a gap."""
    rewrite(lake, FIRST, lambda rows: rows.slice(0, 3))
    found = check_folder(lake)
    assert not found.ok
    assert any("a gap" in finding.sentence for finding in found.report.findings)


def test_a_changed_field_is_found_although_the_manifest_fits(lake: Path) -> None:
    """A denial made a grant is no history that a gate can have written."""
    rewrite(lake, FIRST, lambda rows: _with(rows, "event", {"action.denied": "action.granted"}))
    found = check_folder(lake)
    assert found.problems == ()
    assert not found.report.ok


def test_rows_in_another_order_are_found(lake: Path) -> None:
    """The row that stands too late is named."""
    rewrite(lake, FIRST, lambda rows: rows.take([0, 2, 1, *range(3, rows.num_rows)]))
    assert said(check_folder(lake), FIRST)[0].startswith(
        f"{FIRST}, audit-0@1: the row stands in another place"
    )


def test_a_row_count_that_differs_is_found(lake: Path) -> None:
    """Rows of a file whose manifest was not made for it."""
    rewrite(lake, FIRST, lambda rows: rows)
    manifest = manifest_of(lake)
    files = [replace(one, rows=one.rows + 1) if one.path == FIRST else one for one in manifest.files]
    (lake / "manifest.json").write_bytes(replace(manifest, files=tuple(files)).to_bytes())
    assert "20 rows up to 22 were exported, 19 up to 22 are there" in said(check_folder(lake), FIRST)[0]


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_a_truncated_manifest_is_found_and_the_rows_are_read(lake: Path, keep: float) -> None:
    """What entries prove is proven all the same; the folder is not called good."""
    whole = (lake / "manifest.json").read_bytes()
    (lake / "manifest.json").write_bytes(whole[: int(len(whole) * keep)])
    found = check_folder(lake)
    assert not found.ok
    assert [problem.path for problem in found.problems] == ["manifest.json"]
    assert found.report.ok
    assert found.digest is None


def test_a_missing_manifest_is_found(lake: Path) -> None:
    """As a cut one."""
    (lake / "manifest.json").unlink()
    assert said(check_folder(lake), "manifest.json") == [
        "manifest.json: it is missing, so nothing says which files there were"
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told["files"].pop(1),
        lambda told: told["files"][0].update(rows=1),
        lambda told: told.update(topic="other"),
        lambda told: told.update(digest="0" * 64),
        lambda told: told["files"][0].update(more=1),
        lambda told: told["files"][0].pop("sha256"),
        lambda told: told["files"][0].update(day="x/../../elsewhere"),
        lambda told: told.update(files=7),
        lambda told: told.pop("format"),
    ],
)
def test_a_changed_manifest_is_found(lake: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """By its own digest, or because it is no manifest any more."""
    told = json.loads((lake / "manifest.json").read_bytes())
    change(told)
    (lake / "manifest.json").write_text(json.dumps(told))
    assert [problem.path for problem in check_folder(lake).problems] == ["manifest.json"]


def test_a_file_taken_out_of_the_chain_is_found(lake: Path) -> None:
    """With its line in the manifest, and a digest that fits: the next file names what stood before it."""
    manifest = manifest_of(lake)
    files = tuple(one for one in manifest.files if one.path != FIRST)
    (lake / "manifest.json").write_bytes(replace(manifest, files=files).to_bytes())
    (lake / FIRST).unlink()
    assert "the manifest lists no file for what stood before" in said(check_folder(lake), LAST)[0]


def test_a_strange_file_is_found(lake: Path) -> None:
    """Readers of the folder would take its rows for entries."""
    strange = "day=2023-11-14/partition=07.parquet"
    (lake / strange).write_bytes((lake / FIRST).read_bytes())
    assert "no export wrote this file" in said(check_folder(lake), strange)[0]


def test_a_manifest_that_leads_out_of_its_folder_is_refused(lake: Path) -> None:
    """Also when its digest fits: nothing outside is read, and nothing is put there."""
    manifest = manifest_of(lake)
    away = '"../../elsewhere"'
    text = json.dumps(json.loads(manifest.to_bytes())).replace('"2023-11-14"', away)
    with pytest.raises(RecordError):
        read_manifest(text.encode())
    with pytest.raises(ValueError, match="day"):
        replace(manifest.files[0], day="../../elsewhere")


def test_an_unreadable_record_is_reported_with_its_place(tmp_path: Path) -> None:
    """It was kept, and it is no entry: not ok."""
    placed = placed_history(0)
    odd = unreadable(0, placed[-1].offset + 2, placed[-1].append_ms)
    export(Listed([*records_of(placed), odd], partitions=1), tmp_path)
    found = check_folder(tmp_path)
    assert not found.ok
    assert found.report.ok
    assert f"audit-0@{placed[-1].offset + 2}: the record is no audit entry" in str(found.problems[0])


def test_no_folder_is_no_report(tmp_path: Path) -> None:
    """Nothing was looked at."""
    with pytest.raises(ConfigurationError, match="is no folder"):
        check_folder(tmp_path / "none")


def test_an_empty_folder_proves_nothing(tmp_path: Path) -> None:
    """Neither files nor entries."""
    assert not check_folder(tmp_path).ok


def test_the_command_ends_with_0_or_1(lake: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without settings and without Kafka; the digest that can be noted is printed, as JSON too."""
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["verify", str(lake)])
    assert (done.exit_code, done.stderr) == (0, "not ended yet: 3 unknown\n")
    assert f"4 files, manifest {manifest_of(lake).digest}" in done.stdout
    told = json.loads(CliRunner().invoke(app, ["verify", str(lake), "--json"]).stdout)
    assert (told["ok"], told["folder"]["problems"], told["complete"]) == (True, 0, True)
    (lake / FIRST).unlink()
    done = CliRunner().invoke(app, ["verify", str(lake), "--json"])
    told = json.loads(done.stdout)
    assert (done.exit_code, told["ok"]) == (1, False)
    assert told["folder"]["findings"][0] | {"sentence": ""} == {
        "path": FIRST,
        "partition": 0,
        "offset": 0,
        "sentence": "",
    }
    done = CliRunner().invoke(app, ["verify", str(lake)])
    assert f"{FIRST}, audit-0@0: it is missing" in done.stdout


def test_a_folder_and_a_file_at_once_are_wrong_usage(lake: Path) -> None:
    """One thing is verified at a time."""
    assert CliRunner().invoke(app, ["verify", str(lake), "--export", "x"]).exit_code == 2


def test_a_history_without_its_beginning_is_accepted_only_when_asked(tmp_path: Path) -> None:
    """Status 1 says that nothing before is proven; `--from-middle` says that this is known."""
    placed = cut_at_the_second_tile(placed_history(0))
    export(Listed(records_of(placed), partitions=1, lows={0: placed[0].offset}), tmp_path)
    found = check_folder(tmp_path)
    assert (found.ok, found.report.is_complete) == (True, False)
    done = CliRunner().invoke(app, ["verify", str(tmp_path)])
    assert done.exit_code == 1
    assert "--from-middle" in done.stderr
    told = json.loads(CliRunner().invoke(app, ["verify", str(tmp_path), "--json"]).stdout)
    assert (told["ok"], told["complete"], told["violations"]) == (False, False, 0)
    done = CliRunner().invoke(app, ["verify", str(tmp_path), "--from-middle", "--json"])
    assert (done.exit_code, json.loads(done.stdout)["ok"]) == (0, True)


def cut_at_the_second_tile(placed: list[Placed]) -> list[Placed]:
    """What retention leaves."""
    tiles = [number for number, one in enumerate(placed) if one.entry.tile]
    return placed[tiles[1] + 1 :]


def _without(rows: Any, place: int) -> Any:
    return rows.take([number for number in range(rows.num_rows) if number != place])


def _with(rows: Any, name: str, other: dict[str, str]) -> Any:
    values = [other.get(value, value) for value in rows[name].to_pylist()]
    kind = rows.schema.field(name).type
    changed = type(rows).from_pydict({name: values}, schema=rows.select([name]).schema)[name].cast(kind)
    return rows.set_column(rows.schema.names.index(name), name, changed)
