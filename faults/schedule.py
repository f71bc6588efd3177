"""What breaks when, from a seed: pure data that can be printed, repeated, and thinned out to the faults that matter."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from sluicegate.streams.clients.executor_steps import ExecutorStep
from sluicegate.streams.runtime.transaction import CommitStep

from .aims import Fault as ProxyFault
from .frames import Api


class Kind(StrEnum):
    """What can break."""

    WORKER_DIES_AT_STEP = "worker-dies-at-step"
    """SIGKILL before a numbered step of a commit."""
    WORKER_DIES = "worker-dies"
    """SIGKILL at whatever moment it is."""
    WORKER_STOPS = "worker-stops"
    """SIGSTOP, for longer than its session and sometimes than its transaction may last; then it goes on as a zombie."""
    WORKER_LEAVES = "worker-leaves"
    """SIGTERM: it drains, and another one joins."""
    GUEST = "guest"
    """One worker more joins, and leaves after a while."""
    EXECUTOR_DIES_AT_STEP = "executor-dies-at-step"
    EXECUTOR_ZOMBIE = "executor-zombie"
    """SIGSTOP; a second process takes its place; SIGCONT."""
    BROKER_DIES = "broker-dies"
    """SIGKILL, and started again."""
    LEADER_DIES = "leader-dies"
    """SIGKILL of the broker that leads most, of three."""
    BROKER_STALLS = "broker-stalls"
    """SIGSTOP and SIGCONT."""
    DISK_FULL = "disk-full"
    """The disk of one of three brokers takes no byte more, which ends it; then it is freed, and the broker started again."""
    PROXY = "proxy"
    """A chosen request or its answer is delayed, repeated, dropped or cut off."""
    CLOCK = "clock"
    """The wall clock of a worker or executor is an hour off."""


KILLS: Final = frozenset({Kind.WORKER_DIES, Kind.WORKER_DIES_AT_STEP, Kind.EXECUTOR_DIES_AT_STEP})
BROKER_KILLS: Final = frozenset({Kind.BROKER_DIES, Kind.LEADER_DIES})


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that breaks, `at_s` after the workload has begun."""

    number: int
    at_s: float
    kind: Kind
    target: int = 0
    """Which of the processes of its kind, counted around."""
    step: int = 0
    seconds: float = 0.0
    """How long it lasts."""
    aimed: bool = False
    """Whether a worker is held inside an open transaction while it happens."""
    api: int = 0
    proxy: str = ""
    skip: int = 0

    def __str__(self) -> str:
        """One line of the printed schedule."""
        parts = [f"{self.number:4} {self.at_s:7.1f} s  {self.kind}"]
        if self.kind is Kind.PROXY:
            parts.append(f"{self.proxy} {Api(self.api).name.lower()} skip {self.skip}")
        if self.step:
            executor = self.kind is Kind.EXECUTOR_DIES_AT_STEP
            parts.append((ExecutorStep(self.step) if executor else CommitStep(self.step)).name.lower())
        if self.seconds:
            parts.append(f"for {self.seconds:.1f} s")
        if self.aimed:
            parts.append("in an open transaction")
        return "  ".join(parts)


PER_MINUTE: Final[dict[Kind, float]] = {
    Kind.WORKER_DIES_AT_STEP: 2.6,
    Kind.WORKER_DIES: 0.8,
    Kind.WORKER_STOPS: 0.6,
    Kind.WORKER_LEAVES: 0.8,
    Kind.GUEST: 0.9,
    Kind.EXECUTOR_DIES_AT_STEP: 1.6,
    Kind.EXECUTOR_ZOMBIE: 0.3,
    Kind.BROKER_DIES: 0.6,
    Kind.BROKER_STALLS: 1.3,
    Kind.PROXY: 10.0,
    Kind.CLOCK: 0.4,
}
"""Of one run at its usual pace; they overlap."""
_COMMIT_STEPS: Final = tuple(CommitStep)
_EXECUTOR_STEPS: Final = (
    ExecutorStep.CLAIM, ExecutorStep.CLAIM_COMMIT, ExecutorStep.APPEND_TIME, ExecutorStep.ACT,
    ExecutorStep.RESULT, ExecutorStep.RECEIPT, ExecutorStep.RECEIPT_WRITE, ExecutorStep.RECEIPT_COMMIT,
)  # fmt: skip
_APIS: Final = {
    Api.END_TXN: 5, Api.TXN_OFFSET_COMMIT: 3, Api.ADD_PARTITIONS_TO_TXN: 3, Api.ADD_OFFSETS_TO_TXN: 3,
    Api.PRODUCE: 4, Api.CONSUMER_GROUP_HEARTBEAT: 2,
}  # fmt: skip
HOUR_MS: Final = 3_600_000


