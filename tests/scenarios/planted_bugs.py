"""Bugs that are planted to test the tests: each a small change of the shipped code at run time, and what must break.

The simulator kills most of them. What only a real broker shows is named with the test on a real broker that kills it.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sluicegate.processors import intake, quorum
from sluicegate.processors.events import Event, Reason
from sluicegate.processors.gate import approvals, decision_checks, grants, receipts, submissions
from sluicegate.processors.gate.approval_records import approvers
from sluicegate.processors.gate.pending import put_pending
from sluicegate.processors.release import examination
from sluicegate.processors.ruling import Ruling
from sluicegate.schemas.keys import PublicKey
from sluicegate.streams.clients import claim_book, executor, executor_acts
from sluicegate.streams.clients.execution_records import Scribe
from sluicegate.streams.runtime import restore, transaction, watchdog
from sluicegate.streams.runtime.clock import BrokerClock
from sluicegate.streams.runtime.dues import DueIndex
from sluicegate.streams.runtime.producer import KafkaProducer
from sluicegate.streams.runtime.stores import Stores
from sluicegate.streams.runtime.task import Task
from sluicegate.streams.runtime.transaction import CommitStep
from sluicegate.streams.testing.simulation import SENTENCES, Mode, simulate
from sluicegate.streams.testing.simulation.client import Names, SimulatedEnds

Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Bug:
    """A planted bug: the invariants of which one must break, and in which mode of the simulator."""

    plant: Plant
    breaks: tuple[str, ...]
    mode: Mode = Mode.SAFETY

    @property
    def name(self) -> str:
        """In words."""
        return self.plant.__name__.replace("_", " ")

    @property
    def change(self) -> str:
        """What was changed, in one sentence."""
        return (self.plant.__doc__ or "").strip()


# --- the runtime ---


def offsets_outside_the_transaction(patch: pytest.MonkeyPatch) -> None:
    """Offsets are committed after the transaction instead of within it."""
    real = transaction.commit

    def commit(producer: Any, tasks: Any, now_ms: int, *, key: Any, fault: Any) -> None:
        later: list[Any] = []

        def hook(step: CommitStep) -> None:
            fault(step)
            if step is CommitStep.MERGE:
                offsets = producer._cluster.offsets
                offsets.update({(each.topic, each.partition): each for each in later})

        producer.send_offsets = later.extend
        real(producer, tasks, now_ms, key=key, fault=hook)

    patch.setattr(transaction, "commit", commit)


def overlay_merged_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    """The overlay becomes the state when it is written, not when the transaction has committed."""
    real = Task.close

    def close(self: Task[Any], now_ms: int) -> Any:
        written = real(self, now_ms)
        self.stores.merge()
        return written

    patch.setattr(Task, "close", close)


def random_transactional_id(patch: pytest.MonkeyPatch) -> None:
    """Every process makes up a transactional id, so it ends nothing that its predecessor left open."""
    count = iter(range(1_000_000))
    patch.setattr(Names, "transactional_id", lambda _self, _slot: f"made-up-{next(count)}")


def restore_to_the_end_of_committed_records(patch: pytest.MonkeyPatch) -> None:
    """A restore ends where committed records end now, not at the high watermark."""

    def wait(self: SimulatedEnds, partitions: Any) -> Any:
        return {each: (0, self._cluster.read(*each)[1]) for each in partitions}

    patch.setattr(SimulatedEnds, "wait", wait)


def timers_lost_after_a_restore(patch: pytest.MonkeyPatch) -> None:
    """Nothing is due after a restore."""
    patch.setattr(Stores, "deriving", lambda _self: iter(()))


def timers_lost_after_an_abort(patch: pytest.MonkeyPatch) -> None:
    """What was due in a transaction that was aborted is not due again."""
    patch.setattr(DueIndex, "abort", lambda self: self._popped.clear())


def producer_kept_after_a_call_that_timed_out(patch: pytest.MonkeyPatch) -> None:
    """A producer that had to repeat a call is used for the next transaction."""

    def begin(self: KafkaProducer) -> None:
        self._failed.clear()
        self._producer.begin_transaction()

    patch.setattr(KafkaProducer, "begin", begin)


def group_metadata_asked_once(patch: pytest.MonkeyPatch) -> None:
    """The metadata of the group are asked for once and kept."""
    real = KafkaProducer.send_offsets

    def send_offsets(self: Any, progress: Any) -> None:
        kept = self.__dict__.setdefault("kept", self._group_metadata())
        self._group_metadata = lambda: kept
        real(self, progress)

    patch.setattr(KafkaProducer, "send_offsets", send_offsets)


def offsets_without_the_group(patch: pytest.MonkeyPatch) -> None:
    """Offsets are sent without the member's epoch, so nobody who was evicted is refused."""
    real = KafkaProducer.send_offsets

    def send_offsets(self: Any, progress: Any) -> None:
        self._group_metadata = lambda: None
        real(self, progress)

    patch.setattr(KafkaProducer, "send_offsets", send_offsets)


