"""The task, driven in memory: order, transactions, restore, rebalance, fairness of punctuations."""

from typing import Any, NamedTuple

import pytest

from sluicegate.processors.contract import Due, Output, Put, Record, Step, StoreReader
from sluicegate.processors.grant_signature import verify_grant
from sluicegate.schemas.envelope import header
from sluicegate.schemas.errors import InvariantError
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.runtime.transaction import CommitStep
from sluicegate.streams.testing import Counter, Crashed, PassThrough, TopologyDriver
from sluicegate.streams.testing.topologies import COUNTER_LIFE_MS, WINDOW_MS, Seen

SKEW_MS = 2_000


def counter(**settings: Any) -> TopologyDriver[Seen]:
    """A driver of the counting topology."""
    return TopologyDriver(Counter(), **settings)


def values(driver: TopologyDriver[Seen], topic: str = "outcomes") -> list[bytes | None]:
    """The values of a topic."""
    return [record.value for record in driver.read(topic)]


def known(driver: TopologyDriver[Seen]) -> list[bytes | None]:
    """What the counter knew at each record."""
    return [header(record.headers, "known") for record in driver.read("outcomes")]


def test_every_record_is_copied_once_with_its_origin() -> None:
    """Each record gives one output on its own partition that names its position."""
    driver = TopologyDriver(PassThrough(), partitions=3)
    for number in range(30):
        driver.produce("actions", b"key %d" % number, b"value %d" % number)
    driver.run()
    origins = [header(record.headers, "origin") for record in driver.read("outcomes")]
    assert origins == [str(record.position).encode() for record in driver.read("actions")]
    assert driver.run() == 0


def test_sources_are_processed_in_their_order_within_a_transaction() -> None:
    """Actions come before decisions whatever was appended first."""
    driver = counter()
    driver.produce("decisions", b"a", b"no")
    driver.produce("actions", b"a", b"do")
    assert driver.run() == 1
    assert values(driver) == [b"do", b"no"]
    assert known(driver) == [b"1", b"ended"]


def test_tiles_cover_each_input_without_gap_or_overlap() -> None:
    """The ranges of successive transactions join, also where they pass markers."""
    driver = counter(batch=3)
    for number in range(4):
        driver.produce("actions", b"a", b"%d" % number)
    with driver.foreign_transaction() as foreign:
        foreign.produce("actions", b"a", b"4")
    with driver.foreign_transaction(abort=True) as foreign:
        foreign.produce("actions", b"a", b"never")
    driver.produce("actions", b"a", b"5")
    driver.run()
    assert values(driver, "audit") == [b"actions 0 3", b"actions 3 9"]
    assert values(driver) == [b"%d" % number for number in range(6)]


def test_a_record_behind_an_open_transaction_waits() -> None:
    """Nothing behind an open transaction is processed before that ends."""
    driver = counter()
    with driver.foreign_transaction() as foreign:
        foreign.produce("actions", b"a", b"open")
        driver.produce("actions", b"a", b"behind")
        driver.run()
        assert values(driver) == []
    driver.run()
    assert values(driver) == [b"open", b"behind"]


def test_state_survives_a_restart_and_a_move() -> None:
    """Restored state and stream time are those of before, for kept and for expiring entries."""
    driver = counter(partitions=2)
    for name in (b"a", b"b", b"c", b"d"):
        driver.produce("actions", name, b"do")
        driver.produce("decisions", name, b"no") if name < b"c" else None
    driver.run()
    before = driver.state()
    assert sum(len(entries) for stores in before.values() for entries in stores.values()) == 4
    driver.restart()
    assert driver.state() == before
    driver.rebalance(1)
    assert driver.state() == before


@pytest.mark.parametrize("step", list(CommitStep))
def test_a_crash_at_any_step_loses_and_doubles_nothing(step: CommitStep) -> None:
    """After a crash before each step and a restart, readers see what they see without the crash."""
    crashed, undisturbed = counter(), counter()
    for driver in (crashed, undisturbed):
        driver.produce("actions", b"a", b"1")
        driver.run()
        driver.produce("actions", b"a", b"2")
        driver.produce("decisions", b"b", b"no")
    crashed.crash_at(step)
    with pytest.raises(Crashed):
        crashed.run()
    crashed.restart()
    crashed.run()
    undisturbed.run()
    assert crashed.visible() == undisturbed.visible()
    assert crashed.state() == undisturbed.state()


