"""What workers of the gate do, and how they break: crashes, refusals, lost answers, standing still, moves."""

from collections.abc import Mapping
from random import Random
from typing import Final

from sluicegate.streams.runtime.transaction import CommitStep
from sluicegate.streams.testing.driver import Crashed

from .gate_worker import GateWorker
from .stage import Happening, Stage


def turn(stage: Stage, chance: Random) -> None:
    """A worker does its next piece of work."""
    stage.gate_turn(chance.choice(stage.workers), chance)


def crash(stage: Stage, chance: Random) -> None:
    """A worker will be killed at a step of its commit."""
    worker, step = chance.choice(stage.workers), chance.choice(list(CommitStep))
    worker.at_step[step] = lambda: _crash(stage, worker, step)


def refuse(stage: Stage, chance: Random) -> None:
    """The next transaction of a worker has to be aborted."""
    worker = chance.choice(stage.workers)
    if chance.random() < 0.5:  # noqa: PLR2004
        worker.network.offsets = "refused"
    else:
        worker.network.delivery = True
    stage.faults += 1


def time_out(stage: Stage, chance: Random) -> None:
    """A call about the next transaction is not answered."""
    worker = chance.choice(stage.workers)
    if chance.random() < 0.3:  # noqa: PLR2004
        worker.network.offsets = "reply-lost"
    else:
        worker.network.commit = chance.choice(("reply-lost", "late", "late"))
        if chance.random() < 0.7:  # noqa: PLR2004  # and it stands still in the transaction after that one
            number = chance.getrandbits(32)
            worker.at_step[CommitStep.MERGE] = lambda: worker.at_step.update(
                {
                    CommitStep.OFFSETS: lambda: _stand_still(
                        stage,
                        worker,
                        CommitStep.OFFSETS,
                        7_000,
                        Random(number),  # noqa: S311
                    )
                }
            )
    stage.faults += 1


def pause(stage: Stage, chance: Random) -> None:
    """A worker stands still in the middle of its next commit, for longer than its session or its transaction."""
    _pause_next(stage, chance.choice(stage.workers), chance)


def stall(stage: Stage, chance: Random) -> None:
    """A worker gets to read one of its inputs no more, or all of them again."""
    worker, source = chance.choice(stage.workers), chance.choice(stage.topology.sources)
    worker.stalled ^= {source}


def late_request(stage: Stage, _: Random) -> None:
    """A request whose client has long given up arrives."""
    if stage.cluster.late and stage.cluster.arrive_late():
        stage.say("a late copy of a request has ended a transaction")


def _crash(stage: Stage, worker: GateWorker, step: CommitStep) -> None:
    stage.count_fault(f"gate.{worker.slot}")
    raise Crashed(step)


def _pause_next(stage: Stage, worker: GateWorker, chance: Random) -> None:
    step = chance.choice(list(CommitStep))
    for_ms = chance.choice((500, 7_000, 12_000))
    number = chance.getrandbits(32)
    worker.at_step[step] = lambda: _stand_still(stage, worker, step, for_ms, Random(number))  # noqa: S311


def _stand_still(stage: Stage, worker: GateWorker, step: CommitStep, for_ms: int, chance: Random) -> None:
    stage.count_fault(f"gate.{worker.slot}")
    stage.say(f"worker {worker.slot} stands still before step {step.name} for {for_ms} ms")
    now_ms = worker.now_ms
    stage.standing.add(worker.slot)
    stage.pass_time(for_ms)
    if for_ms > 6_000:  # noqa: PLR2004  # the session's time
        stage.cluster.evict(worker.member)
        stage.cluster.assign(1)
    for _ in range(6):
        other = chance.choice(stage.workers)
        if other.slot not in stage.standing:
            stage.gate_turn(other, chance)
    while stage.cluster.late:
        late_request(stage, chance)
    stage.standing.discard(worker.slot)
    worker.now_ms = now_ms
    stage.say(f"worker {worker.slot} goes on")


EVENTS: Final[Mapping[str, Happening]] = {
    "gate": turn,
    "crash": crash,
    "refuse": refuse,
    "time_out": time_out,
    "pause": pause,
    "stall": stall,
    "late_request": late_request,
}
