"""Drive the whole gate without Kafka: people, agents, executors and operators as a test writes them.

    gate = GateDriver(policy_text)
    gate.person("p-ann", groups=["security"])
    gate.agent("ops-agent", owners=["p-bob"])
    gate.executor("crm", types=["crm.read"])
    action = gate.submit("ops-agent", "crm.read", {"id": 7})
    gate.run()
    gate.outcome(action)

Everything is signed and checked as in production; only the topics are in memory.
"""

from collections.abc import Callable, Iterable, Mapping
from copy import copy, deepcopy
from dataclasses import replace
from functools import cache
from typing import Any, Final, TypeVar

from sluicegate.processors.contract import Position, Record
from sluicegate.processors.gate.submissions import Window
from sluicegate.processors.gate.topology import GateTopology
from sluicegate.processors.tables import Tables, Trust
from sluicegate.processors.verification import Report, Verifier
from sluicegate.schemas import codec, document
from sluicegate.schemas.action import AccountName, Action, Withdrawal
from sluicegate.schemas.approval import ApprovalRequest, Reminder, Resolution, Tally
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.canonical import canonical_json, sha256
from sluicegate.schemas.decision import Choice, Decision, Reconciliation, Settled
from sluicegate.schemas.document import BODIES, Document, DocumentKind
from sluicegate.schemas.envelope import Headers, payload_type_of, record_headers, sign
from sluicegate.schemas.fields import Wire
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.keys import PrivateKey, PublicKey
from sluicegate.schemas.outcome import Outcome
from sluicegate.schemas.receipt import Claim, Happened, Receipt

from .driver import TopologyDriver
from .log import MemoryLog

Model = TypeVar("Model", bound=Wire)

DEPLOYMENT: Final = "test"
ISSUER: Final = "https://login.test"


@cache
def seeded_key(name: str) -> PrivateKey:
    """A key that derives from a name: the same in every run, so replays compare byte by byte. Never for production."""
    return PrivateKey.from_seed(sha256(b"sluicegate test key", name.encode()))


