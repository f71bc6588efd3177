"""The global tables: documents of operators folded into who is who, what is allowed, and what is stopped.

Sources: policies, identities, controls (one partition each).  Sinks: audit (ignored documents, at adoption).

A document counts when a pinned operator signed exactly these bytes, it names this deployment, stands on the topic of its
subject, and its version is the last one plus one. Anything else is ignored, with an entry. A policy or masking profile that
does not load keeps the version before it in force.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from sluicegate.schemas import codec, document
from sluicegate.schemas.audit import IgnoredDocument
from sluicegate.schemas.document import BODIES, Body, Document, DocumentKind
from sluicegate.schemas.envelope import signed_part, split_signature, verify
from sluicegate.schemas.errors import ConfigurationError, PolicyError, RecordError, SignatureError
from sluicegate.schemas.keys import PublicKey

from .contract import Record
from .controls import Controls
from .directory import Directory, Signer, SignerKind, account_key
from .events import Reason
from .policy import Policy, PolicySet, load

if TYPE_CHECKING:
    from .masking.profile import Profile

TABLE_TOPICS: tuple[str, ...] = ("policies", "identities", "controls")
"""In the order in which they are applied."""

_MAPS: dict[DocumentKind, str] = {
    DocumentKind.PERSON: "persons",
    DocumentKind.ACCOUNT: "accounts",
    DocumentKind.GROUP: "groups",
    DocumentKind.AGENT: "agents",
    DocumentKind.EXECUTOR: "executors",
    DocumentKind.BRIDGE: "bridges",
    DocumentKind.GATE: "gates",
    DocumentKind.PIPELINE: "pipelines",
}
_KEYED: dict[DocumentKind, SignerKind] = {
    DocumentKind.ACCOUNT: SignerKind.ACCOUNT,
    DocumentKind.AGENT: SignerKind.AGENT,
    DocumentKind.BRIDGE: SignerKind.BRIDGE,
    DocumentKind.EXECUTOR: SignerKind.EXECUTOR,
    DocumentKind.GATE: SignerKind.GATE,
    DocumentKind.PIPELINE: SignerKind.PIPELINE,
}
_NAMED_AS_SOURCES = frozenset({DocumentKind.EXECUTOR, DocumentKind.PIPELINE})
_EXECUTOR_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
"""As `fields.ExecutorName`: the name is part of a topic, a group and a transactional id."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What settings pin and no topic can change: the deployment's name and the operators' public keys by key id."""

    deployment: str
    operators: Mapping[str, PublicKey]


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything operators have said, up to `positions` (the next offset per table topic)."""

    directory: Directory = field(default_factory=Directory)
    policies: PolicySet = field(default_factory=lambda: PolicySet(()))
    controls: Controls = field(default_factory=Controls)
    versions: Mapping[tuple[str, str], int] = field(default_factory=dict)
    loaded: Mapping[str, Policy] = field(default_factory=dict)
    profiles: "Mapping[str, Profile]" = field(default_factory=dict)
    positions: Mapping[str, int] = field(default_factory=dict)
    reachable: frozenset[str] = frozenset()
    ignored: tuple[IgnoredDocument, ...] = ()


@dataclass(frozen=True, slots=True)
class OperatorTables:
    """What operators say, as tables of whoever reads it all: nobody and nothing at first, then document by document."""

    trust: Trust

    table_topics = TABLE_TOPICS

    def no_tables(self) -> Tables:
        """Nobody, nothing allowed, nothing stopped."""
        return Tables()

    def apply(
        self,
        tables: Tables,
        records: Sequence[Record],
        positions: Mapping[str, int],
        reachable: frozenset[str],
    ) -> Tables:
        """Tables after these documents."""
        return apply_documents(tables, records, positions, reachable, self.trust)

    def executors(self, tables: Tables) -> frozenset[str]:
        """Nobody: who writes no grants needs no route."""
        del tables
        return frozenset()


def apply_documents(
    tables: Tables,
    records: Sequence[Record],
    positions: Mapping[str, int],
    reachable: frozenset[str],
    trust: Trust,
) -> Tables:
    """Tables after these records, in the order given."""
    fold = _Fold(tables, trust)
    for record in records:
        fold.take(record)
    return replace(fold.result(), positions=dict(positions), reachable=reachable)


class _Ignored(Exception):  # noqa: N818  # a way out of the fold, never seen outside
    """This document does not count."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class _Fold:
    """One pass over new documents: maps are copied once, not once per document."""

    def __init__(self, tables: Tables, trust: Trust) -> None:
        self._before = tables
        self._trust = trust
        self._maps: dict[str, dict[str, Any]] = {
            name: dict(getattr(tables.directory, name)) for name in _MAPS.values()
        }
        self._signers = dict(tables.directory.signers)
        self._versions = dict(tables.versions)
        self._loaded = dict(tables.loaded)
        self._profiles = dict(tables.profiles)
        self._controls = tables.controls
        self._ignored = list(tables.ignored)

    def take(self, record: Record) -> None:
        """Apply one document or note why it is ignored."""
        try:
            self._apply(record)
        except _Ignored as ignored:
            place = record.position
            self._ignored.append(
                IgnoredDocument(topic=place.topic, offset=place.offset, reason=ignored.reason)
            )

    def result(self) -> Tables:
        """The folded tables, with what is derived from them."""
        accounts, executors = self._maps["accounts"], self._maps["executors"]
        routes: dict[str, tuple[str, ...]] = {}
        for name, executor in sorted(executors.items()):
            for action_type in () if executor.retired else executor.types:
                routes[action_type] = (*routes.get(action_type, ()), name)
        directory = Directory(
            **self._maps,
            signers=self._signers,
            logins={account_key(account.account): name for name, account in accounts.items()},
            routes=routes,
            releasing=frozenset(
                name for name, agent in self._maps["agents"].items() if agent.releases and not agent.retired
            ),
        )
        policies = self._before.policies
        if self._loaded != self._before.loaded:
            policies = PolicySet(tuple(self._loaded[name] for name in sorted(self._loaded)))
        return replace(
            self._before,
            directory=directory,
            policies=policies,
            loaded=self._loaded,
            profiles=self._profiles,
            controls=self._controls,
            versions=self._versions,
            ignored=tuple(self._ignored),
        )

    def _apply(self, record: Record) -> None:
        statement = _read(record, self._trust)
        if statement.subject.topic != record.position.topic:
            raise _Ignored(Reason.WRONG_TOPIC)
        subject = (statement.subject.value, statement.id)
        if statement.version != self._versions.get(subject, 0) + 1:
            raise _Ignored(Reason.WRONG_VERSION)
        body = _body(statement)
        self._put(statement, body)
        self._versions[subject] = statement.version

    def _put(self, statement: Document, body: Body) -> None:
        match body:
            case document.PolicyText():
                self._load(statement.id, body)
            case document.ProfileText():
                self._load_profile(statement.id, body)
            case document.Pause() | document.Revocation():
                self._controls = self._controls.after(statement.id, body)
            case _:
                self._enrol(statement, body)

    def _load(self, name: str, body: document.PolicyText) -> None:
        if body.retired:
            self._loaded.pop(name, None)
            return
        try:
            policy = load(body.text, source=name)
        except PolicyError:
            raise _Ignored(Reason.POLICY_INVALID) from None
        # Rules are named `policy/rule`: two documents with one policy name could not be told apart.
        if any(other != name and loaded.name == policy.name for other, loaded in self._loaded.items()):
            raise _Ignored(Reason.POLICY_INVALID)
        self._loaded[name] = policy

    def _load_profile(self, name: str, body: document.ProfileText) -> None:
        # Executors fold documents too, but no profiles, and do without what reads them.
        from .masking.profile import BUILT_IN, load_profile  # noqa: PLC0415

        # INVARIANT: what a built-in profile promises is not for documents to change.
        if name in BUILT_IN:
            raise _Ignored(Reason.PROFILE_INVALID)
        if body.retired:
            self._profiles.pop(name, None)
            return
        try:
            profile = load_profile(body.text, source=name)
        except ConfigurationError:
            raise _Ignored(Reason.PROFILE_INVALID) from None
        # Grants and streams name the profile, operators the document: one name for both, or nobody knows which is meant.
        if profile.name != name:
            raise _Ignored(Reason.PROFILE_INVALID)
        self._profiles[name] = profile

    def _enrol(self, statement: Document, body: Body) -> None:
        name = statement.id
        if statement.subject in _NAMED_AS_SOURCES and not _EXECUTOR_NAME.fullmatch(name):
            raise _Ignored(Reason.INVALID_BODY)
        if isinstance(body, document.Account):
            # INVARIANT: one login, one person: a second document for the same login would be a second person behind it.
            for other, account in self._maps["accounts"].items():
                if other != name and account_key(account.account) == account_key(body.account):
                    raise _Ignored(Reason.KEY_IN_USE)
        owner = _KEYED.get(statement.subject)
        if owner is not None:
            # Last: a document that is ignored changes no key either.
            self._give_key(owner, name, cast("document.Account | document.Agent", body))
        self._maps[_MAPS[statement.subject]][name] = body

    def _give_key(self, kind: SignerKind, name: str, body: "document.Account | document.Agent") -> None:
        old = [key_id for key_id, signer in self._signers.items() if (signer.kind, signer.id) == (kind, name)]
        new = None
        if body.key is not None and not body.retired:
            new = _public_key(body.key)
            taken = self._signers.get(new.key_id)
            if taken is not None and (taken.kind, taken.id) != (kind, name):
                raise _Ignored(Reason.KEY_IN_USE)
            if new.key_id in self._trust.operators:
                raise _Ignored(Reason.KEY_IN_USE)
        for key_id in old:
            del self._signers[key_id]
        if new is not None:
            self._signers[new.key_id] = Signer(kind, name, new)


def _read(record: Record, trust: Trust) -> Document:
    try:
        signed = signed_part(record.headers, record.value or b"")
        key = trust.operators.get(split_signature(signed.sig)[0])
        if key is None:
            raise _Ignored(Reason.NOT_AN_OPERATOR)
        verify(key, signed)
        statement = codec.decode(signed.payload_type, signed.value, {"document"})
    except SignatureError:
        raise _Ignored(Reason.BAD_SIGNATURE) from None
    except RecordError:
        raise _Ignored(Reason.UNREADABLE) from None
    assert isinstance(statement, Document)  # noqa: S101  # decode was told this kind
    if statement.deployment != trust.deployment:
        raise _Ignored(Reason.WRONG_DEPLOYMENT)
    return statement


def _body(statement: Document) -> Body:
    try:
        return BODIES[statement.subject].model_validate(statement.body, strict=False)
    except ValidationError:
        raise _Ignored(Reason.INVALID_BODY) from None


def _public_key(text: str) -> PublicKey:
    try:
        return PublicKey.from_text(text)
    except ConfigurationError:
        raise _Ignored(Reason.INVALID_BODY) from None
