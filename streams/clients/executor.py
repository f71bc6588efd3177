"""Execute what was granted, once, or refuse: the process that holds the credentials.

::

    from sluicegate import Executor

    def grant_role(action, grant):
        return iam.grant(**action.arguments, idempotency_key=grant.grant_id)

    executor = Executor.connect("iam", {"iam.grant": grant_role})
    executor.serve()

A turn, in this order because the order is safety; a fault test stands before each step:

1. read grants, on tables that are fresh
2. check them (`processors.release`), and whether they were used before
3. claim what may be executed and refuse the rest, in one transaction with the offsets
4. look when the broker appended each claim: at or after the grant's expiry nothing happens
5. act, one after the other, looking once more whether operators have stopped it
6. put what was returned into a chain of signed batches (`results_writing`)
7. write batches to `exports.raw` and receipts that name their place and digest, in one transaction

A crash before 3 has committed does nothing and changes nothing. After it a grant is never acted on again: unless its receipt
was written too, it is `unknown` once its lease is over. So a handler is called at most once per grant; the grant's id is its
idempotency key. A batch is there when its receipt is, and at most once.

A handler returns None, a JSON value, or an iterator of JSON records, which is read slice by slice and so may be longer than
memory; its errors while it is read are the action's. What is no JSON, one value beyond 3 MiB, or a result beyond 64 MiB does
not come back: the receipt says executed, and why (`NoResult`). An iterator that yields too much is closed.

A broker that is away for minutes is waited for (`PATIENCE_S`). A call whose outcome stays unknown ends the process: `serve`
leaves starting it again to who started it, and what was claimed and not told becomes `unknown`. `keep_running` is for
programs that cannot end: it opens everything anew, asks the log what it knows, and tells the rest.

An executor knows its claims by its own key: change the key only after two hours without work.
"""

import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Final, Self

from sluicegate.processors.release import Post
from sluicegate.processors.tables import Trust
from sluicegate.schemas.errors import ConfigurationError, SluicegateError, TimedOutError
from sluicegate.schemas.keys import PrivateKey, PublicKey
from sluicegate.streams.kafka.connection import Connection, connect
from sluicegate.streams.kafka.principals import Principal, Role
from sluicegate.streams.logs import configure_logging, get_logger, has_handlers
from sluicegate.streams.runtime.end_offsets import EndOffsets
from sluicegate.streams.runtime.producer import UnclearError
from sluicegate.streams.runtime.watchdog import end_process
from sluicegate.streams.settings import Settings, load
from sluicegate.streams.state_folder import StateFolder

from .claim_producer import ClaimProducer
from .execution_records import Scribe
from .executor_acts import End, end
from .executor_checks import check, refuse_another_key
from .executor_claims import Claimed, claim
from .executor_recovery import untold
from .executor_reports import report, size_of
from .executor_steps import ExecutorStep, FaultHook, no_fault
from .executor_workplace import ActingWatchdog, Handler, Workplace
from .grant_reader import GrantReader
from .own_tables import OwnTables
from .receipts_back import RECEIPTS
from .stored_key import stored_key

PATIENCE_S: Final = 300.0
"""How long a call about a transaction is repeated while the broker is away, and nothing else is done meanwhile."""
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 10.0
STEADY_S: Final = 30.0
"""Work for this long, and the next pause is a short one again."""
MOST_CLAIMS: Final = 200
"""Claims in one transaction, when handlers are quick."""
ACTING_S: Final = 0.25
"""About how long a claim may wait for its turn: few are taken at once when handlers are slow."""
UNREPORTED_S: Final = 0.2
"""An end waits about this long at most, and for the handler at hand, until its receipt is written."""
EXIT_FAILED: Final = 1
EXIT_UNCLEAR: Final = 70
EXIT_KILLED: Final = 143
"""128 and SIGTERM: the second SIGTERM ended the process at once."""
UNREPORTED_BYTES: Final = 8 * 1024 * 1024
"""So much of results waits for the transaction of its receipts at most, one result more."""
_IDLE_S: Final = 0.05