def failed_deliveries_ignored(patch: pytest.MonkeyPatch) -> None:
    """A transaction is committed although one of its records was not delivered."""
    patch.setattr(KafkaProducer, "flush", lambda self: self._unacknowledged())


def headers_dropped(patch: pytest.MonkeyPatch) -> None:
    """Records are produced without their headers."""
    real = KafkaProducer.produce
    patch.setattr(KafkaProducer, "produce", lambda self, t, n, k, v, _headers: real(self, t, n, k, v, ()))


def positions_kept_after_an_abort(patch: pytest.MonkeyPatch) -> None:
    """After an abort a task reads on where it was instead of where the last commit was."""
    real = Task.aborted

    def aborted(self: Task[Any]) -> None:
        kept = dict(self._positions)
        real(self)
        self._positions.update(kept)

    patch.setattr(Task, "aborted", aborted)


def overlay_kept_after_an_abort(patch: pytest.MonkeyPatch) -> None:
    """An abort leaves the overlay as it is."""
    patch.setattr(Stores, "discard", lambda self: self.dues.abort())


def expiry_before_the_decisions_are_read(patch: pytest.MonkeyPatch) -> None:
    """What is due by the wall clock fires, whatever was not read yet."""
    _fires_by_the_clock(patch, ("decisions", "receipts"))


def lapsed_by_wall_clock(patch: pytest.MonkeyPatch) -> None:
    """A grant lapses by the wall clock, whatever claims were not read yet."""
    _fires_by_the_clock(patch, ("receipts",))


def _fires_by_the_clock(patch: pytest.MonkeyPatch, sources: tuple[str, ...]) -> None:
    punctuate, move_horizons, told = Task.punctuate, Task._move_horizons, [0]

    def punctuate_now(self: Task[Any], now_ms: int, limit: int = 500) -> int:
        told[0] = now_ms
        return punctuate(self, now_ms, limit)

    def move_all(self: Task[Any]) -> None:
        move_horizons(self)
        self._horizons.update(dict.fromkeys(sources, told[0]))

    patch.setattr(Task, "punctuate", punctuate_now)
    patch.setattr(Task, "_move_horizons", move_all)


def punctuations_by_the_wall_clock(patch: pytest.MonkeyPatch) -> None:
    """A worker believes its machine's clock, whatever the brokers say."""
    patch.setattr(BrokerClock, "now_ms", lambda self: self._wall())


# --- who counts ---


def quorum_by_equality(patch: pytest.MonkeyPatch) -> None:
    """Exactly as many as the quorum asks for, and not one more."""

    def met(requirement: Any, decisions: Any) -> bool:
        people = approvers(decisions)
        return len(people) == requirement.quorum and quorum.satisfied(
            requirement.groups, requirement.quorum, people
        )

    patch.setattr(approvals, "_met", met)


def quorum_without_groups(patch: pytest.MonkeyPatch) -> None:
    """Enough people are enough, whatever groups they speak for."""
    patch.setattr(approvals, "_met", lambda needed, decisions: len(approvers(decisions)) >= needed.quorum)


def one_person_counts_twice(patch: pytest.MonkeyPatch) -> None:
    """A person is heard as often as they speak."""
    patch.setattr(decision_checks, "_unfit", lambda *_: None)
    patch.setattr(approvals, "_with_decision", _beside_the_others)
    patch.setattr(approvals, "_met", lambda needed, decisions: len(decisions) >= needed.quorum)


def _beside_the_others(pending: Any, counted: Any) -> Any:
    waiting = pending.waiting
    return pending.model_copy(
        update={"waiting": waiting.model_copy(update={"decisions": (*waiting.decisions, counted)})}
    )


def owner_may_decide(patch: pytest.MonkeyPatch) -> None:
    """Who is behind an action may decide on it."""
    _forgiven(patch, Reason.OWN_ACTION)


def view_digest_not_compared(patch: pytest.MonkeyPatch) -> None:
    """A decision counts whatever view it was made on."""
    _forgiven(patch, Reason.WRONG_VIEW_DIGEST)


def action_digest_not_compared(patch: pytest.MonkeyPatch) -> None:
    """A decision counts for other bytes than it was made on."""
    _forgiven(patch, Reason.WRONG_ACTION_DIGEST)


