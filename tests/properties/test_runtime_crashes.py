"""Random histories: crashes, moves and batch sizes change nothing that a reader sees."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.streams.runtime.transaction import CommitStep
from sluicegate.streams.testing import Counter, Crashed, TopologyDriver
from sluicegate.streams.testing.topologies import Seen

KEYS = (b"a", b"b", b"c", b"d")


@dataclass(frozen=True, slots=True)
class Write:
    """Append a record."""

    topic: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Run:
    """Work until idle; crash before `step` of the `commits`-th commit when there is one."""

    step: CommitStep | None


@dataclass(frozen=True, slots=True)
class Pass:
    """Let time pass."""

    milliseconds: int


@dataclass(frozen=True, slots=True)
class Move:
    """Give a partition to another owner."""

    partition: int


acts = st.one_of(
    st.builds(Write, st.sampled_from(("actions", "actions", "decisions")), st.sampled_from(KEYS)),
    st.builds(Run, st.one_of(st.none(), st.sampled_from(CommitStep))),
    st.builds(Pass, st.sampled_from((1, 1_000, 62_000, 3_600_000))),
    st.builds(Move, st.integers(0, 1)),
)


def play(history: list[Write | Run | Pass | Move], *, faults: bool) -> TopologyDriver[Seen]:
    """Act out a history, with or without its crashes and moves."""
    driver = TopologyDriver(Counter(), partitions=2)
    for number, act in enumerate([*history, Run(None)]):
        match act:
            case Write():
                driver.produce(act.topic, act.key, b"%d" % number)
            case Pass():
                driver.advance(act.milliseconds)
            case Move() if faults:
                driver.rebalance(act.partition)
            case Run():
                run(driver, act.step if faults else None)
            case Move():
                pass
    return driver


def run(driver: TopologyDriver[Seen], step: CommitStep | None) -> None:
    """Work until idle, through at most one crash."""
    if step is not None:
        driver.crash_at(step)
    try:
        driver.run()
    except Crashed:
        driver.restart()
        driver.run()


@settings(deadline=None)
@given(st.lists(acts, max_size=25))
def test_crashes_and_moves_change_nothing_visible(history: list[Write | Run | Pass | Move]) -> None:
    """With and without faults: the same committed bytes on every topic, the same state."""
    disturbed, undisturbed = play(history, faults=True), play(history, faults=False)
    assert disturbed.visible() == undisturbed.visible()
    assert disturbed.state() == undisturbed.state()


@settings(deadline=None)
@given(st.lists(acts, max_size=25))
def test_the_same_inputs_give_the_same_bytes(history: list[Write | Run | Pass | Move]) -> None:
    """A second run over the same inputs at the same times repeats every byte and every entry."""
    first, second = play(history, faults=True), play(history, faults=True)
    assert first.visible() == second.visible()
    assert first.state() == second.state()


@settings(deadline=None)
@given(st.lists(acts, max_size=25))
def test_a_restored_task_is_the_task_that_was_lost(history: list[Write | Run | Pass | Move]) -> None:
    """What a restart restores equals the state in memory before it, dues included."""
    driver = play(history, faults=True)
    before = driver.state()
    dues = {number: task.stores.dues.first("decisions") for number, task in driver.tasks.items()}
    driver.restart()
    assert driver.state() == before
    assert {number: task.stores.dues.first("decisions") for number, task in driver.tasks.items()} == dues


@settings(deadline=None)
@given(st.lists(acts, max_size=20), st.integers(1, 4))
def test_how_records_are_batched_loses_and_doubles_none(
    history: list[Write | Run | Pass | Move], batch: int
) -> None:
    """Whatever the size of transactions, each input has exactly one output that names it as its origin."""
    driver = TopologyDriver(Counter(), partitions=2, batch=batch)
    for number, act in enumerate(history):
        if isinstance(act, Write):
            driver.produce(act.topic, act.key, b"%d" % number)
    driver.run()
    origins = sorted(dict(record.headers)["origin"] or b"" for record in driver.read("outcomes"))
    inputs = [*driver.read("actions"), *driver.read("decisions")]
    assert origins == sorted(str(record.position).encode() for record in inputs)
