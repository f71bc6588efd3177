"""Replay and verify `audit` on real Kafka, with exactly an analyst's rights."""

from collections.abc import Sequence

import pytest
from confluent_kafka import Producer

from sluicegate.processors.verification import Placed
from sluicegate.schemas import codec
from sluicegate.schemas.envelope import Headers, record_headers
from sluicegate.schemas.errors import RecordError
from sluicegate.streams.clients.audit_export import verify_json_lines
from sluicegate.streams.clients.audit_reader import AuditReader, Selection
from sluicegate.streams.testing.audit_history import AuditHistory
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker


class Gate:
    """Writes histories to `audit` in transactions, with the gate's rights."""

    def __init__(self, cluster: Cluster) -> None:
        connection = cluster.connection("gate")
        self._topic = connection.topic("audit")
        self._producer = Producer(connection.transactional_config("audit-test"))
        self._producer.init_transactions(20)

    def write(self, entries: Sequence[Placed], *, commit: bool = True) -> None:
        """One transaction."""
        self.begin(entries)
        if commit:
            self._producer.commit_transaction(20)
        else:
            self._producer.abort_transaction(20)

    def begin(self, entries: Sequence[Placed]) -> None:
        """A transaction that stays open."""
        self._producer.begin_transaction()
        for placed in entries:
            entry, encoded = placed.entry, codec.encode(placed.entry)
            headers = record_headers(
                kind=entry.kind,
                payload_type=encoded.payload_type,
                id=entry.entry_id,
                subject=entry.event,
                source="/test",
            )
            self.send(placed.partition, encoded.value, headers)
        self._producer.flush(20)

    def send(self, partition: int, value: bytes, headers: Headers = ()) -> None:
        """One record as it is."""
        self._producer.produce(self._topic, value=value, headers=[*headers], partition=partition)

    def garble(self) -> None:
        """A record that is no entry."""
        self._producer.begin_transaction()
        self.send(1, b"no entry at all")
        self._producer.commit_transaction(20)

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


def story_of_two() -> AuditHistory:
    """Two actions in two transactions of partition 0."""
    history = AuditHistory()
    history.deny("a-1")
    history.ask("a-2")
    history.tile()
    history.approve_last("a-2", "p-1")
    history.tile()
    return history


def test_an_empty_topic_proves_nothing(reader: AuditReader) -> None:
    """No entries: the iterators end at once, and verify says that nothing was verified."""
    assert list(reader.entries()) == []
    report = reader.verify()
    assert not report.ok
    assert "nothing to verify" in report.verdict


def test_committed_entries_are_read_and_verified(gate: Gate, reader: AuditReader) -> None:
    """Aborted entries are never seen, markers are passed over, and an open transaction does not hold the reader up."""
    history = story_of_two()
    first, second = history.placed[:4], history.placed[4:]
    gate.write(first)
    gate.write(second, commit=False)
    gate.write(second)
    gate.begin(second)
    seen: list[tuple[int, int]] = []
    report = reader.verify(lambda done, of: seen.append((done, of)))
    gate.abort()
    assert report.findings == ()
    assert report.ok
    assert report.entries == len(history.placed)
    assert seen[-1][0] == seen[-1][1] > report.entries
    assert [placed.entry for placed in reader.entries()] == [placed.entry for placed in history.placed]


def test_selections_narrow_what_is_replayed(gate: Gate, reader: AuditReader) -> None:
    """By action, event, offsets and log-append time."""
    gate.write(story_of_two().placed)
    everything = list(reader.entries())
    assert [p.entry.event for p in reader.entries(Selection(action_id="a-2"))] == [
        "action.waiting",
        "decision.counted",
    ]
    assert [p.offset for p in reader.entries(Selection(offsets={0: (1, 3)}))] == [1, 2]
    assert [p.entry.action_id for p in reader.entries(Selection(events={"action.denied"}))] == ["a-1"]
    assert list(reader.entries(Selection(until_ms=everything[0].append_ms))) == []
    later = everything[-1].append_ms + 1
    assert list(reader.entries(Selection(since_ms=later))) == []
    assert len(list(reader.entries(Selection(since_ms=everything[0].append_ms)))) == len(everything)


def test_an_export_says_the_same_as_the_topic(gate: Gate, reader: AuditReader) -> None:
    """JSON lines of the topic verify offline; stories come from the topic too."""
    gate.write(story_of_two().placed)
    assert verify_json_lines(reader.json_lines()) == reader.verify()
    assert [one["offset"] for one in reader.rows()] == list(range(6))
    (story,) = reader.stories("a-2", {"p-1": "Ann Ash"})
    assert story.outcome == "granted"
    assert "Ann Ash" in story.steps[-1].sentence
    assert reader.stories("a-3") == ()


def test_tail_follows_from_now_on(gate: Gate, reader: AuditReader) -> None:
    """What stood there before is not told again, what comes is."""
    history = story_of_two()
    gate.write(history.placed[:4])
    # From a time, so that what is written before the consumer has its place is not missed.
    since_ms = max(placed.append_ms for placed in reader.entries()) + 1
    following = reader.tail(Selection(since_ms=since_ms, events={"decision.counted"}), idle_s=5.0)
    gate.write(history.placed[4:])
    assert next(following).entry.person == "p-1"
    following.close()  # type: ignore[attr-defined]  # it is a generator
    assert list(reader.tail(idle_s=0.5)) == []


def test_an_unreadable_entry_stops_the_reader_and_is_named(gate: Gate, reader: AuditReader) -> None:
    """Nothing is skipped: verify fails with the place of the record, and without its content."""
    gate.garble()
    with pytest.raises(RecordError, match=r"`audit-1@0` is no audit entry") as caught:
        reader.verify()
    assert "at all" not in str(caught.value)
