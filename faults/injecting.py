"""Do what the schedule says, at its time, each fault in a thread of its own so that they overlap; count what happened."""

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from sluicegate.schemas.errors import SluicegateError
from sluicegate.streams.clients.executor_steps import ExecutorStep
from sluicegate.streams.logs import get_logger
from sluicegate.streams.runtime.status import SlotStatus
from sluicegate.streams.runtime.transaction import CommitStep

from .aims import Aim, Aims
from .aims import Fault as ProxyFault
from .board import Field, Order
from .deployment import Deployed
from .frames import Api, name_of
from .hooks import CLAIMED_STEPS, OPEN_EXECUTOR_STEPS, OPEN_STEPS
from .processes import EXECUTOR, WORKER, Living, Workers, is_child, living
from .schedule import HOUR_MS, Fault, Kind
from .tally import Tally

_log = get_logger("faults")

_HOLD_S: Final = 15.0
"""So long a process is waited for that shall stand still inside a transaction."""
_ORDER_S: Final = 60.0
"""So long an order to die at a step waits for one of its kind to come there; many have to live through an outage first."""
_TURN_S: Final = 10.0
"""So long it waits at one process before it is given to another."""
_PROXY_S: Final = 45.0
_LOOK_S: Final = 0.01
_HOLD_MS: Final = 700
_GUEST_SLOT: Final = 50


class Breakable(Protocol):
    """Brokers as the schedule breaks them; each call returns when it is over."""

    @property
    def aims(self) -> Aims:
        """At single requests."""
        ...

    def kill(self, target: int, seconds: float) -> None:
        """SIGKILL, and start again after so many seconds, until it answers."""
        ...

    def busiest(self) -> int:
        """The one that leads most partitions now."""
        ...

    def stall(self, target: int, seconds: float) -> None:
        """SIGSTOP, SIGCONT."""
        ...

    def starve(self, target: int, seconds: float) -> None:
        """Fill its disk until it fails, free it, and start it again."""
        ...