class GateDriver:
    """One gate process over topics in memory, with everything around it."""

    def __init__(
        self,
        policy: str = "",
        *,
        partitions: int = 2,
        window: Window | None = None,
        json_topics: frozenset[str] = frozenset(),
    ) -> None:
        self.operator = seeded_key("operator")
        self.gate_key = seeded_key("gate")
        trust = Trust(DEPLOYMENT, {self.operator.key_id: self.operator.public})
        self.topology = GateTopology(trust, partitions, "test", window or Window(), json_topics)
        self.driver: TopologyDriver[Tables] = TopologyDriver(
            self.topology, partitions=partitions, key=self.gate_key
        )
        self._versions: dict[tuple[str, str], int] = {}
        self._count = 0
        self._groups: dict[str, list[str]] = {}
        self.publish(DocumentKind.GATE, "gate", document.Gate(key=self.gate_key.public.text))
        if policy:
            self.policy("policy", policy)

    def beside(self, topology: GateTopology, log: MemoryLog) -> "GateDriver":
        """The same people and operators, in the same state, over another log that holds what this one does."""
        other: GateDriver = copy(self)
        other.topology = topology
        other.driver = TopologyDriver(topology, partitions=topology.partitions, key=self.gate_key, log=log)
        other._versions, other._groups = dict(self._versions), deepcopy(self._groups)  # its own class
        return other

    # --- operators ---

    def publish(
        self, subject: DocumentKind, name: str, body: Wire, *, version: int | None = None
    ) -> Position:
        """Sign a document and append it to its topic."""
        if version is None:
            version = self._versions[subject.value, name] = self._versions.get((subject.value, name), 0) + 1
        statement = Document(
            deployment=DEPLOYMENT,
            subject=subject,
            id=name,
            version=version,
            issued_at_ms=self.driver.now_ms,
            body=BODIES[subject].model_validate(body).model_dump(mode="json"),
        )
        return self.append(subject.topic, statement, self.operator, lane=name, subject=name)

    def write_json(self, topics: frozenset[str]) -> None:
        """Start the process again with another setting of `json_topics`."""
        self.topology = replace(self.topology, json_topics=topics)
        self.driver.topology = self.topology
        self.driver.now_ms += 1  # nobody starts a process again within the millisecond
        self.driver.restart()

    def policy(self, name: str, text: str) -> None:
        """Put a policy in force."""
        self.publish(DocumentKind.POLICY, name, document.PolicyText(text=text))

    def person(self, name: str, *, groups: Iterable[str] = (), accounts: int = 1) -> None:
        """A person with `accounts` logins (`<name>`, `<name>-2`, ...), each with its own key, in these groups."""
        self.publish(DocumentKind.PERSON, name, document.Person())
        for number in range(1, accounts + 1):
            login = name if number == 1 else f"{name}-{number}"
            account = document.Account(
                account=AccountName(issuer=ISSUER, subject=login),
                person=name,
                key=seeded_key(login).public.text,
            )
            self.publish(DocumentKind.ACCOUNT, login, account)
        for group in groups:
            self.join(group, name)

    def join(self, group: str, person: str) -> None:
        """Put a person into a group."""
        members = self._groups.setdefault(group, [])
        members.append(person)
        self.publish(DocumentKind.GROUP, group, document.Group(members=tuple(members)))

    def agent(
        self,
        name: str,
        *,
        owners: Iterable[str],
        delegators: Iterable[str] = (),
        lane: str | None = None,
        key: PublicKey | None = None,
        releases: bool = False,
    ) -> None:
        """An agent that these people answer for; masking is one that `releases`."""
        body = document.Agent(
            key=(key or seeded_key(name).public).text,
            owners=tuple(owners),
            lane=lane,
            releases=releases,
            delegators=tuple(AccountName(issuer=ISSUER, subject=login) for login in delegators),
        )
        self.publish(DocumentKind.AGENT, name, body)

    def executor(
        self, name: str, *, types: Iterable[str], key: PublicKey | None = None, **settings: Any
    ) -> None:
        """An executor for these action types."""
        public = key or seeded_key(name).public
        body = document.Executor(key=public.text, types=tuple(types), **settings)
        self.publish(DocumentKind.EXECUTOR, name, body)

    # --- agents ---

    def action(
        self, agent: str, action_type: str, arguments: Mapping[str, Any] | None = None, **fields: Any
    ) -> Action:
        """An action as the agent would build it; any field can be set."""
        values: dict[str, Any] = {
            "deployment": DEPLOYMENT,
            "action_id": self.fresh("action"),
            "agent": agent,
            "lane": agent,
            "type": action_type,
            "nonce": self._nonce(),
            "created_at_ms": self.driver.now_ms,
            "arguments": dict(arguments or {}),
        }
        return Action(**{**values, **fields})

    def submit(
        self, agent: str, action_type: str, arguments: Mapping[str, Any] | None = None, **fields: Any
    ) -> Action:
        """Sign and send an action."""
        action = self.action(agent, action_type, arguments, **fields)
        self.send(action)
        return action

    def send(
        self,
        action: Action,
        *,
        key: PrivateKey | None = None,
        partition: int | None = None,
        as_json: bool = False,
        alter_headers: Callable[[Headers], Headers] = tuple,
    ) -> Position:
        """Send an action as it is."""
        return self.append(
            "actions",
            action,
            key or seeded_key(action.agent),
            lane=action.lane,
            subject=action.action_id,
            partition=partition,
            as_json=as_json,
            alter_headers=alter_headers,
        )

    def withdraw(self, action: Action, **fields: Any) -> Position:
        """The agent takes an action back; any field can be set."""
        values: dict[str, Any] = {
            "deployment": DEPLOYMENT,
            "withdrawal_id": self.fresh("withdrawal"),
            "action_id": action.action_id,
            "agent": action.agent,
            "lane": action.lane,
            "nonce": self._nonce(),
            "created_at_ms": self.driver.now_ms,
        }
        withdrawal = Withdrawal(**{**values, **fields})
        return self.append(
            "actions",
            withdrawal,
            seeded_key(withdrawal.agent),
            lane=withdrawal.lane,
            subject=withdrawal.action_id,
        )

    # --- reviewers ---

    def decide(
        self,
        login: str,
        request: ApprovalRequest,
        choice: Choice = Choice.APPROVE,
        reason: str | None = "checked",
        *,
        signer: str | None = None,
        as_json: bool = False,
        **fields: Any,
    ) -> Decision:
        """A person decides through one of their logins; any field can be set, and another key can sign."""
        values: dict[str, Any] = {
            "deployment": DEPLOYMENT,
            "decision_id": self.fresh("decision"),
            "request_id": request.request_id,
            "action_id": request.action_id,
            "action_digest": request.action_digest,
            "view_digest": request.view.digest,
            "lane": request.lane,
            "agent": request.agent,
            "account": AccountName(issuer=ISSUER, subject=login),
            "choice": choice,
            "reason": reason,
            "decided_at_ms": self.driver.now_ms,
            "nonce": self._nonce(),
        }
        decision = Decision(**{**values, **fields})
        self.append(
            "decisions",
            decision,
            seeded_key(signer or login),
            lane=decision.lane,
            subject=decision.action_id,
            as_json=as_json,
        )
        return decision

    def reconcile(self, login: str, grant: Grant, settled: Settled, **fields: Any) -> Reconciliation:
        """A person says what became of an unknown execution."""
        values: dict[str, Any] = {
            "deployment": DEPLOYMENT,
            "reconciliation_id": self.fresh("reconciliation"),
            "action_id": grant.action_id,
            "grant_id": grant.grant_id,
            "lane": grant.lane,
            "agent": grant.agent,
            "account": AccountName(issuer=ISSUER, subject=login),
            "settled": settled,
            "reason": "looked at the target",
            "decided_at_ms": self.driver.now_ms,
            "nonce": self._nonce(),
        }
        record = Reconciliation(**{**values, **fields})
        self.append("decisions", record, seeded_key(login), lane=record.lane, subject=record.action_id)
        return record

    # --- executors ---

    def claim(self, grant: Grant, *, executor: str | None = None, **fields: Any) -> Claim:
        """The executor takes a grant."""
        values: dict[str, Any] = {
            "deployment": DEPLOYMENT,
            "claim_id": self.fresh("claim"),
            "grant_id": grant.grant_id,
            "action_id": grant.action_id,
            "action_digest": grant.action_digest,
            "lane": grant.lane,
            "agent": grant.agent,
            "executor": executor or grant.executor,
            "claimed_at_ms": self.driver.now_ms,
        }
        claim = Claim(**{**values, **fields})
        self.append("receipts", claim, seeded_key(claim.executor), lane=claim.lane, subject=claim.action_id)
        return claim

    def receipt(
        self, grant: Grant, claim: Claim | None, happened: Happened = Happened.EXECUTED, **fields: Any
    ) -> Receipt:
        """The executor says what happened."""
        values: dict[str, Any] = {
            "deployment": DEPLOYMENT,
            "receipt_id": self.fresh("receipt"),
            "grant_id": grant.grant_id,
            "claim_id": claim.claim_id if claim else None,
            "action_id": grant.action_id,
            "lane": grant.lane,
            "agent": grant.agent,
            "executor": grant.executor,
            "happened": happened,
            "created_at_ms": self.driver.now_ms,
        }
        receipt = Receipt(**{**values, **fields})
        self.append(
            "receipts", receipt, seeded_key(receipt.executor), lane=receipt.lane, subject=receipt.action_id
        )
        return receipt

    # --- time and topics ---

    def run(self) -> int:
        """Work until nothing is left to do."""
        return self.driver.run()

    def advance(self, milliseconds: int) -> None:
        """Let time pass, then work."""
        self.driver.advance(milliseconds)
        self.driver.run()

    def append(
        self,
        topic: str,
        model: Wire,
        key: PrivateKey,
        *,
        lane: str,
        subject: str,
        partition: int | None = None,
        as_json: bool = False,
        change: Callable[[bytes], bytes] = bytes,
        alter_headers: Callable[[Headers], Headers] = tuple,
    ) -> Position:
        """Encode, sign and append a record; `change` and `alter_headers` alter value and headers after it was signed."""
        encoded = codec.encode_json(model) if as_json else codec.encode(model)
        kind: str = model.kind  # type: ignore[attr-defined]  # every record has one
        headers = record_headers(
            kind=kind,
            payload_type=encoded.payload_type,
            id=self.fresh("record"),
            subject=subject,
            source="/test",
            sig=sign(key, encoded.payload_type, encoded.value),
        )
        return self.driver.produce(
            topic, lane.encode(), change(encoded.value), alter_headers(headers), partition=partition
        )

    def outcomes(self, action: Action) -> list[Outcome]:
        """Everything the agent was told about an action."""
        told = self._models("outcomes", Outcome)
        return [o for o in told if (o.agent, o.action_id) == (action.agent, action.action_id)]

    def outcome(self, action: Action) -> Outcome:
        """The last thing the agent was told about an action."""
        return self.outcomes(action)[-1]

    def requests(self, action: Action) -> list[ApprovalRequest]:
        """Every revision of the request about an action."""
        return [r for r in self._models("approvals", ApprovalRequest) if r.action_id == action.action_id]

    def request(self, action: Action) -> ApprovalRequest:
        """The latest request about an action."""
        return self.requests(action)[-1]

    def tally(self, decision: Decision) -> Tally:
        """The gate's answer to a decision."""
        found = [t for t in self._models("approvals", Tally) if t.decision_id == decision.decision_id]
        return found[-1]

    def reminders(self, action: Action) -> list[Reminder]:
        """The reminders of an action's requests, in order."""
        return [r for r in self._models("approvals", Reminder) if r.action_id == action.action_id]

    def resolutions(self, action: Action) -> list[Resolution]:
        """How requests about an action ended."""
        return [r for r in self._models("approvals", Resolution) if r.action_id == action.action_id]

    def grants(self, action: Action) -> list[Grant]:
        """Every grant for an action."""
        topics = [topic for topic in self.driver.log.topics() if topic.startswith("execution.")]
        found = [grant for topic in topics for grant in self._models(topic, Grant)]
        return [g for g in found if (g.agent, g.action_id) == (action.agent, action.action_id)]

    def grant(self, action: Action) -> Grant:
        """The one grant for an action."""
        (grant,) = self.grants(action)
        return grant

    def entries(self, event: str | None = None) -> list[AuditEntry]:
        """The audit log, by partition."""
        return [e for e in self._models("audit", AuditEntry) if event is None or e.event == event]

    def dead_letters(self, topic: str) -> list[tuple[str, Record]]:
        """(reason, record) of every dead letter of an input."""
        records = self.driver.read(f"dlq.{topic}")
        # The gate's own headers come first; a sender may have sent others of the same name.
        return [(next(v or b"" for n, v in r.headers if n == "dlq-reason").decode(), r) for r in records]

    def report(self) -> Report:
        """What the verifier says about everything written to `audit`."""
        verifier = Verifier()
        for record in self.driver.read("audit"):
            (entry,) = self._decoded([record], AuditEntry)
            verifier.take(record.position.partition, record.position.offset, record.append_ms, entry)
        return verifier.report()

    def fresh(self, what: str) -> str:
        """A new id; counted, so two runs of a test give the same ids."""
        self._count += 1
        return f"{what}-{self._count}"

    def _nonce(self) -> bytes:
        return sha256(canonical_json([self.fresh("nonce")]))[:16]

    def records_of(self, topic: str, model: type[Model]) -> list[Model]:
        """Every record of a topic that is one of these."""
        return self._models(topic, model)

    def _models(self, topic: str, model: type[Model]) -> list[Model]:
        return self._decoded(self.driver.read(topic), model)

    def _decoded(self, records: Iterable[Record], model: type[Model]) -> list[Model]:
        found = []
        for record in records:
            payload_type = payload_type_of(record.headers)
            read = codec.decode(payload_type, record.value or b"", _EVERY_KIND)
            if isinstance(read, model):
                found.append(read)
        return found


_EVERY_KIND: Final = frozenset(
    {
        "approval-request",
        "tally",
        "reminder",
        "resolution",
        "outcome",
        "audit-entry",
        "grant",
        "action",
        "withdrawal",
        "export-batch",
        "masked-batch",
        "withheld-batch",
        "quarantined-batch",
    }
)
