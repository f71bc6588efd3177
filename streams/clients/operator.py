"""An operator's side: sign documents about people, agents, executors, policies and stops, and see that they count.

Ten lines::

    from sluicegate.streams.clients.operator import Operator

    with Operator.connect("operator") as operator:
        dana = operator.enrol_person("Dana")
        operator.enrol_account("https://login.example", "dana", dana, key=dana_key)
        operator.enrol_group("privacy-office", [dana])
        operator.enrol_agent("clinic-ops", agent_key, owners=[dana])
        operator.enrol_executor("crm", executor_key, types=["crm.read"])
        operator.publish_policy("clinic", Path("policy.yaml").read_text())

The topics are read with exactly the rules of a gate: what a gate would ignore is an error here. A document is the next
version of its subject; when two operators publish at once, one of them is told.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

from sluicegate.processors.contract import Record
from sluicegate.processors.events import Reason
from sluicegate.processors.masking.profile import load_profile
from sluicegate.processors.policy import load as load_policy
from sluicegate.processors.tables import TABLE_TOPICS, Tables, Trust, apply_documents
from sluicegate.schemas import document
from sluicegate.schemas.action import AccountName
from sluicegate.schemas.document import BODIES, Body, Document, DocumentKind, Floor
from sluicegate.schemas.errors import RefusedError
from sluicegate.schemas.ids import derived_id
from sluicegate.schemas.keys import PrivateKey, PublicKey
from sluicegate.streams.kafka.connection import Connection, connect_as
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.settings import Settings, load
from sluicegate.streams.state_folder import StateFolder

from .confusable import refuse_misleading, refuse_twin, skeleton
from .reading import read_record
from .sending import Sender, acknowledged
from .signed_record import build, random_id, sign_record
from .stored_key import stored_key
from .topic_reader import From, TopicReader

_NAMED_BY_PEOPLE: Final = frozenset(
    {
        DocumentKind.GROUP,
        DocumentKind.AGENT,
        DocumentKind.EXECUTOR,
        DocumentKind.BRIDGE,
        DocumentKind.PIPELINE,
        DocumentKind.POLICY,
        DocumentKind.PROFILE,
    }
)
"""Kinds whose ids somebody chose: a twin would be taken for the other."""

B = TypeVar("B")
_Subject = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Statement:
    """What a document shall say about a subject from now on."""

    subject: DocumentKind
    id: str
    body: Body


class Operator:
    """One operator; not for use by several threads. `tables` is what a gate makes of everything published so far."""

    def __init__(self, connection: Connection, key: PrivateKey, trust: Trust) -> None:
        """Read what has been published; `trust` names the deployment and every operator whose documents count."""
        self.tables = Tables()
        self._connection = connection
        self._key = key
        self._trust = trust
        self._documents: dict[_Subject, Document] = {}
        self._looks: dict[tuple[DocumentKind, str], str] = {}
        self._sender = Sender(connection)
        self._readers: dict[str, TopicReader] = {}
        try:
            for topic in TABLE_TOPICS:
                self._readers[topic] = TopicReader(connection, topic, From.BEGINNING)
            self.refresh()
        except BaseException:
            self.close()
            raise

    @classmethod
    def connect(cls, key: PrivateKey | str, *, settings: Settings | None = None) -> Self:
        """Connect as the settings say; a key given by name is `keys/<name>.ed25519` of the state folder."""
        chosen = settings or load()
        signing = stored_key(StateFolder(chosen.state_dir), key) if isinstance(key, str) else key
        operators = {name: PublicKey.from_text(text) for name, text in chosen.trust.operators.items()}
        return cls(connect_as(chosen, Role.OPERATOR), signing, Trust(chosen.deployment, operators))

    def refresh(self) -> None:
        """Read on to the end of the three topics, as of now."""
        records = [record for reader in self._readers.values() for record in reader.to_end()]
        positions = {topic: reader.positions()[0] for topic, reader in self._readers.items()}
        self.tables = apply_documents(self.tables, records, positions, frozenset(), self._trust)
        ignored = self._ignored()
        for record in records:
            if (record.position.topic, record.position.offset) not in ignored:
                self._remember(record)

    def current(self, subject: DocumentKind, id: str) -> Body | None:  # noqa: A002  # the field's name
        """What is in force about a subject; None for one that nobody has published."""
        found = self._documents.get((subject.value, id))
        return None if found is None else BODIES[subject].model_validate(found.body, strict=False)

    def publish(self, subject: DocumentKind, id: str, body: Body) -> int:  # noqa: A002
        """Sign and write the next version, read it back, and return its number; errors as for `ensure_many`."""
        return self._write([Statement(subject, id, body)])[0]

    def ensure(self, subject: DocumentKind, id: str, body: Body) -> int:  # noqa: A002
        """As `publish`, but an unchanged body makes no new version; the version that is in force."""
        return self.ensure_many([Statement(subject, id, body)])[0]

    def ensure_many(self, statements: Iterable[Statement]) -> list[int]:
        """Bring all of these in force, written at once; the versions in force, in the order given.

        PolicyError for a policy that does not load, RefusedError for a name that looks like another, for a key or login in
        use, and when another operator published the same subject meanwhile. Documents of the batch that are in order count
        even when another one is refused.
        """
        wanted = list(statements)
        self.refresh()
        changed = [one for one in wanted if self.current(one.subject, one.id) != one.body]
        self._write(changed)
        return [self.tables.versions[one.subject.value, one.id] for one in wanted]

    def enrol_person(self, name: str | None = None, *, person: str | None = None) -> str:
        """A human being, by a random id: names live here and nowhere else. The id; `person` changes an existing one."""
        chosen = person or random_id("p")
        self.ensure(DocumentKind.PERSON, chosen, document.Person(name=name))
        return chosen

    def enrol_account(self, issuer: str, subject: str, person: str, *, key: PublicKey | None = None) -> str:
        """A login of a person; its document's id. `key` signs decisions made without a bridge."""
        account = build(AccountName, issuer=issuer, subject=subject)
        chosen = derived_id("account", issuer, subject)
        body = document.Account(account=account, person=person, key=key.text if key else None)
        self.ensure(DocumentKind.ACCOUNT, chosen, body)
        return chosen

    def enrol_group(self, group: str, members: Collection[str]) -> int:
        """Exactly these persons may review as this group; the version."""
        return self.ensure(DocumentKind.GROUP, group, document.Group(members=tuple(members)))

    def enrol_agent(
        self,
        agent: str,
        key: PublicKey,
        owners: Collection[str],
        *,
        lane: str | None = None,
        delegators: Iterable[AccountName] = (),
    ) -> int:
        """An agent, the persons who answer for it, and the accounts it may act for; the version."""
        body = document.Agent(key=key.text, owners=tuple(owners), lane=lane, delegators=tuple(delegators))
        return self.ensure(DocumentKind.AGENT, agent, body)

    def enrol_executor(
        self,
        executor: str,
        key: PublicKey,
        types: Collection[str],
        *,
        floor: Mapping[str, Floor] | None = None,
        **settings: Any,
    ) -> int:
        """An executor and the action types routed to it; its topic must exist. `settings` are further fields; the version."""
        body = document.Executor(key=key.text, types=tuple(types), floor=dict(floor or {}), **settings)
        return self.ensure(DocumentKind.EXECUTOR, executor, body)

    def enrol_bridge(self, bridge: str, key: PublicKey, issuers: Collection[str]) -> int:
        """A program that carries decisions for people with accounts of these issuers; the version."""
        return self.ensure(DocumentKind.BRIDGE, bridge, document.Bridge(key=key.text, issuers=tuple(issuers)))

    def enrol_gate(self, gate: str, key: PublicKey) -> int:
        """A gate whose grants executors accept; the version."""
        return self.ensure(DocumentKind.GATE, gate, document.Gate(key=key.text))

    def publish_policy(self, name: str, text: str) -> int:
        """A policy file; PolicyError, before anything is written, when it does not load. The version."""
        return self.ensure(DocumentKind.POLICY, name, document.PolicyText(text=text))

    def publish_profile(self, name: str, text: str) -> int:
        """A masking profile under the name it carries; ConfigurationError, before anything is written, when it does not load.

        The version.
        """
        return self.ensure(DocumentKind.PROFILE, name, document.ProfileText(text=text))

    def pause(
        self,
        name: str,
        *,
        action_type: str | None = None,
        executor: str | None = None,
        agent: str | None = None,
    ) -> int:
        """Stop what matches; a pause that names nothing stops everything. The version."""
        body = document.Pause(action_type=action_type, executor=executor, agent=agent)
        return self.ensure(DocumentKind.PAUSE, name, body)

    def resume(self, name: str) -> int:
        """End a pause; the version."""
        found = self.current(DocumentKind.PAUSE, name)
        if not isinstance(found, document.Pause):
            raise RefusedError(f"there is no pause `{name}`; see `sluicegate identity show`")
        return self.ensure(DocumentKind.PAUSE, name, found.model_copy(update={"active": False}))

    def revoke_key(self, key_id: str, *, from_ms: int | None = None) -> int:
        """Records signed by a key and appended from then on (default: now) count for nothing; the version."""
        body = document.Revocation(key_id=key_id, from_ms=_now_ms() if from_ms is None else from_ms)
        return self.publish(DocumentKind.REVOCATION, f"key-{key_id}", body)

    def revoke_grant(self, grant_id: str) -> int:
        """Take a grant back; the version."""
        body = document.Revocation(grant_id=grant_id, from_ms=_now_ms())
        return self.publish(DocumentKind.REVOCATION, f"grant-{grant_id}", body)

    def close(self) -> None:
        """Leave; safe to call twice."""
        self._sender.close()
        for reader in self._readers.values():
            reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, statements: Sequence[Statement]) -> list[int]:
        for statement in statements:
            self._check(statement)
        next_versions = dict(self.tables.versions)
        sent = []
        for one in statements:
            subject = one.subject.value, one.id
            next_versions[subject] = next_versions.get(subject, 0) + 1
            record = sign_record(self._key, self._document(one, next_versions[subject]))
            sent.append((one, next_versions[subject], self._sender.send(one.subject.topic, record)))
        written = [(one, version, acknowledged(delivery)) for one, version, delivery in sent]
        if written:
            self.refresh()
        ignored = self._ignored()
        for one, _, place in written:
            if reason := ignored.get((place.topic, place.offset)):
                raise _refusal(one, reason)
        return [version for _, version, _ in written]

    def _document(self, statement: Statement, version: int) -> Document:
        return build(
            Document,
            deployment=self._trust.deployment,
            subject=statement.subject,
            id=statement.id,
            version=version,
            issued_at_ms=_now_ms(),
            body=statement.body.model_dump(mode="json"),
        )

    def _check(self, statement: Statement) -> None:
        body = statement.body
        if not isinstance(body, BODIES[statement.subject]):
            raise RefusedError(f"the body of `{statement.id}` is not that of a `{statement.subject.value}`")
        if isinstance(body, document.PolicyText) and not body.retired:
            load_policy(body.text, source=statement.id)
        if isinstance(body, document.ProfileText) and not body.retired:
            _check_profile(statement.id, body.text)
        if isinstance(body, document.Account) and statement.id not in self.tables.directory.accounts:
            self._check_login(body.account)
        if statement.subject in _NAMED_BY_PEOPLE:
            other = self._looks.setdefault((statement.subject, skeleton(statement.id)), statement.id)
            refuse_twin(statement.id, [other], f"{statement.subject.value} id")

    def _check_login(self, account: AccountName) -> None:
        refuse_misleading(account.issuer, "issuer")
        refuse_misleading(account.subject, "subject")
        known = [found.account for found in self.tables.directory.accounts.values()]
        refuse_twin(account.issuer, {name.issuer for name in known}, "issuer")
        subjects = {name.subject for name in known if name.issuer == account.issuer}
        refuse_twin(account.subject, subjects, "subject")

    def _remember(self, record: Record) -> None:
        found = read_record(record, Document)
        self._documents[found.subject.value, found.id] = found
        self._looks.setdefault((found.subject, skeleton(found.id)), found.id)

    def _ignored(self) -> dict[tuple[str, int], str]:
        return {(one.topic, one.offset): one.reason for one in self.tables.ignored}


def _check_profile(name: str, text: str) -> None:
    loaded = load_profile(text, source=name)
    if loaded.name != name:
        raise RefusedError(
            f"the profile calls itself `{loaded.name}`: publish it under that name, not `{name}`"
        )


def _refusal(statement: Statement, reason: str) -> RefusedError:
    name = f"{statement.subject.value} `{statement.id}`"
    if reason == Reason.WRONG_VERSION:
        return RefusedError(
            f"another operator published {name} at the same time: look at it, then publish again"
        )
    if reason == Reason.NOT_AN_OPERATOR:
        return RefusedError(f"{name} is ignored: this key is not pinned in `[trust] operators`")
    return RefusedError(f"{name} is ignored by every gate ({reason}); correct it and publish again")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
