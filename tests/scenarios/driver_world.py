"""The world in memory: the shipped driver for the gate, the pure half of the executor for executors."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from gate_world import (
    AGENTS,
    AT_WORK,
    CRASHES_ONCE,
    EXECUTORS,
    Asked,
    Raw,
    account_of,
    bodies,
    everybody,
)

from sluicegate.processors.contract import Position, Record
from sluicegate.processors.release import Post, examine
from sluicegate.processors.story import Story, is_about, tell
from sluicegate.processors.verification import Report
from sluicegate.schemas import codec
from sluicegate.schemas.action import Action, Withdrawal
from sluicegate.schemas.approval import ApprovalRequest, Reminder, Tally
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.decision import Choice, Reconciliation, Settled
from sluicegate.schemas.envelope import header, payload_type_of
from sluicegate.schemas.fields import Wire
from sluicegate.schemas.keys import PrivateKey
from sluicegate.schemas.outcome import Outcome, OutcomeKind
from sluicegate.streams.clients.claim_book import ClaimBook
from sluicegate.streams.clients.execution_records import OwnRecord, Scribe
from sluicegate.streams.clients.judgement import judge
from sluicegate.streams.clients.outcome_history import Awaited, OutcomeHistory
from sluicegate.streams.clients.signed_record import SignedRecord, sign_record
from sluicegate.streams.testing import GateDriver, seeded_key
from sluicegate.streams.testing.gate_driver import DEPLOYMENT

PATIENCE_MS: Final = 30_000
STEP_MS: Final = 250

Model = TypeVar("Model", bound=Wire)


class DriverWorld:
    """See `gate_world.World`."""

    deployment = DEPLOYMENT

    def __init__(self, json_topics: frozenset[str] = frozenset()) -> None:
        self.gate = GateDriver(partitions=2, json_topics=json_topics)
        self._agents = iter(AGENTS)
        self._histories: dict[tuple[str, str], OutcomeHistory] = {}
        self._effects: Counter[tuple[str, str]] = Counter()
        keys = {name: seeded_key(name).public.text for name in everybody()}
        for subject, name, body in bodies(keys):
            self.gate.publish(subject, name, body)
        self._executors = [
            DriverExecutor(self, name, crashes=name == CRASHES_ONCE) for name in EXECUTORS if name in AT_WORK
        ]
        self.gate.run()

    def agent(self) -> str:
        """An agent nobody has used yet."""
        return next(self._agents)

    def key(self, name: str) -> PrivateKey:
        """A key that derives from the name."""
        return seeded_key(name)

    def now_ms(self) -> int:
        """The driver's clock."""
        return self.gate.driver.now_ms

    def submit(
        self,
        agent: str,
        action_type: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        action_id: str | None = None,
        supersedes: Asked | None = None,
    ) -> Asked:
        """Sign, send, let the gate work."""
        fields: dict[str, Any] = {} if action_id is None else {"action_id": action_id}
        if supersedes is not None:
            fields["supersedes"] = supersedes.action_id
        action: Action = self.gate.action(agent, action_type, arguments, **fields)
        record = sign_record(seeded_key(agent), action)
        history = self._history(agent, action.action_id)
        awaited = Awaited(history, record.digest, after=history.end)
        self._send("actions", record)
        return Asked(agent, action.action_id, record.digest, awaited)

    def withdraw(self, asked: Asked) -> None:
        """Sign, send, let the gate work."""
        withdrawal = Withdrawal(
            deployment=DEPLOYMENT,
            withdrawal_id=self.gate.fresh("withdrawal"),
            action_id=asked.action_id,
            agent=asked.agent,
            lane=asked.agent,
            nonce=self._nonce(),
            created_at_ms=self.now_ms(),
        )
        self._send("actions", sign_record(seeded_key(asked.agent), withdrawal))

    def request(self, asked: Asked) -> ApprovalRequest:
        """The latest revision."""
        requests = self._models("approvals", ApprovalRequest)
        found = [one for one in requests if (one.agent, one.action_id) == (asked.agent, asked.action_id)]
        return found[-1]

    def reminder(self, asked: Asked) -> Reminder:
        """Let the clock run until it is there."""
        for _ in range(PATIENCE_MS // STEP_MS):
            found = [one for one in self._models("approvals", Reminder) if one.action_id == asked.action_id]
            if found:
                return found[-1]
            self.gate.advance(STEP_MS)
        raise AssertionError("nobody was reminded")

    def decide(
        self, login: str, request: ApprovalRequest, choice: Choice = Choice.APPROVE, reason: str = "looked"
    ) -> Tally:
        """Sign, send, let the gate work."""
        decision = self.gate.decide(
            login, request, choice, reason, account=account_of(login), decided_at_ms=self.now_ms()
        )
        self._work()
        return self.gate.tally(decision)

    def reconcile(self, login: str, asked: Asked, settled: Settled) -> AuditEntry:
        """Sign, send, let the gate work."""
        latest = asked.awaited.latest()
        assert latest is not None
        record = Reconciliation(
            deployment=DEPLOYMENT,
            reconciliation_id=self.gate.fresh("reconciliation"),
            action_id=asked.action_id,
            grant_id=latest.grant_id or "",
            lane=asked.agent,
            agent=asked.agent,
            account=account_of(login),
            settled=settled,
            reason="looked at the target",
            decided_at_ms=self.now_ms(),
            nonce=self._nonce(),
        )
        return self.entry_of(self._send("decisions", sign_record(seeded_key(login), record)))

    def outcome(self, asked: Asked, *wanted: OutcomeKind) -> Outcome:
        """Let time pass, step by step, until it is told."""
        limit_ms = self.now_ms() + PATIENCE_MS
        while True:
            latest = asked.awaited.latest()
            if latest is not None and latest.outcome in wanted:
                return latest
            assert self.now_ms() < limit_ms, f"told {latest and latest.outcome}, not {wanted}"
            self.pass_until(self.now_ms() + STEP_MS)

    def told(self, asked: Asked) -> list[OutcomeKind]:
        """Everything told since the submission."""
        return [outcome.outcome for outcome in asked.awaited.told()]

    def effects(self, asked: Asked) -> int:
        """Counted by the executors of this world."""
        return self._effects[asked.agent, asked.action_id]

    def arrive(self, executor: str) -> None:
        """From here on it reads its grants, from the first one."""
        self._executors = [one for one in self._executors if one.name != executor]
        self._executors.append(DriverExecutor(self, executor))
        self._work()

    def grant_of(self, asked: Asked, executor: str) -> Record:
        """As the gate wrote it."""
        records = self.gate.driver.read(f"execution.{executor}")
        found = [one for one in records if header(one.headers, "ce_subject") == asked.action_id.encode()]
        return found[-1]

    def write(self, raw: Raw) -> Position:
        """Append, let the gate and the executors work."""
        place = self.gate.driver.produce(raw.topic, raw.key, raw.value, raw.headers, partition=raw.partition)
        self._work()
        return place

    def pass_until(self, at_ms: int) -> None:
        """Set the clock, let the gate and the executors work."""
        self.gate.driver.now_ms = max(at_ms, self.now_ms())
        self._work()

    def entry_of(self, position: Position) -> AuditEntry:
        """By its leaf."""
        (found,) = (
            entry
            for entry in self._models("audit", AuditEntry)
            if entry.leaf and Position(entry.leaf.topic, entry.leaf.partition, entry.leaf.offset) == position
        )
        return found

    def dead_letter(self, position: Position) -> Record:
        """By the origin that the gate put first."""
        (found,) = (
            record
            for _, record in self.gate.dead_letters(position.topic)
            if ("dlq-origin", str(position).encode()) in record.headers
        )
        return found

    def stories(self, asked: Asked) -> Sequence[Story]:
        """Told from the entries about the action."""
        entries = self._models("audit", AuditEntry)
        return tell(asked.action_id, (entry for entry in entries if is_about(entry, asked.action_id)))

    def verify(self) -> Report:
        """The driver's report."""
        return self.gate.report()

    def did(self, action: Action) -> None:
        """Count what an executor really did."""
        self._effects[action.agent, action.action_id] += 1

    def _send(self, topic: str, record: SignedRecord) -> Position:
        return self.write(Raw(topic, record.key, record.value, record.headers))

    def _work(self) -> None:
        self.gate.run()
        while any(executor.turn() for executor in self._executors):
            self.gate.run()
        for record in self.gate.driver.read("outcomes"):
            told = codec.decode(payload_type_of(record.headers), record.value or b"", {"outcome"})
            assert isinstance(told, Outcome)
            history = self._history(told.agent, told.action_id)
            history.add(record.position.offset, sha256(record.value or b""), told)

    def _history(self, agent: str, action_id: str) -> OutcomeHistory:
        return self._histories.setdefault((agent, action_id), OutcomeHistory(agent, action_id))

    def _models(self, topic: str, model: type[Model]) -> list[Model]:
        return self.gate._models(topic, model)

    def _nonce(self) -> bytes:
        return sha256(self.gate.fresh("nonce").encode())[:16]


class DriverExecutor:
    """Claims, acts and reports with the executor's own pure code; with `crashes` it dies between claim and act."""

    def __init__(self, world: DriverWorld, name: str, *, crashes: bool = False) -> None:
        self.name = name
        self._world = world
        self._driver = world.gate.driver
        self._types = EXECUTORS[name]["types"]
        self._post = Post(DEPLOYMENT, name, 2)
        self._scribe = Scribe(DEPLOYMENT, name, seeded_key(name))
        self._books = [ClaimBook(), ClaimBook()]
        self._read = [0, 0]
        self._crashes, self._is_dead = crashes, False
        for record in self._driver.read("receipts"):
            own = self._scribe.own(record)
            if own is not None:
                # What it claimed itself in an earlier life it never does again.
                self._books[record.position.partition].note(own, record.append_ms)

    def turn(self) -> bool:
        """Work on what is new; whether there was anything."""
        records = [] if self._is_dead else [record for number in (0, 1) for record in self._new(number)]
        for record in records:
            self._take(record)
        return bool(records)

    def _new(self, partition: int) -> list[Record]:
        records = self._driver.read(f"execution.{self.name}", partition)[self._read[partition] :]
        self._read[partition] += len(records)
        return records

    def _take(self, record: Record) -> None:
        now_ms, book = self._driver.now_ms, self._books[record.position.partition]
        answer = examine(record, self._driver.tables.current, self._post, now_ms)
        judgement = judge(record, answer, book, self._types)
        if judgement.read is None or self._is_dead:
            return
        if judgement.action is None:
            if judgement.check is not None:
                self._write(self._scribe.refusal(judgement.read, judgement.check, now_ms))
            return
        claim = self._scribe.claim(judgement.read, now_ms)
        self._write(claim)
        if self._crashes:
            self._is_dead = True
            return
        self._world.did(judgement.action)
        self._write(
            self._scribe.executed(
                judgement.read, claim.model.claim_id or "", now_ms, result_digest=sha256(b"{}")
            )
        )

    def _write(self, own: OwnRecord) -> None:
        self._books[0].note(own.model, self._driver.now_ms)
        self._driver.produce("receipts", own.key, own.value, own.headers)
