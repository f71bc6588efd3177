"""`audit export` and Arrow tables on a real Kafka, with exactly an analyst's rights."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from audit_source import placed_history, record_of, tree
from confluent_kafka import Producer
from typer.testing import CliRunner

from sluicegate.processors.contract import Record
from sluicegate.processors.verification import Placed
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.cli import app
from sluicegate.streams.clients.audit_reader import AuditReader, Selection
from sluicegate.streams.lake.arrow import parquet
from sluicegate.streams.lake.checking import check_folder
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker


class Gate:
    """Writes records to `audit` in transactions, with the gate's rights."""

    def __init__(self, cluster: Cluster) -> None:
        connection = cluster.connection("gate")
        self._topic = connection.topic("audit")
        self._producer = Producer(connection.transactional_config("export-test"))
        self._producer.init_transactions(20)

    def write(self, records: Sequence[Record], *, commit: bool = True) -> None:
        """One transaction, committed or aborted."""
        self.begin(records)
        if commit:
            self._producer.commit_transaction(20)
        else:
            self.abort()

    def begin(self, records: Sequence[Record]) -> None:
        """A transaction that stays open."""
        self._producer.begin_transaction()
        for record in records:
            self._producer.produce(
                self._topic,
                record.value,
                record.key,
                record.position.partition,
                headers=[*record.headers],
            )
        self._producer.flush(20)

    def abort(self) -> None:
        """End what `begin` opened."""
        self._producer.abort_transaction(20)


@pytest.fixture
def gate(cluster: Cluster) -> Gate:
    """A writer of histories."""
    return Gate(cluster)


@pytest.fixture
def reader(cluster: Cluster) -> AuditReader:
    """A reader with an analyst's rights and no others."""
    return AuditReader(cluster.connection("analyst-local"))


def transactions(partition: int, *, as_json: bool = False) -> list[list[Record]]:
    """A history, a transaction each."""
    found: list[list[Record]] = [[]]
    for placed in placed_history(partition):
        found[-1].append(record_of(placed, as_json=as_json))
        if placed.entry.tile:
            found.append([])
    return found[:-1]


def test_an_export_says_what_the_topic_says(gate: Gate, reader: AuditReader, tmp_path: Path) -> None:
    """Avro and JSON; aborted entries are not in it, an open transaction does not hold it up, and verify agrees."""
    for written in transactions(0):
        gate.write(written)
    gate.write(transactions(1)[0], commit=False)
    for written in transactions(1, as_json=True):
        gate.write(written)
    gate.begin(transactions(1)[0])
    told = reader.export(tmp_path / "lake")
    report = reader.verify()
    gate.abort()
    found = check_folder(tmp_path / "lake")
    assert told.entries == told.rows == report.entries == 2 * len(placed_history(0))
    assert found.ok
    assert found.report == report
    kinds = {kind for path in (tmp_path / "lake").glob("day=*/*.parquet") for kind in content_types(path)}
    assert {kind.partition("+")[2].partition(";")[0] for kind in kinds} == {"avro", "json"}


def content_types(path: Path) -> set[str]:
    """How the entries of a file were written."""
    return set(parquet().read_table(path, partitioning=None)["content_type"].to_pylist())


def test_later_entries_are_added_and_again_changes_nothing(
    gate: Gate, reader: AuditReader, tmp_path: Path
) -> None:
    """Two runs are the folder of one run; a third run finds markers only, and changes no byte and no time."""
    written = transactions(0)
    for each in written[:4]:
        gate.write(each)
    reader.export(tmp_path / "parts")
    for each in written[4:]:
        gate.write(each)
    gate.write(written[0], commit=False)
    told = reader.export(tmp_path / "parts")
    assert told.entries == sum(map(len, written[4:]))
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "parts").rglob("*")}
    assert reader.export(tmp_path / "parts").written == ()
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "parts").rglob("*")} == times
    reader.export(tmp_path / "whole")
    assert tree(tmp_path / "parts") == tree(tmp_path / "whole")


