"""An executor on a real broker: grants are executed once, refusals are written down, rewound offsets change nothing."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from sluicegate.processors.release import Check
from sluicegate.schemas.document import DocumentKind, Pause
from sluicegate.schemas.envelope import PATH_HEADER, envelope_digest, payload_type_of, signed_part, verify
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.schemas.receipt import Claim, Happened, NoResult, Receipt, ResultPlace
from sluicegate.streams.clients import executor_reports
from sluicegate.streams.clients.executor import Executor
from sluicegate.streams.clients.executor_steps import ExecutorStep
from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.runtime.producer import UnclearError
from sluicegate.streams.testing.gate_driver import seeded_key
from sluicegate.streams.testing.grant_bench import Effects, GrantBench, bench_executor, bench_trust

pytestmark = pytest.mark.broker


@pytest.fixture
def bench(cluster: Any) -> GrantBench:
    """Grants for the executor `crm` of a fresh deployment."""
    cluster.add_executor("crm")
    return GrantBench(cluster.connection, cluster.settings.partitions, time.time_ns() // 1_000_000)


@contextmanager
def running(cluster: Any, effects: Path, *, kept: bool = False, **settings: Any) -> Iterator[Executor]:
    """An executor at work in a thread, drained at the end; what ended it early is raised. `kept`: through outages."""
    executor = bench_executor(cluster.connection("executor-crm"), effects, **settings)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            (executor.keep_running if kept else executor.run)()
        except BaseException as error:  # noqa: BLE001  # the test's own thread raises it
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert executor.ready.wait(30) or failures
        yield executor
    finally:
        executor.stop()
        thread.join(30)
    assert not failures, failures


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def ends(bench: GrantBench) -> list[tuple[str, str | None]]:
    """What every receipt says: what happened, and the check or failure."""
    return [
        (found.happened.value, found.check or found.failure)
        for found in bench.receipts()
        if isinstance(found, Receipt)
    ]


def rewind(cluster: Any) -> None:
    """Put the group's offsets back to the beginning, as somebody with the executor's rights could."""
    connection = cluster.connection("executor-crm")
    consumer = Consumer(connection.reader_config())
    topic = connection.topic("execution.crm")
    places = [TopicPartition(topic, number, 0) for number in range(cluster.settings.partitions)]
    consumer.commit(offsets=places, asynchronous=False)
    consumer.close()


def test_granted_actions_are_executed_once_with_claim_and_receipt(
    cluster: Any, bench: GrantBench, tmp_path: Path
) -> None:
    """Each grant leads to one claim, one act and one receipt that carries the digest of the result."""
    grants = bench.grant(50)
    bench.publish()
    with running(cluster, tmp_path / "effects") as executor:
        until(lambda: executor.counts["executed"] == 50)
    assert Effects(tmp_path / "effects").count == {grant.grant_id: 1 for grant in grants}
    records = bench.receipts()
    claims = {found.grant_id: found.claim_id for found in records if isinstance(found, Claim)}
    receipts = [found for found in records if isinstance(found, Receipt)]
    assert len(claims) == len(receipts) == 50
    assert all(found.claim_id == claims[found.grant_id] for found in receipts)
    assert receipts[0].result_digest is not None


class UnclearOnce:
    """At the first time of one step a call does not return: nobody knows what the broker has done."""

    def __init__(self, step: ExecutorStep) -> None:
        self.step = step
        self.has_struck = False

    def __call__(self, step: ExecutorStep) -> None:
        """Strike once."""
        if step is self.step and not self.has_struck:
            self.has_struck = True
            raise UnclearError("the call does not return")


@pytest.mark.parametrize(
    "step",
    [
        ExecutorStep.CLAIM_COMMIT,
        ExecutorStep.APPEND_TIME,
        ExecutorStep.RECEIPT,
        ExecutorStep.RECEIPT_WRITE,
        ExecutorStep.RECEIPT_COMMIT,
    ],
)
def test_z2_kept_running_through_an_unclear_call_every_grant_is_executed_and_told_once(
    cluster: Any, bench: GrantBench, tmp_path: Path, step: ExecutorStep
) -> None:
    """A new producer of the same id ends what was open; claims go on, and what was acted on is told, not done again."""
    grants = bench.grant(5)
    bench.publish()
    fault = UnclearOnce(step)
    with running(cluster, tmp_path / "effects", kept=True, fault=fault):
        until(lambda: len(ends(bench)) == 5, 60)
    assert fault.has_struck
    assert Effects(tmp_path / "effects").count == {grant.grant_id: 1 for grant in grants}
    assert ends(bench) == [("executed", None)] * 5
    claims = [found.grant_id for found in bench.receipts() if isinstance(found, Claim)]
    assert sorted(claims) == sorted(grant.grant_id for grant in grants)


def test_d8_a_grant_used_twice_after_offsets_were_rewound_is_refused(
    cluster: Any, bench: GrantBench, tmp_path: Path
) -> None:
    """A successor whose group was rewound reads its own claims first, acts on nothing, and writes the attempt down."""
    bench.grant(3)
    bench.publish()
    with running(cluster, tmp_path / "effects") as executor:
        until(lambda: executor.counts["executed"] == 3)
    rewind(cluster)
    with running(cluster, tmp_path / "effects") as executor:
        until(lambda: executor.counts["refused"] == 3)
    assert set(Effects(tmp_path / "effects").count.values()) == {1}
    assert ends(bench).count(("refused", Check.USED_BEFORE)) == 3


def test_the_same_grant_twice_is_executed_once(cluster: Any, bench: GrantBench, tmp_path: Path) -> None:
    """A doubled record with the same bytes is no second grant."""
    (grant,) = bench.grant()
    bench.publish()
    bench.append(bench.records())
    with running(cluster, tmp_path / "effects") as executor:
        until(lambda: executor.counts["executed"] == 1)
        time.sleep(0.5)
    assert Effects(tmp_path / "effects").count == {grant.grant_id: 1}


def test_a_copy_on_another_partition_is_refused(cluster: Any, bench: GrantBench, tmp_path: Path) -> None:
    """A sound grant copied to a partition whose executor knows nothing of its claim is not acted on there."""
    (grant,) = bench.grant()
    bench.publish()
    (record,) = bench.records()
    with running(cluster, tmp_path / "effects") as executor:
        until(lambda: executor.counts["executed"] == 1)
        bench.append([record], partition=1 - record.position.partition)
        until(lambda: executor.counts["refused"] == 1)
    assert Effects(tmp_path / "effects").count == {grant.grant_id: 1}
    assert ends(bench)[-1] == ("refused", Check.WRONG_PARTITION)


def test_refusals_name_the_check_and_unreadable_records_are_dead_letters(
    cluster: Any, bench: GrantBench, tmp_path: Path
) -> None:
    """What is not executed is written down: a receipt where a grant can be read, a dead letter where not."""
    bench.grant(1, "crm.unhandled")
    (record,) = bench.records()
    bench.publish()
    other_path = tuple((name, b"1/2:" if name == PATH_HEADER else value) for name, value in record.headers)
    bench.append([replace(record, headers=other_path), replace(record, value=b"\0", headers=())])
    with running(cluster, tmp_path / "effects") as executor:
        until(lambda: executor.counts["refused"] == 3)
    assert sorted(ends(bench)) == [("refused", Check.BAD_SIGNATURE), ("refused", Check.NO_HANDLER)]
    with TopicReader(cluster.connection("privacy-local"), "dlq.execution.crm", From.BEGINNING) as reader:
        (dead,) = reader.to_end()
    assert dead.value == b"\0"
    assert dict(dead.headers)["dlq-reason"] == Check.UNREADABLE.encode()
    assert not Effects(tmp_path / "effects").count


def test_a_failing_handler_is_a_failed_receipt_with_the_class_alone(
    cluster: Any, bench: GrantBench, tmp_path: Path
) -> None:
    """An exception ends as `failed`; its message, which could hold anything, stays in the process."""
    bench.grant(1, "crm.fail")
    bench.publish()
    with running(cluster, tmp_path / "effects") as executor:
        until(lambda: executor.counts["failed"] == 1)
    assert ends(bench) == [(Happened.FAILED.value, "PermissionError")]


def test_d13_a_pause_that_arrives_while_the_executor_runs_stops_the_next_grant(
    cluster: Any, bench: GrantBench, tmp_path: Path
) -> None:
    """Two seconds after operators paused, nothing is executed any more."""
    bench.grant()
    bench.publish()
    with running(cluster, tmp_path / "effects") as executor:
        until(lambda: executor.counts["executed"] == 1)
        bench.gate.publish(DocumentKind.PAUSE, "stop", Pause(executor="mail"))
        bench.gate.publish(DocumentKind.PAUSE, "halt", Pause(action_type="crm.read", active=False))
        bench.publish()
        bench.grant()  # by a gate that has not heard of what comes next
        bench.gate.publish(DocumentKind.PAUSE, "all", Pause())
        bench.publish()
        time.sleep(0.1)
        until(lambda: executor.counts["refused"] == 1)
    assert executor.counts["executed"] == 1
    assert ends(bench)[-1] == ("refused", Check.PAUSED)


def test_two_slots_share_the_work_and_double_nothing(cluster: Any, bench: GrantBench, tmp_path: Path) -> None:
    """A second process joins and leaves while grants arrive; each is executed once."""
    bench.grant(40)
    bench.publish()
    with running(cluster, tmp_path / "effects", slot=0) as first:
        with running(cluster, tmp_path / "effects", slot=1) as second:
            bench.grant(40)
            bench.publish()
            until(lambda: first.counts["executed"] + second.counts["executed"] == 80)
        bench.grant(40)
        bench.publish()
        until(lambda: first.counts["executed"] + second.counts["executed"] == 120)
    assert set(Effects(tmp_path / "effects").count.values()) == {1}


def test_an_executor_needs_the_connection_of_an_executor(cluster: Any) -> None:
    """Any other principal is refused before anything is opened."""
    with pytest.raises(ConfigurationError, match="is no executor"):
        Executor(cluster.connection("agent-local"), seeded_key("crm"), {}, trust=bench_trust())


def test_an_executor_with_another_key_than_its_document_stops(
    cluster: Any, bench: GrantBench, tmp_path: Path
) -> None:
    """Its claims would not count, so it does nothing and says which key is wrong."""
    bench.grant()
    bench.publish()
    world = Effects(tmp_path / "effects")
    connection = cluster.connection("executor-crm")
    executor = Executor(connection, seeded_key("old"), {"crm.read": world.act}, trust=bench_trust())
    with pytest.raises(ConfigurationError, match="is not the one operators enrolled"):
        executor.run()
    assert not world.count
    assert not bench.receipts()


def test_what_a_handler_returns_stands_on_exports_raw_beside_its_receipt(
    cluster: Any, bench: GrantBench, tmp_path: Path
) -> None:
    """One batch for a small result: JSON, with the grant, where and with the digest that the receipt says."""
    (grant,) = bench.grant()
    bench.publish()
    with running(cluster, tmp_path / "effects") as executor:
        until(lambda: executor.counts["executed"] == 1)
    ((record, batch),) = bench.batches()
    (receipt,) = [found for found in bench.receipts() if isinstance(found, Receipt)]
    assert (batch.media_type, batch.body) == ("application/json", b'{"done":0}')
    assert (batch.sequence, batch.previous, batch.count) == (0, None, 1)
    assert batch.grant_id == grant.grant_id
    assert batch.grant is not None
    assert batch.grant.sig_path is not None
    assert receipt.result_digest == envelope_digest(payload_type_of(record.headers), record.value or b"")
    place = record.position
    assert receipt.result == ResultPlace(partition=place.partition, offset=place.offset, batches=1)
    verify(seeded_key("crm").public, signed_part(record.headers, record.value or b""))


def test_a_long_result_is_a_chain_of_batches_that_its_receipt_closes(
    cluster: Any, bench: GrantBench, tmp_path: Path
) -> None:
    """An iterator of records is read slice by slice; each batch names the one before it, the last how many there are."""
    bench.grant(1, "crm.list", number=12_000)
    bench.publish()
    with running(cluster, tmp_path / "effects") as executor:
        until(lambda: executor.counts["executed"] == 1)
    found = bench.batches()
    (receipt,) = [found for found in bench.receipts() if isinstance(found, Receipt)]
    digests = [envelope_digest(payload_type_of(record.headers), record.value or b"") for record, _ in found]
    batches = [batch for _, batch in found]
    assert len(batches) > 20
    assert [batch.previous for batch in batches] == [None, *digests[:-1]]
    assert [batch.count for batch in batches] == [*[None] * (len(batches) - 1), len(batches)]
    assert [batch.grant is not None for batch in batches] == [True, *[False] * (len(batches) - 1)]
    assert receipt.result_digest == digests[-1]
    lines = b"".join(batch.body for batch in batches).splitlines()
    assert [json.loads(line)["number"] for line in lines] == list(range(12_000))
    assert max(len(batch.body) for batch in batches) <= 512 * 1024


def test_a_result_that_cannot_come_back_is_executed_all_the_same(
    cluster: Any, bench: GrantBench, tmp_path: Path
) -> None:
    """Too long a result is a code on the receipt; one whose iterator fails is a failed action; neither leaves a batch."""
    bench.grant(1, "crm.list", number=70_000)
    bench.grant(1, "crm.list", number=600, fails=True)
    bench.publish()
    with running(cluster, tmp_path / "effects") as executor:
        until(lambda: executor.counts["executed"] + executor.counts["failed"] == 2)
    assert sorted(ends(bench)) == [("executed", NoResult.TOO_LARGE), ("failed", "PermissionError")]
    assert bench.batches() == []


def test_a_result_that_would_outlive_its_transaction_is_left_out(
    cluster: Any, bench: GrantBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried twice, then the receipt says executed and why nothing comes back; no batch is visible, others are unharmed."""
    monkeypatch.setattr(executor_reports, "WRITING_S", 0.0)
    bench.grant(1, "crm.list", number=9_000)
    bench.grant()
    bench.publish()
    with running(cluster, tmp_path / "effects") as executor:
        until(lambda: executor.counts["executed"] == 2)
    assert sorted(ends(bench), key=str) == [("executed", NoResult.TOO_SLOW), ("executed", None)]
    assert [batch.body for _, batch in bench.batches()] == [b'{"done":0}']