def request_not_compared(patch: pytest.MonkeyPatch) -> None:
    """A decision counts for another request than it names."""
    _forgiven(patch, Reason.UNKNOWN_REQUEST)


def late_decision_counts(patch: pytest.MonkeyPatch) -> None:
    """A decision after the deadline counts when nobody has looked at the deadline yet."""
    _forgiven(patch, Reason.LATE)


def stranger_may_decide(patch: pytest.MonkeyPatch) -> None:
    """Who is in none of the groups that were asked may fill the quorum."""
    _forgiven(patch, Reason.NOT_IN_GROUP)


def _forgiven(patch: pytest.MonkeyPatch, reason: Reason) -> None:
    real = approvals.why_not_counted

    def why(*parts: Any) -> Reason | None:
        found = real(*parts)
        return None if found is reason else found

    patch.setattr(approvals, "why_not_counted", why)


def rejection_is_one_vote(patch: pytest.MonkeyPatch) -> None:
    """A rejection is noted, and the request stays open."""

    def reject(held: Any, cause: Any) -> Ruling:
        del cause
        return Ruling(Event.DECISION_COUNTED, {}, (put_pending(held),), lane=held.lane)

    patch.setattr(approvals, "_reject", reject)


# --- lives of actions ---


def closed_marker_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A closed action leaves nothing behind."""
    patch.setattr(submissions, "read_marker", lambda *_: None)


def duplicates_by_action_id_only(patch: pytest.MonkeyPatch) -> None:
    """Other content under a used id is taken for a copy."""
    patch.setattr(submissions, "content_digest", lambda _action: bytes(32))


def withdrawn_action_stays_open(patch: pytest.MonkeyPatch) -> None:
    """The agent is told that its action is withdrawn, and the request goes on."""
    real = approvals.withdraw
    patch.setattr(approvals, "withdraw", lambda held, cause: replace(real(held, cause), puts=()))


def superseded_action_stays_open(patch: pytest.MonkeyPatch) -> None:
    """The agent is told that its action is superseded, and the request goes on."""
    real = approvals.supersede
    patch.setattr(approvals, "supersede", lambda held, cause: replace(real(held, cause), puts=()))


def lost_claim_told_as_lapsed(patch: pytest.MonkeyPatch) -> None:
    """Of a claim without a receipt the agent is told that nobody has acted."""
    patch.setattr(receipts, "lose", grants.lapse)


def receipt_without_claim_closes(patch: pytest.MonkeyPatch) -> None:
    """Anybody's receipt closes, whether it names the claim or not."""
    patch.setattr(receipts, "_foreign", lambda pending, _record: None if pending else Reason.ALREADY_CLOSED)
    patch.setattr(receipts, "_unfit", lambda *_: None)


def expiry_of_a_claim_not_checked_by_the_gate(patch: pytest.MonkeyPatch) -> None:
    """The gate counts a claim after the grant's expiry."""
    real = receipts.take_claim
    patch.setattr(
        receipts, "take_claim", lambda held, claim, cause: real(held, claim, replace(cause, at_ms=0))
    )