def test_a_punctuation_fires_once_after_due_and_skew() -> None:
    """Not before due plus skew; then once, and what it changed is state."""
    driver = counter()
    driver.produce("actions", b"a", b"do")
    driver.run()
    driver.advance(COUNTER_LIFE_MS + SKEW_MS - 1)
    assert driver.run() == 0
    driver.advance(1)
    assert driver.run() == 1
    assert values(driver) == [b"do", b"expired at 1"]
    driver.advance(10 * COUNTER_LIFE_MS)
    assert driver.run() == 0


def test_a_task_that_lags_does_not_expire_what_was_decided_in_time() -> None:
    """A decision that lies in the topic counts though the task reads it long after the deadline."""
    driver = counter()
    driver.produce("actions", b"a", b"do")
    driver.run()
    driver.stalled.add("decisions")
    driver.produce("decisions", b"a", b"no")
    driver.advance(10 * COUNTER_LIFE_MS)
    assert driver.run() == 0
    driver.stalled.clear()
    driver.run()
    assert values(driver) == [b"do", b"no"]


def test_an_open_transaction_holds_punctuations_back() -> None:
    """A decision in a transaction that is still open at the deadline is waited for: it was appended in time."""
    driver = counter()
    driver.produce("actions", b"a", b"do")
    driver.run()
    with driver.foreign_transaction() as foreign:
        foreign.produce("decisions", b"a", b"no")
        driver.advance(COUNTER_LIFE_MS + SKEW_MS)
        assert driver.run() == 0
    driver.run()
    assert values(driver) == [b"do", b"no"]


def test_aborted_records_do_not_hold_punctuations_back_for_ever() -> None:
    """An end offset is passed over aborted records and markers too."""
    driver = counter()
    driver.produce("actions", b"a", b"do")
    with driver.foreign_transaction(abort=True) as foreign:
        foreign.produce("decisions", b"a", b"no")
    driver.run()
    driver.advance(COUNTER_LIFE_MS + SKEW_MS)
    driver.run()
    assert values(driver) == [b"do", b"expired at 1"]


def test_punctuations_fire_in_order_of_due_and_key() -> None:
    """Several that become ripe at once come by (due, key), not by who was stored first."""
    driver = counter()
    for name in (b"b", b"c", b"a"):
        driver.produce("actions", name, b"do")
    driver.advance(5)
    driver.produce("actions", b"0", b"later")
    driver.run()
    driver.advance(COUNTER_LIFE_MS + SKEW_MS)
    driver.run()
    assert [record.key for record in driver.read("outcomes")[4:]] == [b"a", b"b", b"c", b"0"]


def test_a_due_survives_a_restart() -> None:
    """Punctuations are derived from state: a task that starts after the deadline still fires them."""
    driver = counter()
    driver.produce("actions", b"a", b"do")
    driver.run()
    driver.advance(COUNTER_LIFE_MS + SKEW_MS)
    driver.restart()
    driver.run()
    assert values(driver) == [b"do", b"expired at 1"]


@pytest.mark.parametrize("step", list(CommitStep))
def test_a_crash_while_a_punctuation_is_committed_fires_it_once(step: CommitStep) -> None:
    """A punctuation's transaction that did not commit fires again; one that did does not."""
    driver = counter()
    driver.produce("actions", b"a", b"do")
    driver.run()
    driver.advance(COUNTER_LIFE_MS + SKEW_MS)
    driver.crash_at(step)
    with pytest.raises(Crashed):
        driver.run()
    driver.restart()
    driver.run()
    assert values(driver) == [b"do", b"expired at 1"]