def schedule(
    seed: int,
    duration_s: float,
    *,
    brokers: int = 1,
    pace: float = 1.0,
    kinds: Collection[Kind] = (),
    disk: bool = False,
) -> tuple[Fault, ...]:
    """The faults of a run, in the order of their times; `kinds` names the only ones wanted, `disk` adds one full disk."""
    chance = random.Random(f"schedule {seed}")  # noqa: S311  # a script, not a secret
    found: list[Fault] = []
    steps = {kind: chance.randrange(1_000) for kind in Kind}
    for kind, rate in PER_MINUTE.items():
        if kinds and kind not in kinds:
            continue
        wanted = rate * pace * duration_s / 60
        number = max(1, int(wanted) + (chance.random() < wanted % 1))
        for turn in range(number):
            # Spread over the time, each somewhere in its share of it: no kind is by chance missing.
            at_s = duration_s * (turn + chance.random()) / number
            found.append(_fault(kind, round(at_s, 1), turn + steps[kind], chance, brokers))
    if disk:
        found.append(Fault(0, round(duration_s * 0.6, 1), Kind.DISK_FULL, target=0, seconds=6.0, aimed=True))
    found.sort(key=lambda fault: fault.at_s)
    return tuple(replace(fault, number=number) for number, fault in enumerate(found))


def without(faults: Sequence[Fault], dropped: Collection[int]) -> tuple[Fault, ...]:
    """The same, without those of these numbers; the others keep theirs."""
    return tuple(fault for fault in faults if fault.number not in dropped)


def _fault(kind: Kind, at_s: float, turn: int, chance: random.Random, brokers: int) -> Fault:
    target = chance.randrange(100)
    match kind:
        case Kind.WORKER_DIES_AT_STEP:
            return Fault(0, at_s, kind, target, step=_COMMIT_STEPS[turn % len(_COMMIT_STEPS)])
        case Kind.EXECUTOR_DIES_AT_STEP:
            return Fault(0, at_s, kind, target, step=_EXECUTOR_STEPS[turn % len(_EXECUTOR_STEPS)])
        case Kind.WORKER_STOPS:
            # The session lasts 6 s, a transaction 10 s.
            return Fault(0, at_s, kind, target, seconds=chance.choice((7.5, 8.0, 12.5)), aimed=turn % 2 == 0)
        case Kind.EXECUTOR_ZOMBIE:
            return Fault(0, at_s, kind, target, seconds=chance.choice((4.0, 12.5)))
        case Kind.GUEST:
            return Fault(0, at_s, kind, target, seconds=chance.uniform(8, 20))
        case Kind.BROKER_DIES:
            which = Kind.LEADER_DIES if brokers > 1 else kind
            return Fault(0, at_s, which, target, seconds=chance.choice((0.0, 1.0, 4.0)), aimed=turn % 3 != 0)
        case Kind.BROKER_STALLS:
            # One broker that stands still for longer than its session (9 s) leads nothing when it wakes, and Kafka 4.3.0 may then
            # end a transaction without telling its partitions (KAFKA-20734): they are held for good, and nothing of ours can help.
            longest_s = 11.0 if brokers > 1 else 8.0
            return Fault(
                0, at_s, kind, target, seconds=chance.choice((1.0, 2.5, 5.0, longest_s)), aimed=turn % 3 != 0
            )
        case Kind.PROXY:
            api = chance.choices(list(_APIS), list(_APIS.values()))[0]
            fault = chance.choice(list(ProxyFault))
            delay_s = chance.choice((0.2, 1.5, 6.0, 12.0))
            return Fault(
                0, at_s, kind, target, api=api, proxy=fault.value, seconds=delay_s, skip=chance.randrange(6)
            )
        case Kind.CLOCK:
            return Fault(
                0, at_s, kind, target, step=0, seconds=chance.uniform(5, 20), skip=chance.randrange(2)
            )
        case _:
            return Fault(0, at_s, kind, target)