class Executor:
    """One slot of one executor. `run` works until `stop`; it may run in a thread of its own."""

    def __init__(
        self,
        connection: Connection,
        key: PrivateKey,
        handlers: Mapping[str, Handler],
        *,
        trust: Trust,
        slot: int = 0,
        watchdog_s: float = PATIENCE_S + 60.0,
        give_up: Callable[[int], object] = end_process,
        fault: FaultHook = no_fault,
    ) -> None:
        """Work for the executor that the connection's principal names; opens nothing before `run`.

        `handlers` by action type may grow while it runs. Two processes must not share a slot: the later one fences the
        earlier. `give_up` is told an exit status when a Kafka call does not return for `watchdog_s`.
        """
        principal = connection.principal
        if principal is None or principal.role is not Role.EXECUTOR or principal.name is None:
            raise ConfigurationError(f"`{connection.user}` is no executor; connect as `executor-<name>`")
        self.name = principal.name
        self.counts: Counter[str] = Counter()
        self.ready = threading.Event()
        """Set once grants are read: partitions are assigned, and own claims restored."""
        self._connection = connection
        self._handlers = handlers
        self._trust = trust
        self._slot = slot
        self._fault = fault
        self._scribe = Scribe(trust.deployment, self.name, key)
        self._watchdog = ActingWatchdog(watchdog_s, give_up)
        self._stopping = threading.Event()
        self._to_act: deque[Claimed] = deque()
        """Claims that are committed and wait for their turn."""
        self._ends: list[End] = []
        """Ends of claims that are not told yet."""
        self._given_up: list[ClaimProducer] = []
        """Producers whose last transaction nobody knows the outcome of: never used again, and never closed."""
        self._most = 1
        self._log = get_logger("sluicegate.executor").bind(executor=self.name, slot=slot)

    @classmethod
    def connect(
        cls,
        name: str,
        handlers: Mapping[str, Handler],
        *,
        slot: int = 0,
        key: PrivateKey | None = None,
        settings: Settings | None = None,
        give_up: Callable[[int], object] = end_process,
    ) -> Self:
        """Connect as the settings say; the key is `keys/<name>.ed25519` of the state folder unless given."""
        chosen = settings or load()
        principal = Principal(Role.EXECUTOR, name)
        signing = key or stored_key(StateFolder(chosen.state_dir), name)
        return cls(
            connect(chosen, principal), signing, handlers, trust=_trust(chosen), slot=slot, give_up=give_up
        )

    def run(self) -> None:
        """Work until `stop`, then finish what is claimed and leave the group.

        Raises what makes going on unsafe. After UnclearError the process should end at once: nobody knows what the log says.
        """
        with self._watchdog:
            self._work(self._open())
        self._log.info("drained", **self.counts)

    def keep_running(self) -> None:
        """As `run`, through outages: after TimedOutError and UnclearError everything is opened anew, with the same handlers.

        What was acted on and not told is told then, unless the log knows it; claims that waited for their turn go on.
        """
        pause_s = FIRST_PAUSE_S
        with self._watchdog:
            while True:
                began_s, work = time.monotonic(), None
                try:
                    work = self._open()
                    self._work(work)
                except (TimedOutError, UnclearError) as error:
                    if isinstance(error, UnclearError) and work is not None:
                        self._given_up.append(work.producer)
                        self._close(work)  # or it would go on to hold its partitions
                    if self._stopping.is_set() and not self._ends:
                        raise
                    pause_s = FIRST_PAUSE_S if time.monotonic() - began_s > STEADY_S else pause_s
                    self._log.warning("opening everything anew", because=str(error), wait_s=pause_s)
                    self._watchdog.rest("wait")
                    time.sleep(pause_s)
                    pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                else:
                    break
        self._log.info("drained", **self.counts)

    def stop(self) -> None:
        """Ask `run` to end after the turn at hand; safe in a signal handler and from any thread."""
        self._stopping.set()

    def serve(self) -> None:
        """`run` as the main function of a process: SIGTERM and Ctrl-C drain, the second one ends at once.

        Log lines go to standard error, unless the program has set up logging for itself.
        """
        if not has_handlers():
            configure_logging()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        try:
            self.run()
        except Exception as error:  # noqa: BLE001  # whatever it is, the process says so and ends
            self._log.error("the executor ends", exc_info=error)
            # Without closing: a close would abort, and could tear a transaction whose end is unknown.
            end_process(EXIT_FAILED if isinstance(error, SluicegateError) else EXIT_UNCLEAR)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._stopping.is_set():
            end_process(EXIT_KILLED)
        self.stop()

    def _open(self) -> Workplace:
        self._watchdog.beat("look at the topics")
        ends = EndOffsets(self._connection)
        known = ends.partitions()
        post = Post(self._trust.deployment, self.name, _partitions(known, self.name))
        tables = OwnTables(self._connection, self._trust, ends, self._watchdog)
        grants = GrantReader(self._connection, self._scribe, ends, self._watchdog)
        metadata = grants.consumer.consumer_group_metadata
        producer = ClaimProducer(self._connection, self._slot, metadata, self._watchdog, retry_s=PATIENCE_S)
        producer.know(known)
        self._log.info("started", types=len(self._handlers), partitions=post.partitions)
        return Workplace(
            scribe=self._scribe,
            handlers=self._handlers,
            post=post,
            tables=tables,
            grants=grants,
            producer=producer,
            watchdog=self._watchdog,
            fault=self._fault,
            counts=self.counts,
            log=self._log,
        )

    def _work(self, work: Workplace) -> None:
        try:
            if self._ends or self._to_act:
                # 2 to 7 of a turn that another workplace began
                self._ends = untold(work, self._connection, self._ends)
                self._execute(work)
            while not self._stopping.is_set():
                self._turn(work)
        except SluicegateError:
            self._close(work)
            raise
        self._close(work)

    def _close(self, work: Workplace) -> None:
        self._watchdog.beat("leave the group")
        work.grants.close()
        work.tables.close()

    def _turn(self, work: Workplace) -> None:
        self._fault(ExecutorStep.READ)  # 1
        work.tables.freshen()
        records = work.grants.gather(self._most, _IDLE_S)
        if work.grants.ready:
            self.ready.set()
        if not records:
            return
        self._fault(ExecutorStep.CHECK)  # 2
        refuse_another_key(work)
        judgements = check(work, records)
        self._fault(ExecutorStep.CLAIM)  # 3
        self._to_act.extend(claim(work, records, judgements))
        self._fault(ExecutorStep.APPEND_TIME)  # 4 to 6, for each claim just before and after it is acted on
        self._execute(work)

    def _execute(self, work: Workplace) -> None:
        began_s = unreported_s = work.clock.monotonic_s()
        claimed = len(self._to_act)
        while self._to_act:
            work.tables.freshen()  # here an outage is waited for: nothing has happened yet
            # INVARIANT: it leaves the queue before it is acted on: whatever goes wrong now, it is never acted on again.
            self._ends.append(end(work, self._to_act.popleft()))
            waits_s = work.clock.monotonic_s() - unreported_s
            if waits_s > UNREPORTED_S or sum(map(size_of, self._ends)) > UNREPORTED_BYTES:
                self._report(work)
                unreported_s = work.clock.monotonic_s()
        self._report(work)
        if claimed:
            each_s = (work.clock.monotonic_s() - began_s) / claimed
            self._most = max(1, min(MOST_CLAIMS, 2 * self._most, int(ACTING_S / max(each_s, 1e-6))))

    def _report(self, work: Workplace) -> None:
        report(work, self._ends)  # 7
        self._ends = []


def _partitions(known: Mapping[str, int], name: str) -> int:
    topic = f"execution.{name}"
    if topic not in known or known.get(RECEIPTS) != known[topic]:
        raise ConfigurationError(
            f"`{topic}` does not exist with as many partitions as `{RECEIPTS}`: add the executor with `sluicegate executor add`"
        )
    return known[topic]


def _trust(settings: Settings) -> Trust:
    keys = {key_id: PublicKey.from_text(text) for key_id, text in settings.trust.operators.items()}
    return Trust(settings.deployment, keys)
