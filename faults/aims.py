"""What is done to which requests, and what was: shared by all proxies of a run, told by any thread."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from .frames import Request, name_of


class Fault(StrEnum):
    """What networks do to one request or to its answer."""

    DELAY_REQUEST = "delay-request"
    """It reaches the broker `delay_ms` late, also when its client has long given up and gone."""
    DELAY_RESPONSE = "delay-response"
    """The broker does it at once, its answer comes `delay_ms` late."""
    DROP_RESPONSE = "drop-response"
    """The broker does it, its answer never comes; the connection stays."""
    CUT_BEFORE = "cut-before"
    """The connection breaks, and the broker has never seen it."""
    CUT_AFTER = "cut-after"
    """The connection breaks when the request is on its way: the broker does it and answers nobody."""
    REPEAT = "repeat"
    """The broker gets it twice, the copy `delay_ms` after the request's answer; the copy's answer goes nowhere."""


@dataclass(frozen=True, slots=True)
class Aim:
    """The next `count` requests of one kind, of clients whose ids begin as said, after the first `skip` of them."""

    api_key: int
    client_id_prefix: str
    fault: Fault
    count: int = 1
    delay_ms: int = 0
    skip: int = 0
    transactional_id_prefix: str = ""
    """Not empty: only requests that name a transactional id which begins so."""

    def covers(self, request: Request) -> bool:
        """Whether it is such a request."""
        return (
            request.api_key == self.api_key
            and request.client_id.startswith(self.client_id_prefix)
            and (request.transactional_id or "").startswith(self.transactional_id_prefix)
        )


@dataclass(frozen=True, slots=True)
class Hit:
    """One fault that happened."""

    at_ms: int
    fault: Fault
    request: Request
    node: int
    """The broker it was meant for."""

    @property
    def in_transaction(self) -> bool:
        """Whether the request was a step of an open transaction."""
        return self.request.in_transaction


class Armed:
    """An aim that waits for its requests; the handle by which the one who armed it learns what came of it."""

    def __init__(self, aim: Aim, landed: Callable[[Hit], None]) -> None:
        self.aim = aim
        self._landed = landed
        self._change = threading.Condition()
        self._to_skip = aim.skip
        self._left = aim.count
        self._hits: list[Hit] = []

    @property
    def left(self) -> int:
        """How many requests it still waits for."""
        with self._change:
            return self._left

    @property
    def hits(self) -> tuple[Hit, ...]:
        """What has happened so far; a fault to an answer happens when the answer comes."""
        with self._change:
            return tuple(self._hits)

    def wait(self, limit_s: float) -> bool:
        """Whether all `count` faults have happened, at the latest after `limit_s`."""
        with self._change:
            return self._change.wait_for(lambda: len(self._hits) >= self.aim.count, limit_s)

    def take(self, request: Request) -> bool:
        """Whether the fault is to be done to this request; asked once for each, by a proxy."""
        if not self.aim.covers(request):
            return False
        with self._change:
            if self._left and self._to_skip:
                self._to_skip -= 1
                return False
            taken = self._left > 0
            self._left -= taken
            return taken

    def happened(self, request: Request, node: int) -> None:
        """Told by the proxy at the moment when it does it."""
        hit = Hit(time.time_ns() // 1_000_000, self.aim.fault, request, node)
        self._landed(hit)
        with self._change:
            self._hits.append(hit)
            self._change.notify_all()

    def drop(self) -> None:
        """Wait for no more requests."""
        with self._change:
            self._left = 0


class Aims:
    """All aims of a run, and everything that was hit; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: tuple[Armed, ...] = ()
        self._hits: list[Hit] = []

    def arm(self, aim: Aim) -> Armed:
        """From now on; of several that cover a request, the one armed first takes it."""
        armed = Armed(aim, self._land)
        with self._lock:
            self._armed = (*(one for one in self._armed if one.left), armed)
        return armed

    def disarm(self, armed: Armed | None = None) -> None:
        """Take one aim away, or all; what has been taken by it still happens."""
        with self._lock:
            gone = self._armed if armed is None else (armed,)
            self._armed = tuple(one for one in self._armed if one not in gone)
        for one in gone:
            one.drop()

    def take(self, request: Request) -> Armed | None:
        """The aim that has been waiting for this request, None for almost all; asked by a proxy."""
        return next((one for one in self._armed if one.take(request)), None)

    def hits(self) -> tuple[Hit, ...]:
        """Everything that happened, in that order."""
        with self._lock:
            return tuple(self._hits)

    def counts(self) -> Counter[tuple[str, str]]:
        """How often each fault happened to each kind of request: `("cut-after", "end-txn")`."""
        return Counter((hit.fault.value, name_of(hit.request.api_key)) for hit in self.hits())

    def in_transaction(self) -> int:
        """How many of them met an open transaction."""
        return sum(hit.in_transaction for hit in self.hits())

    def _land(self, hit: Hit) -> None:
        with self._lock:
            self._hits.append(hit)
