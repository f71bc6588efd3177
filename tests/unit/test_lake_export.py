"""An export is exactly once into a folder: again, in parts, and after a crash before any step, it is the same folder."""

import fcntl
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from audit_source import HOUR_MS, MIDNIGHT_MS, Listed, placed_history, records_of, tree, unreadable

from sluicegate.processors.contract import Record
from sluicegate.processors.verification import Verifier
from sluicegate.schemas.errors import ConfigurationError, InvariantError
from sluicegate.streams.lake import export as lake_export
from sluicegate.streams.lake.arrow import parquet
from sluicegate.streams.lake.checking import check_folder
from sluicegate.streams.lake.day_file import GROUP_ROWS, DayFile
from sluicegate.streams.lake.export import export
from sluicegate.streams.lake.folder import FolderStep, held
from sluicegate.streams.lake.manifest import read_manifest
from sluicegate.streams.lake.rows import batch_of


class CrashError(Exception):
    """The process ends here, as far as the folder can tell."""


def crash_at(step: FolderStep, nth: int) -> Callable[[FolderStep], None]:
    """Before the nth time of a step."""
    seen = 0

    def before(now: FolderStep) -> None:
        nonlocal seen
        seen += now is step
        if now is step and seen == nth:
            raise CrashError

    return before


def kept() -> list[Record]:
    """Two partitions, two days each, and a record that is none."""
    first, second = placed_history(0), placed_history(1, 6)
    odd = unreadable(1, second[-1].offset + 2, second[-1].append_ms)
    return [*records_of(first), *records_of(second), odd]


def cut(records: list[Record], share: float) -> list[Record]:
    """What stood there earlier: the first part of every partition."""
    found = []
    for partition in (0, 1):
        of = [one for one in records if one.position.partition == partition]
        found += of[: int(len(of) * share)]
    return found


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """An export in one run, without any fault."""
    export(Listed(kept()), tmp_path / "whole")
    return tmp_path / "whole"


def test_there_is_one_file_per_day_and_partition(whole: Path) -> None:
    """In folders that readers of Hive layouts take as a column; every row stands in the file of its own day."""
    assert sorted(tree(whole)) == [
        "day=2023-11-14/partition=00.parquet",
        "day=2023-11-14/partition=01.parquet",
        "day=2023-11-15/partition=00.parquet",
        "day=2023-11-15/partition=01.parquet",
        "manifest.json",
    ]
    for path in whole.glob("day=*/*.parquet"):
        days = {at.date().isoformat() for at in parquet().read_table(path)["audit_append_ms"].to_pylist()}
        assert path.parent.name == f"day={days.pop()}"
        assert not days


def test_the_manifest_lists_every_file_in_a_chain(whole: Path) -> None:
    """Rows and offsets are those of the records, each file names the offset before it."""
    manifest = read_manifest((whole / "manifest.json").read_bytes())
    assert sum(file.rows for file in manifest.files) == len(kept())
    assert [file.path for file in manifest.files] == [
        f"day=2023-11-{day}/partition={partition}.parquet" for partition in ("00", "01") for day in (14, 15)
    ]
    first, second, third, fourth = manifest.files
    assert (first.after, second.after, third.after, fourth.after) == (None, first.last, None, third.last)


def test_verify_gives_the_same_report_as_the_topic(tmp_path: Path) -> None:
    """Entry for entry; unreadable records apart, of which the topic's reader makes an error."""
    placed = [*placed_history(0), *placed_history(1, 6)]
    export(Listed(records_of(placed)), tmp_path)
    verifier = Verifier()
    for one in placed:
        verifier.take_placed(one)
    found = check_folder(tmp_path)
    assert found.ok
    assert found.report == verifier.report()


def test_again_changes_nothing(whole: Path) -> None:
    """Not a byte, not a time of a file, and nothing is said to be new."""
    times = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    before = tree(whole)
    again = export(Listed(kept()), whole)
    assert (again.entries, again.written, again.rows) == (0, (), len(kept()))
    assert tree(whole) == before
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*")} == times


