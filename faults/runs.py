"""Rounds one after the other; each one's result is kept at once, so that a run that was cut off can go on."""

import json
import random
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sluicegate.schemas.errors import ConfigurationError

from .brokers import OneBroker, ThreeBrokers
from .rounds import Plan, run_round
from .schedule import Fault, Kind, schedule, without

OVERHEAD_S: Final = 75.0
"""Of a round beside its faults: setting up, and waiting for the end of everything."""
DISK_MIB: Final = 1_024
"""Of the disk that will be full: in memory, and more than a round writes."""


@dataclass(frozen=True, slots=True)
class Run:
    """What is asked for; the same run again does the same."""

    seed: int
    rounds: int
    seconds: float
    """Of faults, in each round."""
    pace: float = 1.0
    rate: float = 14.0
    workers: int = 3
    partitions: int = 4
    three_every: int = 3
    """Every so many rounds there are three brokers; 0 for never."""
    kinds: tuple[Kind, ...] = ()
    dropped: frozenset[int] = frozenset()
    disk_round: int | None = None
    """In which round a broker's disk is full once: best one with three of them. A single one can lose what its coordinator
    knew of an open transaction, whose records then block the readers of their partitions until somebody aborts it."""

    @property
    def expected_s(self) -> float:
        """About how long it takes."""
        return self.rounds * (self.seconds + OVERHEAD_S)

    def plan(self, number: int) -> Plan:
        """The round of this number, from 0: derived from the seed alone."""
        seed = self.seed if self.rounds == 1 else random.Random(f"{self.seed} {number}").randrange(1 << 31)  # noqa: S311
        brokers = 3 if self.three_every and number % self.three_every == self.three_every - 1 else 1
        faults = schedule(
            seed,
            self.seconds,
            brokers=brokers,
            pace=self.pace,
            kinds=self.kinds,
            disk=number == self.disk_round,
        )
        return Plan(
            seed,
            without(faults, self.dropped),
            self.seconds,
            self.rate,
            self.workers,
            self.partitions,
            brokers,
        )

    def plans(self) -> Iterator[Plan]:
        """All of them."""
        return map(self.plan, range(self.rounds))


class Kept:
    """The results of a run's rounds, in a file."""

    def __init__(self, path: Path, run: Run, commit: str) -> None:
        self._path = path
        self._head = {"run": repr(run), "commit": commit}

    def take_up(self) -> list[dict[str, Any]]:
        """The rounds there are; `ConfigurationError` when they are of another run or another commit."""
        if not self._path.exists():
            return []
        head, *rounds = map(json.loads, self._path.read_text("utf-8").splitlines())
        if head != self._head:
            raise ConfigurationError(
                f"`{self._path}` is of another run or commit; begin anew without --resume"
            )
        return rounds

    def begin(self) -> None:
        """Forget what was there."""
        self._path.write_text(json.dumps(self._head) + "\n", "utf-8")

    def add(self, result: dict[str, Any]) -> None:
        """One more round."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")


def play(plan: Plan, folder: Path, said: Callable[[str], None], *, keep: bool = False) -> dict[str, Any]:
    """One round on fresh brokers; of what was on disk only the log and a history with something wrong stay."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    said("starting Apache Kafka")
    cluster = ThreeBrokers if plan.brokers > 1 else OneBroker
    fills = any(fault.kind is Kind.DISK_FULL for fault in plan.faults)
    with cluster(folder / "broker", heap_mib=384, disk_mib=DISK_MIB if fills else None) as brokers:
        result = run_round(plan, brokers, folder / "round", said, keep=keep)
    shutil.rmtree(folder / "broker", ignore_errors=True)
    return result


def fails(result: dict[str, Any]) -> bool:
    """Whether anything is wrong with a round."""
    wrong = any(result[name] for name in ("lost", "doubled", "ungranted", "torn"))
    return wrong or not result["ended"] or not result["verifier"]["ok"]


def shrink(faults: Collection[Fault], still_fails: Callable[[frozenset[int]], bool]) -> frozenset[int]:
    """Which faults can be dropped so that it still fails: halves, then quarters, and so on (delta debugging)."""
    needed = [fault.number for fault in faults]
    everything = frozenset(needed)
    size = max(1, len(needed) // 2)
    while needed:
        parts = [needed[at : at + size] for at in range(0, len(needed), size)]
        for part in parts:
            left = [number for number in needed if number not in part]
            if still_fails(everything - frozenset(left)):
                needed = left
        if size == 1:
            break
        size = max(1, size // 2)
    return everything - frozenset(needed)