def clock_read_in_a_processor(patch: pytest.MonkeyPatch) -> None:
    """An outcome tells the time of the machine instead of the transaction's."""
    real = grants.tell

    def tell(subject: Any, kind: Any, cause: Any, **more: Any) -> Any:
        return real(subject, kind, replace(cause, now_ms=time.time_ns() // 1_000), **more)

    patch.setattr(grants, "tell", tell)


# --- what is trusted ---


def key_id_trusted(patch: pytest.MonkeyPatch) -> None:
    """The id of a key is taken for its signature."""
    patch.setattr(PublicKey, "verify", lambda *_: None)


def signer_not_compared(patch: pytest.MonkeyPatch) -> None:
    """Any enrolled key may sign anything."""
    patch.setattr(intake, "_wrong_signer", lambda *_: None)


def partition_not_compared(patch: pytest.MonkeyPatch) -> None:
    """A record counts on whatever partition it stands."""
    patch.setattr(intake, "_misplaced", lambda *_: None)


# --- executors ---


def claim_after_the_act(patch: pytest.MonkeyPatch) -> None:
    """An executor acts, then claims."""
    real = executor.claim

    def claim(work: Any, records: Any, judgements: Any) -> Any:
        for judgement in judgements:
            if judgement.action is not None and judgement.read is not None:
                try:
                    work.handlers[judgement.action.type](judgement.action, judgement.read.grant)
                except ConnectionError:
                    continue
        real(work, records, judgements)
        return []

    patch.setattr(executor, "claim", claim)


def expiry_not_checked_after_the_claim(patch: pytest.MonkeyPatch) -> None:
    """An executor acts although its claim was appended after the grant's expiry."""
    patch.setattr(executor_acts, "_late", lambda _claimed: None)


def used_grant_taken_for_new(patch: pytest.MonkeyPatch) -> None:
    """An executor does not look up whether it has claimed a grant before."""
    patch.setattr(claim_book.ClaimBook, "look", lambda *_: claim_book.Use.NEW)


def claims_not_read_back(patch: pytest.MonkeyPatch) -> None:
    """An executor that starts again remembers no claims and trusts the offsets of its group."""
    patch.setattr(Scribe, "own", lambda *_: None)


def copy_on_another_partition_accepted(patch: pytest.MonkeyPatch) -> None:
    """An executor does not look whether a grant stands where it belongs."""
    patch.setattr(examination, "_place", lambda *_: None)


def failed_act_tried_again(patch: pytest.MonkeyPatch) -> None:
    """A handler that raised is called a second time."""
    real = executor_acts._act

    def act(work: Any, claimed: Any) -> Any:
        ended = real(work, claimed)
        return ended if isinstance(ended, executor_acts.Executed) else real(work, claimed)

    patch.setattr(executor_acts, "_act", act)


BUGS = (
    Bug(offsets_outside_the_transaction, ("I5",)),
    Bug(overlay_merged_before_the_commit, ("I11",)),
    Bug(random_transactional_id, ("I10",), Mode.LIVENESS),
    Bug(restore_to_the_end_of_committed_records, ("I4", "I5", "I11")),
    Bug(timers_lost_after_a_restore, ("I10",), Mode.LIVENESS),
    Bug(timers_lost_after_an_abort, ("I10",), Mode.LIVENESS),
    Bug(producer_kept_after_a_call_that_timed_out, ("I5",)),
    Bug(group_metadata_asked_once, ("I10",), Mode.LIVENESS),
    Bug(offsets_without_the_group, ("I5",)),
    Bug(failed_deliveries_ignored, ("I5",)),
    Bug(headers_dropped, ("I5",)),
    Bug(positions_kept_after_an_abort, ("I5",)),
    Bug(overlay_kept_after_an_abort, ("I4", "I11")),
    Bug(expiry_before_the_decisions_are_read, ("fair",), Mode.LIVENESS),
    Bug(lapsed_by_wall_clock, ("I4",)),
    Bug(punctuations_by_the_wall_clock, ("I4", "fair")),
    Bug(quorum_by_equality, ("fair",), Mode.LIVENESS),
    Bug(quorum_without_groups, ("I3",)),
    Bug(one_person_counts_twice, ("I3",)),
    Bug(owner_may_decide, ("I3",)),
    Bug(view_digest_not_compared, ("I3",)),
    Bug(action_digest_not_compared, ("I3",)),
    Bug(request_not_compared, ("I3",)),
    Bug(late_decision_counts, ("I3",)),
    Bug(stranger_may_decide, ("I3",)),
    Bug(rejection_is_one_vote, ("I3",)),
    Bug(closed_marker_forgotten, ("I2",)),
    Bug(duplicates_by_action_id_only, ("I4",)),
    Bug(withdrawn_action_stays_open, ("I4",)),
    Bug(superseded_action_stays_open, ("I4",)),
    Bug(lost_claim_told_as_lapsed, ("I1", "I4")),
    Bug(receipt_without_claim_closes, ("I4",)),
    Bug(expiry_of_a_claim_not_checked_by_the_gate, ("I8",)),
    Bug(clock_read_in_a_processor, ("I11",)),
    Bug(key_id_trusted, ("I12",)),
    Bug(signer_not_compared, ("I12",)),
    Bug(partition_not_compared, ("I12",)),
    Bug(claim_after_the_act, ("I1",)),
    Bug(expiry_not_checked_after_the_claim, ("I8",)),
    Bug(used_grant_taken_for_new, ("I2",)),
    Bug(claims_not_read_back, ("I2",)),
    Bug(copy_on_another_partition_accepted, ("I2",)),
    Bug(failed_act_tried_again, ("I2",)),
)
"""The one list."""


# --- what only a real broker shows ---


@dataclass(frozen=True)
class BrokerBug:
    """A bug that is planted into every process that a test starts; `killed_by` is the test that must fail."""

    plant: Plant
    breaks: str
    killed_by: str

    @property
    def name(self) -> str:
        """In words."""
        return self.plant.__name__.replace("_", " ")

    @property
    def change(self) -> str:
        """What was changed, in one sentence."""
        return (self.plant.__doc__ or "").strip()


def hanging_call_waited_for(patch: pytest.MonkeyPatch) -> None:
    """Nobody ends a worker whose call does not return."""
    patch.setattr(watchdog.Watchdog, "_watch", lambda _self: None)


def lost_offsets_taken_for_a_first_start(patch: pytest.MonkeyPatch) -> None:
    """A gate whose group has lost its offsets begins at the beginning."""
    patch.setattr(
        restore,
        "check_first_start",
        lambda _partition, committed, evidence: {  # noqa: ARG005  # as it is called
            source: offset or 0 for source, offset in committed.items()
        },
    )


def producer_kept_on_a_real_broker(patch: pytest.MonkeyPatch) -> None:
    """A producer that had to repeat a call is used for the next transaction."""
    producer_kept_after_a_call_that_timed_out(patch)


BROKER_BUGS = (
    BrokerBug(
        hanging_call_waited_for,
        "a hanging worker holds its partitions for ever",
        "tests/faults/test_runtime_killed.py::test_a_worker_that_hangs_in_a_commit_is_ended_and_its_work_is_done",
    ),
    BrokerBug(
        lost_offsets_taken_for_a_first_start,
        "everything is done a second time",
        "tests/broker/test_runtime_on_kafka.py::test_a_gate_without_its_offsets_does_not_start_over",
    ),
    BrokerBug(
        producer_kept_on_a_real_broker,
        "a late copy of a request ends another transaction",
        "tests/faults/test_runtime_killed.py::test_a_stalled_broker_is_waited_for_and_the_producer_replaced",
    ),
)


def plant_in_this_process(name: str) -> None:
    """For a process that a test starts: plant the bug of this name for as long as the process lives."""
    found = {bug.plant.__name__: bug.plant for bug in (*BUGS, *BROKER_BUGS)}
    found[name](pytest.MonkeyPatch())


# --- the table ---

MOST_SEEDS = 240
"""Within so many seeds the simulator kills a bug."""
_SIMULATOR = "tests/simulation/test_planted_bugs.py::test_the_simulator_kills"
_HEAD = """\
# Planted bugs

Each is a small change of the shipped code at run time, and a named test that must fail because of it. `python
tests/scenarios/planted_bugs.py` writes this table anew: it looks for the first seed of the simulator that kills each bug.
Those of the simulator are killed by `{simulator}[<bug>]`, those of a real broker by the test that is named, run by
`test_a_real_broker_kills`. Invariants are those of `python -m sluicegate.streams.testing.simulation`:

{invariants}

| bug | what was changed | breaks | killed by | seeds needed |
| --- | --- | --- | --- | --- |
"""


def killing_seed(bug: Bug, seeds: Iterable[int]) -> int | None:
    """The first of these seeds in which the planted bug breaks what it must break."""
    with pytest.MonkeyPatch.context() as patch:
        bug.plant(patch)
        for seed in seeds:
            broken = {each.invariant for each in simulate(seed, bug.mode).broken}
            if not broken.isdisjoint(bug.breaks):
                return seed
    return None


def table(needed: Mapping[str, int]) -> str:
    """The whole file; `needed` is how many seeds each bug needed."""
    invariants = "\n".join(f"- {name}: {sentence}" for name, sentence in SENTENCES.items())
    rows = [
        f"| {bug.name} | {bug.change} | {' or '.join(bug.breaks)} | simulator, {bug.mode.value} | {needed.get(bug.name, '?')} |"
        for bug in BUGS
    ]
    rows += [
        f"| {bug.name} | {bug.change} | {bug.breaks} | `{bug.killed_by}` | real broker |"
        for bug in BROKER_BUGS
    ]
    return _HEAD.format(simulator=_SIMULATOR, invariants=invariants) + "\n".join(rows) + "\n"


def recorded(text: str) -> dict[str, int]:
    """How many seeds each bug needed, from the table."""
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines()]
    return {row[0]: int(row[-1]) for row in rows if len(row) == _COLUMNS and row[-1].isdecimal()}


_COLUMNS = 5


def _write() -> None:
    logging.getLogger("sluicegate").setLevel(logging.CRITICAL)
    needed = {}
    for bug in BUGS:
        seed = killing_seed(bug, range(MOST_SEEDS))
        sys.stdout.write(f"{bug.name}: {'ALIVE' if seed is None else seed + 1}\n")
        sys.stdout.flush()
        if seed is not None:
            needed[bug.name] = seed + 1
    place = Path(__file__).parents[1] / "simulation" / "planted-bugs.md"
    place.write_text(table(needed))


if __name__ == "__main__":
    _write()