@pytest.mark.parametrize("shares", [(0.0, 0.3), (0.5,), (0.1, 0.2, 0.21, 0.9)])
def test_in_parts_it_is_the_same_folder(whole: Path, tmp_path: Path, shares: tuple[float, ...]) -> None:
    """Byte for byte, wherever earlier runs ended; a day that was over is not written again."""
    for share in shares:
        export(Listed(cut(kept(), share)), tmp_path / "parts")
    last = export(Listed(kept()), tmp_path / "parts")
    assert tree(tmp_path / "parts") == tree(whole)
    if shares[-1] == 0.9:
        assert not [path for path in last.written if "11-14" in path]


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
@pytest.mark.parametrize("step", FolderStep)
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_a_crash_before_any_step_loses_and_doubles_nothing(
    whole: Path, tmp_path: Path, step: FolderStep, nth: int, share: float
) -> None:
    """Into an empty folder and onto an earlier export: the next run ends in the same folder, byte for byte."""
    folder = tmp_path / "crashed"
    if share:
        export(Listed(cut(kept(), share)), folder)
    crashed = _export_until(folder, step, nth)
    if crashed and (folder / "manifest.json").exists():
        left = check_folder(folder)
        assert {problem.sentence.split(":")[0] for problem in left.problems} <= SAID_IN_BETWEEN
    export(Listed(kept()), folder)
    assert tree(folder) == tree(whole)


SAID_IN_BETWEEN = {
    "the last export was ended in the middle",
    "the record is no audit entry",
}


def _export_until(folder: Path, step: FolderStep, nth: int) -> bool:
    """Whether the run came so far."""
    survivor = Path(f"{folder}-disk")
    try:
        export(Listed(kept()), folder, before=_as_killed(folder, survivor, crash_at(step, nth)))
    except CrashError:
        # A killed process cleans nothing up: the disk is what it was at the step.
        shutil.rmtree(folder)
        survivor.rename(folder)
        return True
    return False


def _as_killed(
    folder: Path, survivor: Path, crash: Callable[[FolderStep], None]
) -> Callable[[FolderStep], None]:
    def before(step: FolderStep) -> None:
        try:
            crash(step)
        except CrashError:
            shutil.copytree(folder, survivor)
            raise

    return before


