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
6. write the receipts, in a transaction of their own

A crash before 3 has committed does nothing and changes nothing. After it a grant is never acted on again: unless its receipt
was written too, it is `unknown` once its lease is over. So a handler is called at most once per grant; the grant's id is its
idempotency key. Data that an action returns will go to `exports.raw` between 5 and 6; for now only its digest leaves.

An executor knows its claims by its own key: change the key only after an hour without work.
"""

import math
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final, Self

from sluicegate.processors.contract import Record
from sluicegate.processors.directory import SignerKind
from sluicegate.processors.release import Check, Post, examine, stopped
from sluicegate.processors.tables import Tables, Trust
from sluicegate.schemas.action import Action
from sluicegate.schemas.canonical import canonical_json, sha256
from sluicegate.schemas.errors import ConfigurationError, InvariantError, SluicegateError
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.ids import partition_of
from sluicegate.schemas.keys import PrivateKey, PublicKey
from sluicegate.schemas.receipt import Claim
from sluicegate.streams.kafka.connection import Connection, connect
from sluicegate.streams.kafka.principals import Principal, Role
from sluicegate.streams.logs import get_logger
from sluicegate.streams.runtime.end_offsets import EndOffsets
from sluicegate.streams.runtime.pace import MARKERS_S
from sluicegate.streams.runtime.transaction import MustAbort
from sluicegate.streams.runtime.watchdog import Watchdog, end_process
from sluicegate.streams.settings import Settings, load
from sluicegate.streams.state_folder import StateFolder

from .claim_producer import ClaimProducer
from .execution_records import OwnRecord, ReadGrant, Scribe
from .executor_steps import ExecutorStep, FaultHook, no_fault
from .grant_reader import RECEIPTS, GrantReader
from .judgement import Judgement, judge, once_each
from .own_tables import FRESH_MS, OwnTables
from .stored_key import stored_key

Handler = Callable[[Action, Grant], Any]
"""Does what the action says and returns JSON, or raises. `grant.grant_id` is the idempotency key for the outside world."""

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
_IDLE_S: Final = 0.05
_MOST_ABORTS: Final = 5
_MAYBE_BEHIND: Final = frozenset({Check.TABLES_BEHIND, Check.UNKNOWN_SIGNER})
"""Refusals that documents still on their way could lift."""


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A grant whose claim is committed; `appended_ms` is the broker's time of it."""

    read: ReadGrant
    action: Action
    claim_id: str
    appended_ms: int


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
        watchdog_s: float = 60.0,
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
        self._watchdog = _Watchdog(watchdog_s, give_up)
        self._stopping = threading.Event()
        self._most = 1
        self._aborts_in_a_row = 0
        self._committed_s = 0.0
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
            self._open()
            try:
                while not self._stopping.is_set():
                    self._turn()
            except SluicegateError:
                self._close()
                raise
            self._close()
        self._log.info("drained", **self.counts)

    def stop(self) -> None:
        """Ask `run` to end after the turn at hand; safe in a signal handler and from any thread."""
        self._stopping.set()

    def serve(self) -> None:
        """`run` as the main function of a process: SIGTERM and Ctrl-C drain, the second one ends at once."""
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

    def _open(self) -> None:
        self._watchdog.beat("look at the topics")
        ends = EndOffsets(self._connection)
        known = ends.partitions()
        self._post = Post(self._trust.deployment, self.name, _partitions(known, self.name))
        self._tables = OwnTables(self._connection, self._trust, ends, self._watchdog)
        self._grants = GrantReader(self._connection, self._scribe, ends, self._watchdog)
        self._producer = ClaimProducer(
            self._connection, self._slot, self._grants.consumer.consumer_group_metadata, self._watchdog
        )
        self._producer.know(known)
        self._log.info("started", types=len(self._handlers), partitions=self._post.partitions)

    def _close(self) -> None:
        self._watchdog.beat("leave the group")
        self._grants.close()
        self._tables.close()

    def _turn(self) -> None:
        self._fault(ExecutorStep.READ)  # 1
        self._tables.freshen()
        records = self._grants.gather(self._most, _IDLE_S)
        if self._grants.ready:
            self.ready.set()
        if not records:
            return
        self._fault(ExecutorStep.CHECK)  # 2
        self._refuse_another_key()
        judgements = self._check(records)
        self._fault(ExecutorStep.CLAIM)  # 3
        claimed = self._claim(records, judgements)
        self._fault(ExecutorStep.APPEND_TIME)  # 4, for each claim just before it is acted on
        self._execute(claimed)

    # --- 2 ---

    def _refuse_another_key(self) -> None:
        # INVARIANT: a claim that the gate cannot count is no claim, so nothing may happen behind it.
        if self._is_enrolled(self._tables.current):
            return
        self._tables.read_on(FRESH_MS / 1_000)
        if not self._is_enrolled(self._tables.current):
            raise ConfigurationError(
                f"the key of executor `{self.name}` is not the one operators enrolled; see `sluicegate executor add`"
            )

    def _is_enrolled(self, tables: Tables) -> bool:
        signer = tables.directory.signer(self._scribe.key.key_id)
        return signer is not None and (signer.kind, signer.id) == (SignerKind.EXECUTOR, self.name)

    def _check(self, records: Sequence[Record]) -> list[Judgement]:
        judgements = self._judge_all(records)
        behind = any(judgement.check in _MAYBE_BEHIND for judgement in judgements)
        if behind and self._tables.read_on(FRESH_MS / 1_000):
            judgements = self._judge_all(records)
        for judgement in judgements:
            if judgement.check is Check.CONFLICTING_GRANT:
                self._log.error("two different grants carry the same id", at=str(judgement.record.position))
        return judgements

    def _judge_all(self, records: Sequence[Record]) -> list[Judgement]:
        tables, now_ms = self._tables.freshen(), _now_ms()
        return once_each(
            [
                judge(
                    record,
                    examine(record, tables, self._post, now_ms),
                    self._grants.book(record.position.partition),
                    self._handlers,
                )
                for record in records
            ]
        )

    # --- 3 ---

    def _claim(self, records: Sequence[Record], judgements: Sequence[Judgement]) -> list[_Claimed]:
        """Commit claims, refusals and offsets together; nothing is claimed when the transaction has to be aborted."""
        written = [(judgement, self._answer(judgement)) for judgement in judgements]
        try:
            self._begin()
            for judgement, own in written:
                self._write(judgement, own)
            self._producer.flush()
            self._producer.send_offsets(self._grants.progress(records))
            self._fault(ExecutorStep.CLAIM_COMMIT)
            self._producer.commit()
        except MustAbort as reason:
            self._abort(reason)
            self._grants.rewind(records)
            return []
        self._ended_well()
        return [claim for judgement, own in written if (claim := self._noted(judgement, own)) is not None]

    def _answer(self, judgement: Judgement) -> OwnRecord | None:
        read, now_ms = judgement.read, _now_ms()
        if read is None:
            return None
        if judgement.action is not None:
            return self._scribe.claim(read, now_ms)
        return None if judgement.check is None else self._scribe.refusal(read, judgement.check, now_ms)

    def _write(self, judgement: Judgement, own: OwnRecord | None) -> None:
        if own is not None:
            self._send(own)
        elif judgement.read is None:
            record = judgement.record
            check = judgement.check or Check.UNREADABLE
            marks = (("dlq-reason", check.encode()), ("dlq-origin", str(record.position).encode()))
            headers = (*marks, *record.headers)
            self._producer.produce(
                f"dlq.{record.position.topic}", 0, record.key or b"", record.value, headers
            )

    def _noted(self, judgement: Judgement, own: OwnRecord | None) -> _Claimed | None:
        """Remember what is committed; the claim to act on, if it is one."""
        if judgement.check is not None:
            self.counts["refused"] += 1
            self._log.warning("refused", check=judgement.check.value, at=str(judgement.record.position))
        if own is None or judgement.read is None:
            return None
        self._grants.book(judgement.record.position.partition).note(own.model, _now_ms())
        if judgement.action is None or not isinstance(own.model, Claim):
            return None
        # Unstamped means nobody knows when: as late as can be.
        appended_ms = self._producer.appended_ms(own.value) or judgement.read.grant.expires_at_ms
        return _Claimed(judgement.read, judgement.action, own.model.claim_id, appended_ms)

    # --- 4, 5, 6 ---

    def _execute(self, claimed: Sequence[_Claimed]) -> None:
        began_s = unreported_s = time.monotonic()
        ends: list[OwnRecord] = []
        for each in claimed:
            ends.append(self._end(each))
            if time.monotonic() - unreported_s > UNREPORTED_S:
                self._report(ends)
                ends, unreported_s = [], time.monotonic()
        self._report(ends)
        if claimed:
            each_s = (time.monotonic() - began_s) / len(claimed)
            self._most = max(1, min(MOST_CLAIMS, 2 * self._most, int(ACTING_S / max(each_s, 1e-6))))

    def _end(self, claimed: _Claimed) -> OwnRecord:
        refused = self._late(claimed) or self._stopped(claimed)
        if refused is None:
            return self._act(claimed)
        self.counts["refused"] += 1
        self._log.warning("refused after the claim", check=refused.value, grant=claimed.read.grant.grant_id)
        return self._scribe.refusal(claimed.read, refused, _now_ms(), claimed=claimed.claim_id)

    def _late(self, claimed: _Claimed) -> Check | None:
        # INVARIANT: a claim appended at or after the expiry has no effect; the gate judges by the same time.
        return Check.CLAIM_LATE if claimed.appended_ms >= claimed.read.grant.expires_at_ms else None

    def _stopped(self, claimed: _Claimed) -> Check | None:
        """Claims of a batch wait for their turn, and a process may have slept: look once more just before the act."""
        tables, now_ms, grant = self._tables.freshen(), _now_ms(), claimed.read.grant
        own = tables.directory.executors.get(self.name)
        if own is None or not self._is_enrolled(tables):
            return Check.REVOKED_EXECUTOR
        if now_ms >= claimed.appended_ms + own.lease_ms:
            # INVARIANT: the gate may have said `unknown` by now and a person may have settled it.
            return Check.LEASE_OVER
        return stopped(grant, tables, now_ms)

    def _act(self, claimed: _Claimed) -> OwnRecord:
        read, action = claimed.read, claimed.action
        self._fault(ExecutorStep.ACT)  # 5
        self._watchdog.rest("act")
        try:
            result = self._handlers[action.type](action, read.grant)
        except Exception as error:  # noqa: BLE001  # whatever a handler raises: the action failed
            self.counts["failed"] += 1
            return self._scribe.failed(read, claimed.claim_id, _now_ms(), error)
        finally:
            self._watchdog.beat("act")
        self.counts["executed"] += 1
        return self._scribe.executed(read, claimed.claim_id, _now_ms(), self._digest(result))

    def _digest(self, result: Any) -> bytes | None:
        try:
            return sha256(canonical_json(result))
        except (TypeError, ValueError, RecursionError):
            # It happened all the same, and a receipt must say so.
            self._log.warning("the result is no JSON and goes without digest", type=type(result).__name__)
            return None

    def _report(self, ends: Sequence[OwnRecord]) -> None:
        """Commit receipts; after an abort the same ones again, because what they say has happened."""
        while ends:
            self._fault(ExecutorStep.RECEIPT)  # 6
            try:
                self._begin()
                for end in ends:
                    self._send(end)
                self._producer.flush()
                self._fault(ExecutorStep.RECEIPT_COMMIT)
                self._producer.commit()
            except MustAbort as reason:
                self._abort(reason)
                continue
            self._ended_well()
            return

    # --- transactions ---

    def _begin(self) -> None:
        left_s = self._committed_s + MARKERS_S - time.monotonic()
        if left_s > 0:
            time.sleep(left_s)
        self._watchdog.beat("begin")
        self._producer.begin()

    def _send(self, own: OwnRecord) -> None:
        partition = partition_of(own.model.lane, self._post.partitions)
        self._producer.produce(RECEIPTS, partition, own.key, own.value, own.headers)

    def _ended_well(self) -> None:
        self._committed_s = time.monotonic()
        self.counts["transactions"] += 1
        self._aborts_in_a_row = 0

    def _abort(self, reason: MustAbort) -> None:
        self._log.warning("aborting a transaction", because=str(reason))
        self._producer.abort()
        self.counts["aborts"] += 1
        self._aborts_in_a_row += 1
        if self._aborts_in_a_row >= _MOST_ABORTS:
            raise InvariantError(f"{_MOST_ABORTS} transactions in a row had to be aborted: {reason}")


class _Watchdog(Watchdog):
    """Looks away while a handler works: how long that may take is for its lease to say."""

    def rest(self, doing: str) -> None:
        """The executor is busy with something that is no Kafka call."""
        self._doing = (doing, math.inf)


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


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