class Injector:
    """One round's faults."""

    def __init__(self, deployed: Deployed, brokers: Breakable, tally: Tally, seed: int) -> None:
        self._deployed = deployed
        self._brokers = brokers
        self._tally = tally
        self._seed = seed
        self._guests: list[Workers] = []
        self._threads: list[threading.Thread] = []
        self._broker_lock = threading.Lock()
        self._stopped: set[int] = set()
        self._death_lock = threading.Lock()
        self._dead: set[int] = set()
        self._do: dict[Kind, Callable[[Fault], None]] = {
            Kind.WORKER_DIES_AT_STEP: lambda fault: self._die_at_step(fault, WORKER),
            Kind.EXECUTOR_DIES_AT_STEP: lambda fault: self._die_at_step(fault, EXECUTOR),
            Kind.WORKER_DIES: self._worker_dies,
            Kind.WORKER_STOPS: self._worker_stops,
            Kind.WORKER_LEAVES: self._worker_leaves,
            Kind.GUEST: self._guest,
            Kind.EXECUTOR_ZOMBIE: self._executor_zombie,
            Kind.BROKER_DIES: self._broker_dies,
            Kind.LEADER_DIES: self._broker_dies,
            Kind.BROKER_STALLS: self._broker_stalls,
            Kind.DISK_FULL: self._disk_full,
            Kind.PROXY: self._proxy,
            Kind.CLOCK: self._clock,
        }

    def run(self, faults: Sequence[Fault], said: Callable[[str], None]) -> None:
        """All of them; returns when the last one is over and everything is whole again."""
        began = time.monotonic()
        for fault in faults:
            time.sleep(max(0.0, began + fault.at_s - time.monotonic()))
            said(str(fault))
            thread = threading.Thread(
                target=self._strike, args=(fault,), name=f"fault-{fault.number}", daemon=True
            )
            thread.start()
            self._threads.append(thread)
        for thread in self._threads:
            thread.join()
        self.heal()

    def heal(self) -> None:
        """Nothing ordered, nothing stopped, no clock wrong, no aim left."""
        self._brokers.aims.disarm()
        for one in (*self._workers(), *self._executors()):
            one.card.write(Field.ORDER, Order.NOTHING)
            one.card.write(Field.CLOCK_MS, 0)
            _signal(one.process, signal.SIGCONT)
        for guest in self._guests:
            guest.end()

    def statuses(self) -> tuple[SlotStatus, ...]:
        """What all workers said last, guests too."""
        return (
            *self._deployed.workers.status,
            *(status for guest in self._guests for status in guest.status),
        )

    def _strike(self, fault: Fault) -> None:
        try:
            self._do[fault.kind](fault)
        except SluicegateError as error:
            _log.error("a fault could not be done or healed", fault=str(fault), because=str(error))
            self._tally.miss(fault)

    def _workers(self) -> list[Living]:
        return list(living(self._deployed.board, WORKER))

    def _executors(self) -> list[Living]:
        return list(living(self._deployed.board, EXECUTOR))

    def _one(self, found: Sequence[Living], fault: Fault) -> Living | None:
        """One that is not stopped just now."""
        free = [one for one in found if one.process not in self._stopped]
        if not free:
            self._tally.miss(fault)
            return None
        return free[fault.target % len(free)]

    def _any_open(self) -> bool:
        workers = any(one.card.read(Field.STEP) in OPEN_STEPS for one in self._workers())
        return workers or any(one.card.read(Field.STEP) in OPEN_EXECUTOR_STEPS for one in self._executors())

    def _hold(self, fault: Fault) -> Living | None:
        """A worker that stands still inside an open transaction; None when none came there in time."""
        one = self._one(self._workers(), fault)
        if one is None:
            return None
        steps = sorted(OPEN_STEPS)
        held = one.card.read(Field.HELD)
        one.card.order(Order.HOLD, steps[(fault.number + self._seed) % len(steps)], _HOLD_MS)
        if _until(lambda: one.card.read(Field.HELD) > held or not is_child(one.process), _HOLD_S):
            return one if one.card.read(Field.HELD) > held else None
        one.card.write(Field.ORDER, Order.NOTHING)
        return None

    def _die_at_step(self, fault: Fault, kind: str) -> None:
        until = time.monotonic() + _ORDER_S
        while time.monotonic() < until:
            found = [one for one in living(self._deployed.board, kind) if one.process not in self._stopped]
            if not found:
                time.sleep(_LOOK_S)
                continue
            one = found[fault.target % len(found)]
            one.card.order(Order.DIE, fault.step)
            _until_gone(one.process, _TURN_S)
            if one.card.read(Field.STRUCK) == fault.step and self._is_new_death(one.process):
                self._note_death(fault, kind)
                return
            one.card.write(Field.ORDER, Order.NOTHING)
        self._tally.miss(fault)

    def _is_new_death(self, process: int) -> bool:
        """Two faults may have ordered the same death: only one of them has happened."""
        with self._death_lock:
            is_new = process not in self._dead
            self._dead.add(process)
            return is_new

    def _note_death(self, fault: Fault, kind: str) -> None:
        if kind == WORKER:
            step = CommitStep(fault.step)
            self._tally.note(fault, met_open=step in OPEN_STEPS, detail=step.name.lower())
            return
        at = ExecutorStep(fault.step)
        claimed = " (claimed, not told)" if at in CLAIMED_STEPS else ""
        self._tally.note(fault, met_open=at in OPEN_EXECUTOR_STEPS, detail=at.name.lower() + claimed)

    def _worker_dies(self, fault: Fault) -> None:
        one = self._one(self._workers(), fault)
        if one is not None:
            met = one.card.read(Field.STEP) in OPEN_STEPS
            self._note_if(fault, happened=_signal(one.process, signal.SIGKILL), met_open=met)

    def _worker_leaves(self, fault: Fault) -> None:
        one = self._one(self._workers(), fault)
        if one is not None:
            self._note_if(fault, happened=_signal(one.process, signal.SIGTERM), met_open=False)

    def _note_if(self, fault: Fault, *, happened: bool, met_open: bool, detail: str = "") -> None:
        if happened:
            self._tally.note(fault, met_open=met_open, detail=detail)
        else:
            self._tally.miss(fault)

    def _worker_stops(self, fault: Fault) -> None:
        held = self._hold(fault) if fault.aimed else None
        one = held or self._one(self._workers(), fault)
        if one is None:
            return
        self._stopped.add(one.process)
        stopped = _signal(one.process, signal.SIGSTOP)
        met = one.card.read(Field.STEP) in OPEN_STEPS
        time.sleep(fault.seconds)
        self._note_if(fault, happened=stopped, met_open=met, detail=f"{fault.seconds:g} s")
        _signal(one.process, signal.SIGCONT)
        self._stopped.discard(one.process)

    def _guest(self, fault: Fault) -> None:
        guest = Workers(self._deployed.spec, workers=1, first_slot=_GUEST_SLOT + fault.number)
        self._guests.append(guest)
        time.sleep(fault.seconds)
        guest.end()
        self._tally.note(fault, met_open=False)

    def _executor_zombie(self, fault: Fault) -> None:
        one = self._one(self._executors(), fault)
        if one is None:
            return
        self._stopped.add(one.process)
        stopped = _signal(one.process, signal.SIGSTOP)
        met = one.card.read(Field.STEP) in OPEN_EXECUTOR_STEPS
        self._deployed.executors.start(one.name.partition("-")[2])
        time.sleep(fault.seconds)
        self._note_if(fault, happened=stopped, met_open=met)
        _signal(one.process, signal.SIGCONT)
        self._stopped.discard(one.process)

    def _broker_dies(self, fault: Fault) -> None:
        with self._broker_lock:
            # Before the hold, which must not be over when it is killed.
            target = self._brokers.busiest() if fault.kind is Kind.LEADER_DIES else fault.target
            held = fault.aimed and self._hold(fault) is not None
            met = held or self._any_open()
            self._brokers.kill(target, fault.seconds)
            self._tally.note(fault, met_open=met, detail="aimed" if held else "")

    def _broker_stalls(self, fault: Fault) -> None:
        with self._broker_lock:
            held = fault.aimed and self._hold(fault) is not None
            met = held or self._any_open()
            self._brokers.stall(fault.target, fault.seconds)
            self._tally.note(fault, met_open=met, detail=f"{fault.seconds:g} s")

    def _disk_full(self, fault: Fault) -> None:
        with self._broker_lock:
            held = fault.aimed and self._hold(fault) is not None
            met = held or self._any_open()
            self._brokers.starve(fault.target, fault.seconds)
            self._tally.note(fault, met_open=met)

    def _proxy(self, fault: Fault) -> None:
        aim = Aim(
            fault.api,
            "executor-" if fault.target % 4 == 0 and fault.api != Api.CONSUMER_GROUP_HEARTBEAT else "gate",
            ProxyFault(fault.proxy),
            delay_ms=int(fault.seconds * 1_000),
            skip=fault.skip,
        )
        armed = self._brokers.aims.arm(aim)
        armed.wait(_PROXY_S)
        self._brokers.aims.disarm(armed)
        for hit in armed.hits:
            self._tally.note(fault, met_open=hit.in_transaction, detail=f"{fault.proxy} {name_of(fault.api)}")
        if not armed.hits:
            self._tally.miss(fault)

    def _clock(self, fault: Fault) -> None:
        is_executor = fault.target % 3 == 0
        one = self._one(self._executors() if is_executor else self._workers(), fault)
        if one is None:
            return
        ahead_ms = HOUR_MS if fault.skip else -HOUR_MS
        one.card.write(Field.CLOCK_MS, ahead_ms)
        time.sleep(fault.seconds)
        one.card.write(Field.CLOCK_MS, 0)
        which = "executor an hour" if is_executor else "worker an hour"
        self._tally.note(fault, met_open=False, detail=f"{which} {'ahead' if fault.skip else 'behind'}")


def _until(holds: Callable[[], bool], limit_s: float) -> bool:
    until = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK_S)
    return True


def _until_gone(process: int, limit_s: float) -> bool:
    return _until(lambda: not is_child(process), limit_s)


def _signal(process: int, number: int) -> bool:
    """Whether it was there to get it."""
    if not is_child(process):
        return False
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return False
    return True