def test_two_runs_in_one_folder_are_refused(whole: Path) -> None:
    """The second says so at once; when the first has ended, it may."""
    with held(whole, fcntl.LOCK_EX), pytest.raises(ConfigurationError, match="another process works in"):
        export(Listed(kept()), whole)
    with held(whole, fcntl.LOCK_EX), pytest.raises(ConfigurationError, match="another process works in"):
        check_folder(whole)
    assert export(Listed(kept()), whole).entries == 0


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    """Nothing in it is touched."""
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(ConfigurationError, match="is not empty"):
        export(Listed(kept()), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_the_log_of_another_topic_is_refused(whole: Path) -> None:
    """Another deployment by its name, a topic made anew by the id that Kafka gave it."""
    before = tree(whole)
    with pytest.raises(ConfigurationError, match="choose another folder"):
        export(Listed(kept(), topic="other.audit"), whole)
    with pytest.raises(ConfigurationError, match="made anew"):
        export(Listed(kept(), topic_id="topic-2"), whole)
    assert tree(whole) == before


def test_a_gap_between_folder_and_topic_is_refused(whole: Path) -> None:
    """Deleted before it was exported, or lost by the cluster after it was."""
    end = Listed(kept()).marks()[0][1]
    with pytest.raises(InvariantError, match=f"offsets {end} to {end + 4} of partition 0 were deleted"):
        export(Listed(kept(), lows={0: end + 5}), whole)
    with pytest.raises(InvariantError, match="the cluster lost"):
        export(Listed(cut(kept(), 0.5)), whole)


def test_rows_are_never_added_to_a_file_that_was_changed(tmp_path: Path) -> None:
    """Its rows would get a digest from us; the folder stays as it is."""
    export(Listed(cut(kept(), 0.9)), tmp_path)
    path = tmp_path / "day=2023-11-15" / "partition=00.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    before = tree(tmp_path)
    with pytest.raises(InvariantError, match="is not the file that was exported"):
        export(Listed(kept()), tmp_path)
    assert tree(tmp_path) == before


def test_a_missing_file_stops_the_export(whole: Path) -> None:
    """It would never come again: the folder has gone on behind it."""
    (whole / "day=2023-11-14" / "partition=00.parquet").unlink()
    with pytest.raises(ConfigurationError, match="missing or was changed"):
        export(Listed(kept()), whole)


def test_a_full_disk_leaves_the_folder_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the disk says is said; nothing half stays; with room again the run ends as if nothing had been."""
    export(Listed(cut(kept(), 0.4)), tmp_path / "full")
    before = tree(tmp_path / "full")

    def no_room(_: DayFile) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(DayFile, "close", no_room)
        with pytest.raises(ConfigurationError, match="no space left on device"):
            export(Listed(kept()), tmp_path / "full")
    assert tree(tmp_path / "full") == before
    assert check_folder(tmp_path / "full").problem_count == 0
    export(Listed(kept()), tmp_path / "full")
    export(Listed(kept()), tmp_path / "whole")
    assert tree(tmp_path / "full") == tree(tmp_path / "whole")


@pytest.mark.skipif(os.geteuid() == 0, reason="the super user may write everywhere")
def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """Not a traceback."""
    (tmp_path / "shut").mkdir(mode=0o500)
    with pytest.raises(ConfigurationError, match="permission denied"):
        export(Listed(kept()), tmp_path / "shut")


def test_a_file_in_the_place_of_the_folder_says_so(tmp_path: Path) -> None:
    """The same for whoever may write everywhere."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        export(Listed(kept()), tmp_path / "file")


def test_a_clock_that_goes_back_does_not_part_the_offsets(tmp_path: Path) -> None:
    """What comes after midnight stays there, although its time says yesterday."""
    placed = placed_history(0, 10)
    back = [replace(one, append_ms=MIDNIGHT_MS - HOUR_MS) if one is placed[-1] else one for one in placed]
    export(Listed(records_of(back), partitions=1), tmp_path)
    found = check_folder(tmp_path)
    assert (found.files, found.problem_count) == (2, 0)
    assert found.report.entries == len(placed)


def test_many_days_are_committed_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few files one commit takes, the folder is the same."""
    placed = placed_history(0, 80)
    export(Listed(records_of(placed)), tmp_path / "one")
    monkeypatch.setattr(lake_export, "_SEALED_AT_ONCE", 1)
    export(Listed(records_of(placed)), tmp_path / "each")
    assert tree(tmp_path / "one") == tree(tmp_path / "each")
    assert len(tree(tmp_path / "one")) == 5


def test_an_empty_topic_makes_no_file(tmp_path: Path) -> None:
    """And a folder that a later run takes."""
    told = export(Listed([]), tmp_path / "new")
    assert (told.entries, told.files) == (0, 0)
    assert tree(tmp_path / "new") == {}
    assert export(Listed(kept()), tmp_path / "new").rows == len(kept())


def test_progress_ends_with_everything(tmp_path: Path) -> None:
    """Positions done and of how many, never going back."""
    seen: list[tuple[int, int]] = []
    export(Listed(kept()), tmp_path, lambda done, of: seen.append((done, of)))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] == sum(end for _, end in Listed(kept()).marks().values())


def test_the_size_of_batches_does_not_show_in_the_file(tmp_path: Path) -> None:
    """Row groups are of one size: more rows than one of them, in batches of two sizes, are the same bytes."""
    batch = batch_of(records_of(placed_history(0, 40)))
    rows = GROUP_ROWS // batch.num_rows + 2
    one, other = DayFile(tmp_path / "one"), DayFile(tmp_path / "other")
    for _ in range(rows):
        one.add(batch)
        other.add(batch.slice(0, 5))
        other.add(batch.slice(5))
    one.close()
    other.close()
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert parquet().ParquetFile(tmp_path / "one").num_row_groups == 2
