"""What executors do, how they break, and what strangers write in their place."""

from collections.abc import Mapping
from random import Random
from typing import Final

from sluicegate.schemas.grant import Grant
from sluicegate.streams.clients.executor_steps import ExecutorStep

from .enrolment import PARTITIONS
from .executor_process import ExecutorCrashedError, ExecutorProcess
from .seen import EXECUTORS
from .stage import Happening, Stage


def turn(stage: Stage, chance: Random) -> None:
    """An executor does its next piece of work."""
    stage.executor_turn(stage.executors[chance.choice(EXECUTORS)], chance)


def die(stage: Stage, chance: Random) -> None:
    """It will be killed at a step, or a call of it will go wrong."""
    executor = stage.executors[chance.choice(EXECUTORS)]
    step = chance.choice(list(ExecutorStep))
    fault = chance.choice(("die", "die", "reply-lost", "late", "refused"))
    if fault == "die":
        executor.at_step[step] = lambda: _kill(stage, executor, step)
    elif fault == "refused":
        executor.network.offsets = fault
    else:
        executor.network.commit = fault


def told_late(stage: Stage, chance: Random) -> None:
    """Executors claim and act, and the gate looks later."""
    for executor in stage.executors.values():
        stage.executor_turn(executor, stage.greedy)
    stage.look_later(chance, "receipts")


def stranger_claims(stage: Stage, chance: Random) -> None:
    """A claim or receipt that the executor did not write: another executor's, or a second claim under its key."""
    grants = stage.seen.of(Grant)
    if not grants:
        return
    grant = chance.choice(grants[-4:])
    other = EXECUTORS[1 - EXECUTORS.index(grant.executor)]
    if chance.random() < 0.5:  # noqa: PLR2004
        claim = stage.people.claim(grant, executor=other)
        stage.history.strangers.add(claim.claim_id)
    else:
        receipt = stage.people.receipt(grant, None, executor=other)
        stage.history.strangers.add(receipt.receipt_id)


def copy_grant(stage: Stage, chance: Random) -> None:
    """Somebody who may write there sends a grant again: in its place or on another partition."""
    topic = f"execution.{chance.choice(EXECUTORS)}"
    records = stage.last(topic)
    if records:
        record = chance.choice(records)
        partition = chance.choice((record.position.partition, 0, 1))
        stage.ghost(record, partition)


def rewind(stage: Stage, chance: Random) -> None:
    """Somebody sets the offsets of an executor's group back to the beginning, and its process begins anew."""
    executor = stage.executors[chance.choice(EXECUTORS)]
    for partition in range(PARTITIONS):
        stage.cluster.offsets.pop((executor.grants.topic, partition), None)
    executor.restart()


def _kill(stage: Stage, executor: ExecutorProcess, step: ExecutorStep) -> None:
    stage.count_fault(f"executor.{executor.name}.0")
    stage.say(f"{executor.name} is killed before step {step.name}")
    raise ExecutorCrashedError


EVENTS: Final[Mapping[str, Happening]] = {
    "executor": turn,
    "executor_dies": die,
    "told_late": told_late,
    "stranger_claims": stranger_claims,
    "copy_grant": copy_grant,
    "rewind_executor": rewind,
}