def test_another_deployment_is_refused(
    gate: Gate, reader: AuditReader, cluster: Cluster, tmp_path: Path
) -> None:
    """The folder stays as it is."""
    gate.write(transactions(0)[0])
    reader.export(tmp_path)
    before = tree(tmp_path)
    other = Cluster.fresh(cluster.broker)
    with pytest.raises(ConfigurationError, match="choose another folder"):
        AuditReader(other.connection("analyst-local")).export(tmp_path)
    assert tree(tmp_path) == before


def test_unreadable_records_are_kept_and_reported(gate: Gate, reader: AuditReader, tmp_path: Path) -> None:
    """The export goes on behind them."""
    written = transactions(0)
    gate.write(written[0])
    odd = record_of(Placed(0, 0, 0, placed_history(0)[0].entry))
    gate.write([Record(odd.position, 0, None, (), b"no entry")])
    gate.write(written[1])
    told = reader.export(tmp_path)
    assert (told.unreadable, told.entries) == (1, len(written[0]) + len(written[1]) + 1)
    found = check_folder(tmp_path)
    assert [problem.sentence for problem in found.problems] == [
        "the record is no audit entry: the header `content-type` is missing; see `sluicegate sign --help`"
    ]


def test_entries_come_as_arrow_tables(gate: Gate, reader: AuditReader) -> None:
    """All of them or a selection, in tables of a chosen size, with the columns of an export."""
    for written in transactions(0):
        gate.write(written)
    whole = reader.to_arrow()
    assert whole.num_rows == len(placed_history(0))
    denied = reader.to_arrow(Selection(events={"action.denied"}))
    assert set(denied["reason"].to_pylist()) == {"policy"}
    sizes = [table.num_rows for table in reader.tables(rows=10)]
    assert sizes[:-1] == [10] * (len(sizes) - 1)
    assert sum(sizes) == whole.num_rows
    assert reader.to_arrow(Selection(agent="nobody")).schema == whole.schema


def test_the_command_exports_follows_and_verifies(
    gate: Gate, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`audit export` prints what it did as JSON; `verify FOLDER` then needs nothing of the deployment."""
    settings = cluster.settings
    for name, value in (
        ("BOOTSTRAP", settings.bootstrap),
        ("PREFIX", settings.prefix),
        ("PARTITIONS", settings.partitions),
        ("STATE_DIR", settings.state_dir),
    ):
        monkeypatch.setenv(f"SLUICEGATE_{name}", str(value))
    written = transactions(0)
    gate.write(written[0])
    lake = str(tmp_path / "lake")
    done = CliRunner().invoke(app, ["audit", "export", lake, "--json"])
    told = json.loads(done.stdout)
    assert (done.exit_code, told["exported"], told["files"]) == (0, len(written[0]), 1)
    later = threading.Timer(0.5, gate.write, [written[1]])
    later.start()
    rounds = _follow(lake, monkeypatch, until=len(written[0]) + len(written[1]))
    later.join()
    assert sum(one["exported"] for one in rounds) == len(written[1])
    monkeypatch.setenv("SLUICEGATE_BOOTSTRAP", "127.0.0.1:1")
    assert CliRunner().invoke(app, ["verify", lake]).exit_code == 0


def _follow(lake: str, monkeypatch: pytest.MonkeyPatch, *, until: int) -> list[dict[str, int]]:
    """What `--follow` prints until so many rows are there, then Ctrl-C."""
    rows = 0

    def pause(seconds: float) -> None:
        nonlocal rows
        assert seconds == 1.0
        rows = sum(
            parquet().ParquetFile(path).metadata.num_rows for path in Path(lake).glob("day=*/*.parquet")
        )
        if rows >= until:
            raise KeyboardInterrupt
        threading.Event().wait(0.2)

    monkeypatch.setattr("sluicegate.streams.cli.audits.time.sleep", pause)
    done = CliRunner().invoke(app, ["audit", "export", lake, "--json", "--follow", "--every", "1"])
    assert done.exit_code == 130
    return [json.loads(line) for line in done.stdout.splitlines()]
