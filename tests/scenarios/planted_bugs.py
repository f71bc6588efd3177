"""Bugs that are planted to test the tests: each a small change of the shipped code at run time, and what must break.

The simulator kills most of them. What only a real broker shows is named with the test on a real broker that kills it.
The changes themselves are in the modules `*_bugs` beside this one, by what they are planted into.
"""

import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import action_bugs
import approval_bugs
import broker_bugs
import executor_bugs
import pytest
import runtime_bugs

from sluicegate.streams.testing.simulation import SENTENCES, Mode, simulate

Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Planted:
    """A change of the shipped code, which its function makes and its docstring tells."""

    plant: Plant

    @property
    def name(self) -> str:
        """In words."""
        return self.plant.__name__.replace("_", " ")

    @property
    def change(self) -> str:
        """What was changed, in one sentence."""
        return (self.plant.__doc__ or "").strip()


@dataclass(frozen=True)
class Bug(Planted):
    """For the simulator: the invariants of which one must break, and in which mode."""

    breaks: tuple[str, ...]
    mode: Mode = Mode.SAFETY


@dataclass(frozen=True)
class BrokerBug(Planted):
    """A bug that is planted into every process that a test starts; `killed_by` is the test that must fail."""

    breaks: str
    killed_by: str


BUGS = (
    Bug(runtime_bugs.offsets_outside_the_transaction, ("I5",)),
    Bug(runtime_bugs.overlay_merged_before_the_commit, ("I11",)),
    Bug(runtime_bugs.random_transactional_id, ("I10",), Mode.LIVENESS),
    Bug(runtime_bugs.restore_to_the_end_of_committed_records, ("I4", "I5", "I11")),
    Bug(runtime_bugs.timers_lost_after_a_restore, ("I10",), Mode.LIVENESS),
    Bug(runtime_bugs.timers_lost_after_an_abort, ("I10",), Mode.LIVENESS),
    Bug(runtime_bugs.producer_kept_after_a_call_that_timed_out, ("I5",)),
    Bug(runtime_bugs.group_metadata_asked_once, ("I10",), Mode.LIVENESS),
    Bug(runtime_bugs.offsets_without_the_group, ("I5",)),
    Bug(runtime_bugs.failed_deliveries_ignored, ("I5",)),
    Bug(runtime_bugs.headers_dropped, ("I5",)),
    Bug(runtime_bugs.positions_kept_after_an_abort, ("I5",)),
    Bug(runtime_bugs.overlay_kept_after_an_abort, ("I4", "I11")),
    Bug(runtime_bugs.expiry_before_the_decisions_are_read, ("fair",), Mode.LIVENESS),
    Bug(runtime_bugs.lapsed_by_wall_clock, ("I4",)),
    Bug(runtime_bugs.punctuations_by_the_wall_clock, ("I4", "fair")),
    Bug(approval_bugs.quorum_by_equality, ("fair",), Mode.LIVENESS),
    Bug(approval_bugs.quorum_without_groups, ("I3",)),
    Bug(approval_bugs.one_person_counts_twice, ("I3",)),
    Bug(approval_bugs.owner_may_decide, ("I3",)),
    Bug(approval_bugs.view_digest_not_compared, ("I3",)),
    Bug(approval_bugs.action_digest_not_compared, ("I3",)),
    Bug(approval_bugs.request_not_compared, ("I3",)),
    Bug(approval_bugs.late_decision_counts, ("I3",)),
    Bug(approval_bugs.stranger_may_decide, ("I3",)),
    Bug(approval_bugs.rejection_is_one_vote, ("I3",)),
    Bug(action_bugs.closed_marker_forgotten, ("I2",)),
    Bug(action_bugs.duplicates_by_action_id_only, ("I4",)),
    Bug(action_bugs.fresh_action_refused_as_stale, ("I4",)),
    Bug(action_bugs.withdrawn_action_stays_open, ("I4",)),
    Bug(action_bugs.superseded_action_stays_open, ("I4",)),
    Bug(action_bugs.lost_claim_told_as_lapsed, ("I1", "I4")),
    Bug(action_bugs.receipt_without_claim_closes, ("I4",)),
    Bug(action_bugs.expiry_of_a_claim_not_checked_by_the_gate, ("I8",)),
    Bug(action_bugs.clock_read_in_a_processor, ("I11",)),
    Bug(action_bugs.key_id_trusted, ("I12",)),
    Bug(action_bugs.signer_not_compared, ("I12",)),
    Bug(action_bugs.partition_not_compared, ("I12",)),
    Bug(executor_bugs.claim_after_the_act, ("I1",)),
    Bug(executor_bugs.expiry_not_checked_after_the_claim, ("I8",)),
    Bug(executor_bugs.used_grant_taken_for_new, ("I2",)),
    Bug(executor_bugs.claims_not_read_back, ("I2",)),
    Bug(executor_bugs.copy_on_another_partition_accepted, ("I2",)),
    Bug(executor_bugs.failed_act_tried_again, ("I2",)),
)
"""The one list."""

BROKER_BUGS = (
    BrokerBug(
        broker_bugs.hanging_call_waited_for,
        "a hanging worker holds its partitions for ever",
        "tests/faults/test_runtime_killed.py::test_a_worker_that_hangs_in_a_commit_is_ended_and_its_work_is_done",
    ),
    BrokerBug(
        broker_bugs.lost_offsets_taken_for_a_first_start,
        "everything is done a second time",
        "tests/broker/test_runtime_on_kafka.py::test_a_gate_without_its_offsets_does_not_start_over",
    ),
    BrokerBug(
        broker_bugs.producer_kept_on_a_real_broker,
        "a late copy of a request ends another transaction",
        "tests/faults/test_runtime_killed.py::test_a_stalled_broker_is_waited_for_and_the_producer_replaced",
    ),
)
"""What only a real broker shows."""


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