def test_entries_expire_by_stream_time_and_never_by_the_clock() -> None:
    """A window that has passed on the wall clock alone hides nothing; the next record's append time does."""
    driver = counter()
    driver.produce("actions", b"a", b"1")
    driver.produce("decisions", b"a", b"no")
    driver.run()
    driver.produce("actions", b"a", b"2")
    driver.produce("actions", b"b", b"x", append_ms=driver.now_ms + WINDOW_MS)
    driver.produce("actions", b"a", b"3")
    driver.advance(10 * WINDOW_MS)
    driver.run()
    assert known(driver)[:5] == [b"1", b"ended", b"again", b"1", b"2"]


def test_stream_time_survives_a_restart() -> None:
    """After a restart a late record still sees the window as far as it had moved."""
    driver = counter(partitions=1)
    driver.produce("actions", b"a", b"1")
    driver.produce("decisions", b"a", b"no")
    driver.produce("actions", b"b", b"x", append_ms=driver.now_ms + WINDOW_MS)
    driver.run()
    driver.restart()
    driver.produce("actions", b"a", b"late", append_ms=driver.now_ms)
    driver.run()
    assert known(driver)[-1] == b"1"


def test_lost_offsets_stop_a_partition_that_has_been_worked_on() -> None:
    """Without offsets but with committed records of its own a task does not start over."""
    driver = counter()
    driver.produce("actions", b"a", b"do")
    driver.run()
    driver.log.offsets.clear()
    with pytest.raises(InvariantError, match="partition 0 has been worked on before"):
        driver.restart()


def test_a_first_start_after_a_crash_is_still_a_first_start() -> None:
    """Aborted records of the gate prove nothing: a partition that never committed begins at 0."""
    driver = counter()
    driver.produce("actions", b"a", b"do")
    driver.crash_at(CommitStep.COMMIT)
    with pytest.raises(Crashed):
        driver.run()
    driver.restart()
    driver.run()
    assert values(driver) == [b"do"]


def test_new_tables_are_adopted_before_the_records_of_a_transaction() -> None:
    """A table record written before an action is in force for it, and its adoption is written once per task."""
    driver = counter(partitions=2)
    driver.run()
    driver.produce("policies", b"p", b"new")
    driver.produce("actions", b"a", b"do")
    driver.run()
    audit = [record for record in driver.read("audit") if record.key == b"tables"]
    assert [(record.position.partition, record.value) for record in audit] == [
        (0, b"(('policies', 1),)"),
        (1, b"(('policies', 1),)"),
    ]
    assert driver.run() == 0


class Careless(PassThrough):
    """Raises at a record, as no topology may."""

    def process(self, stores: StoreReader, tables: Seen, record: Record, now_ms: int) -> Step:
        """Raise with the record's value in the message."""
        del stores, tables, now_ms
        raise ValueError(record.value)


def test_a_topology_that_raises_stops_with_the_position_and_no_value() -> None:
    """The error names topic, partition and offset, and nothing that the record holds."""
    driver = TopologyDriver(Careless())
    driver.produce("actions", b"a", b"secret")
    with pytest.raises(InvariantError, match="raised ValueError at actions-0@0") as caught:
        driver.run()
    assert "secret" not in str(caught.value)


class InPhases(Counter):
    """The counter in four phases, noting what is done when; it raises in the phase it is told, at the second record."""

    def __init__(self, raises_in: str = "") -> None:
        super().__init__()
        self.done: list[str] = []
        self._raises_in = raises_in

    def read(self, tables: Seen, record: Record, now_ms: int) -> Record:
        """The record as it is."""
        del tables, now_ms
        return self._noted("read", record)

    def judge(self, tables: Seen, read: Record, now_ms: int) -> Record:
        """The record as it is."""
        del tables, now_ms
        return self._noted("judge", read)

    def decide(self, stores: StoreReader, tables: Seen, judged: Record, now_ms: int) -> "Counted":
        """What the counter does."""
        return Counted(self._noted("decide", judged), self.process(stores, tables, judged, now_ms))

    def write(self, decided: "Counted") -> tuple[Output, ...]:
        """What the counter writes."""
        self._noted("write", decided.record)
        return decided.step.outputs

    def _noted(self, phase: str, record: Record) -> Record:
        self.done.append(f"{phase} {record.position.offset}")
        if phase == self._raises_in and record.position.offset == 1:
            raise ValueError(record.value)
        return record


class Counted(NamedTuple):
    """A record and what the counter makes of it."""

    record: Record
    step: Step

    @property
    def puts(self) -> tuple[Put, ...]:
        """The new count."""
        return self.step.puts


def test_phases_change_nothing_but_the_order_of_work() -> None:
    """All are read, then all judged, then all decided, each seeing what the ones before it put, then all written; bytes are the same."""
    plain, phased = counter(), TopologyDriver(InPhases())
    for driver in (plain, phased):
        for number in range(6):
            driver.produce("actions", b"%d" % (number % 2), b"do")
        driver.run()
    assert [(r.value, r.headers) for r in phased.read("outcomes")] == [
        (r.value, r.headers) for r in plain.read("outcomes")
    ]
    assert known(phased) == known(plain)
    topology = phased.topology
    assert isinstance(topology, InPhases)
    assert topology.done == [
        f"{phase} {offset}" for phase in ("read", "judge", "decide", "write") for offset in range(6)
    ]


@pytest.mark.parametrize("phase", ["read", "judge", "decide", "write"])
def test_a_phase_that_raises_names_the_record_at_which_it_did(phase: str) -> None:
    """Whichever phase it is, the error has the position of its record and nothing of its value."""
    driver = TopologyDriver(InPhases(raises_in=phase))
    for _ in range(3):
        driver.produce("actions", b"a", b"secret")
    with pytest.raises(InvariantError, match="raised ValueError at actions-0@1") as caught:
        driver.run()
    assert "secret" not in str(caught.value)


class Forgetful(Counter):
    """Its punctuations leave the entry as it is."""

    def punctuate(self, stores: StoreReader, tables: Seen, due: Due, partition: int, now_ms: int) -> Step:
        """Do nothing."""
        del stores, tables, due, partition, now_ms
        return Step()


def test_a_punctuation_that_changes_nothing_is_an_error_and_no_endless_loop() -> None:
    """A due that is still there after its punctuation stops the task."""
    driver = TopologyDriver(Forgetful())
    driver.produce("actions", b"a", b"do")
    driver.run()
    driver.advance(COUNTER_LIFE_MS + SKEW_MS)
    with pytest.raises(InvariantError, match="left its entry as due as before"):
        driver.run()


class Granting(PassThrough):
    """Asks for a signature on every output."""

    def process(self, stores: StoreReader, tables: Seen, record: Record, now_ms: int) -> Step:
        """Write one signed record."""
        del stores, tables, now_ms
        headers = (("content-type", b"application/vnd.sluicegate.grant.v1+json"),)
        return Step(outputs=(Output("execution.crm", b"a", record.value or b"", headers, signed=True),))


def test_signed_outputs_carry_one_signature_per_transaction() -> None:
    """All signed outputs of a transaction, of all tasks, verify under the key by their own two headers."""
    key = PrivateKey.generate()
    driver = TopologyDriver(Granting(), partitions=2, key=key)
    for number in range(5):
        driver.produce("actions", b"%d" % number, b"%d" % number)
    assert driver.run() == 1
    grants = driver.read("execution.crm")
    for grant in grants:
        sig, path = header(grant.headers, "sig") or b"", header(grant.headers, "sig-path") or b""
        content_type = (header(grant.headers, "content-type") or b"").decode()
        verify_grant(key.public, content_type, grant.value or b"", sig.decode(), path.decode())
    assert len(grants) == 5
    assert len({header(grant.headers, "sig") for grant in grants}) == 1


def test_a_signature_without_a_key_is_refused() -> None:
    """Nothing unsigned is written in place of something signed."""
    driver = TopologyDriver(Granting())
    driver.produce("actions", b"a", b"1")
    with pytest.raises(InvariantError, match="there is no key"):
        driver.run()
    assert driver.read("execution.crm") == []
