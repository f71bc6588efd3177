"""Documents of operators folded into tables: what counts, what is ignored, and that an ignored one changes nothing."""

from typing import Any

import pytest

from sluicegate.processors.contract import Position, Record
from sluicegate.processors.directory import SignerKind
from sluicegate.processors.events import Reason
from sluicegate.processors.tables import Tables, Trust, apply_documents
from sluicegate.schemas import codec, document
from sluicegate.schemas.action import AccountName
from sluicegate.schemas.document import Document, DocumentKind
from sluicegate.schemas.envelope import record_headers, sign
from sluicegate.schemas.fields import Wire
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.testing.gate_driver import seeded_key

OPERATOR = seeded_key("operator")
TRUST = Trust("test", {OPERATOR.key_id: OPERATOR.public})
POLICY = """
version: 1
name: {name}
default: deny
rules:
  - {{id: reads-pass, on: [crm.read], effect: allow}}
"""


class Operator:
    """Publishes documents one after the other and folds them at once."""

    def __init__(self) -> None:
        self.tables = Tables()
        self._next = {"policies": 0, "identities": 0, "controls": 0}
        self._versions: dict[tuple[str, str], int] = {}

    def say(
        self,
        subject: DocumentKind,
        name: str,
        body: Wire | dict[str, Any],
        *,
        version: int | None = None,
        key: PrivateKey = OPERATOR,
        topic: str | None = None,
        deployment: str = "test",
    ) -> Reason | None:
        """Fold one document; the reason when it is ignored."""
        wanted = version or self._versions.get((subject.value, name), 0) + 1
        statement = Document(
            deployment=deployment,
            subject=subject,
            id=name,
            version=wanted,
            issued_at_ms=1,
            body=body.model_dump(mode="json") if isinstance(body, Wire) else body,
        )
        encoded = codec.encode(statement)
        headers = record_headers(
            kind="document",
            payload_type=encoded.payload_type,
            id=name,
            subject=name,
            source="/test",
            sig=sign(key, encoded.payload_type, encoded.value),
        )
        reason = self.fold(topic or subject.topic, encoded.value, headers)
        if reason is None:
            self._versions[subject.value, name] = wanted
        return reason

    def fold(self, topic: str, value: bytes, headers: Any) -> Reason | None:
        """Fold one record as it is."""
        record = Record(Position(topic, 0, self._next[topic]), 1, b"", headers, value)
        self._next[topic] += 1
        before = len(self.tables.ignored)
        self.tables = apply_documents(self.tables, [record], dict(self._next), frozenset(), TRUST)
        ignored = self.tables.ignored[before:]
        return Reason(ignored[0].reason) if ignored else None


def account(login: str, person: str, key: str | None = None) -> document.Account:
    """An account of a person."""
    text = None if key is None else seeded_key(key).public.text
    return document.Account(account=AccountName(issuer="https://i", subject=login), person=person, key=text)


def without_bookkeeping(tables: Tables) -> tuple[Any, ...]:
    """Everything that decides, without positions and the list of what was ignored."""
    return tables.directory, dict(tables.loaded), tables.controls, dict(tables.versions)


def test_a_document_counts_once_and_only_the_next_version() -> None:
    """Versions go up by one: an older, equal or skipped version is ignored (Q1)."""
    operator = Operator()
    assert operator.say(DocumentKind.PERSON, "p-a", document.Person(name="A")) is None
    for version in (1, 3, 9):
        assert (
            operator.say(DocumentKind.PERSON, "p-a", document.Person(), version=version)
            is Reason.WRONG_VERSION
        )
    assert operator.tables.directory.persons["p-a"].name == "A"


def test_q1_an_older_policy_sent_again_does_not_come_back() -> None:
    """The bytes of an older policy, signed by the operator, are ignored once a newer one is in force."""
    operator = Operator()
    operator.say(DocumentKind.POLICY, "p", document.PolicyText(text=POLICY.format(name="old")))
    operator.say(DocumentKind.POLICY, "p", document.PolicyText(text=POLICY.format(name="new")))
    old = document.PolicyText(text=POLICY.format(name="old"))
    assert operator.say(DocumentKind.POLICY, "p", old, version=1) is Reason.WRONG_VERSION
    assert operator.tables.loaded["p"].name == "new"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key": seeded_key("mallory")}, Reason.NOT_AN_OPERATOR),
        ({"topic": "policies"}, Reason.WRONG_TOPIC),
        ({"deployment": "production"}, Reason.WRONG_DEPLOYMENT),
    ],
)
def test_a_document_that_cannot_be_trusted_is_ignored(changes: dict[str, Any], reason: Reason) -> None:
    """Only a pinned operator speaks, for this deployment, on the topic of the subject."""
    operator = Operator()
    assert operator.say(DocumentKind.PERSON, "p-a", document.Person(), **changes) is reason
    assert not operator.tables.directory.persons


@pytest.mark.parametrize("value", [b"", b"\x00", b"\xff" * 100, b"{}", b"[" * 1000])
def test_bytes_that_are_no_document_are_ignored(value: bytes) -> None:
    """Whatever stands on a table topic, folding never raises."""
    operator = Operator()
    for headers in ((), (("sig", b"x"),), (("content-type", b"application/json"), ("sig", b"a:b"))):
        for topic in ("policies", "identities", "controls"):
            assert operator.fold(topic, value, headers) is not None


def test_two_policies_of_one_name_do_not_stop_the_gate() -> None:
    """A second document whose text has the name of a loaded policy is ignored; the first stays in force."""
    operator = Operator()
    text = document.PolicyText(text=POLICY.format(name="clinic"))
    assert operator.say(DocumentKind.POLICY, "one", text) is None
    assert operator.say(DocumentKind.POLICY, "two", text) is Reason.POLICY_INVALID
    assert set(operator.tables.loaded) == {"one"}
    assert operator.say(DocumentKind.POLICY, "one", text) is None


@pytest.mark.parametrize("name", ["CRM", "crm.eu", "crm/eu", "c" * 64, "a@b", "a_b"])
def test_an_executor_whose_name_no_topic_can_carry_is_ignored(name: str) -> None:
    """An executor's name is part of a topic: one that no grant could name gets no route."""
    operator = Operator()
    body = document.Executor(key=seeded_key("x").public.text, types=("crm.read",))
    assert operator.say(DocumentKind.EXECUTOR, name, body) is Reason.INVALID_BODY
    assert operator.tables.directory.executors_for("crm.read") == ()
    assert not operator.tables.directory.signers


def test_an_ignored_account_changes_no_key() -> None:
    """Taking another account's login is ignored as a whole: the old key still speaks, the new one does not."""
    operator = Operator()
    for person in ("p-a", "p-b"):
        operator.say(DocumentKind.PERSON, person, document.Person())
        operator.say(DocumentKind.ACCOUNT, person, account(person, person, person))
    before = without_bookkeeping(operator.tables)
    assert operator.say(DocumentKind.ACCOUNT, "p-b", account("p-a", "p-b", "fresh")) is Reason.KEY_IN_USE
    assert without_bookkeeping(operator.tables) == before
    assert operator.tables.directory.signer(seeded_key("fresh").key_id) is None


def test_a_key_belongs_to_one_subject() -> None:
    """A key of one kind of signer cannot become another's, nor can an operator's."""
    operator = Operator()
    operator.say(DocumentKind.ACCOUNT, "a", account("a", "p-a", "shared"))
    shared = seeded_key("shared").public.text
    for subject, body in (
        (DocumentKind.AGENT, document.Agent(key=shared, owners=("p-a",))),
        (DocumentKind.EXECUTOR, document.Executor(key=shared, types=())),
        (DocumentKind.BRIDGE, document.Bridge(key=shared, issuers=())),
        (DocumentKind.GATE, document.Gate(key=shared)),
        (DocumentKind.GATE, document.Gate(key=OPERATOR.public.text)),
    ):
        assert operator.say(subject, "x", body) is Reason.KEY_IN_USE
    signer = operator.tables.directory.signer(seeded_key("shared").key_id)
    assert signer is not None
    assert (signer.kind, signer.id) == (SignerKind.ACCOUNT, "a")


def test_a_new_key_ends_the_old_one_and_retirement_ends_both() -> None:
    """After a rotation only the new key speaks; after retirement none does."""
    operator = Operator()
    for key, retired in (("one", False), ("two", False), ("two", True)):
        body = document.Agent(key=seeded_key(key).public.text, owners=("p",), retired=retired)
        assert operator.say(DocumentKind.AGENT, "ops", body) is None
        known = {signer.key.key_id for signer in operator.tables.directory.signers.values()}
        assert known == (set() if retired else {seeded_key(key).key_id})


def test_a_policy_that_does_not_load_keeps_the_one_before() -> None:
    """A broken text is ignored; so is its version."""
    operator = Operator()
    operator.say(DocumentKind.POLICY, "p", document.PolicyText(text=POLICY.format(name="good")))
    assert (
        operator.say(DocumentKind.POLICY, "p", document.PolicyText(text="version: ["))
        is Reason.POLICY_INVALID
    )
    assert operator.tables.loaded["p"].name == "good"
    assert operator.say(DocumentKind.POLICY, "p", document.PolicyText(text="", retired=True)) is None
    assert not operator.tables.loaded


def test_what_is_folded_at_once_is_what_is_folded_one_by_one() -> None:
    """How a backlog is cut into batches changes nothing."""
    operator = Operator()
    records: list[Record] = []
    fold = operator.fold

    def recording(topic: str, value: bytes, headers: Any) -> Reason | None:
        records.append(Record(Position(topic, 0, operator._next[topic]), 1, b"", headers, value))
        return fold(topic, value, headers)

    operator.fold = recording  # type: ignore[method-assign]
    operator.say(DocumentKind.PERSON, "p-a", document.Person())
    operator.say(DocumentKind.ACCOUNT, "a", account("a", "p-a", "a"))
    operator.say(DocumentKind.ACCOUNT, "b", account("a", "p-a", "b"))
    operator.say(DocumentKind.POLICY, "p", document.PolicyText(text=POLICY.format(name="good")))
    operator.say(DocumentKind.PAUSE, "stop", document.Pause(agent="ops"))
    at_once = apply_documents(Tables(), records, operator.tables.positions, frozenset(), TRUST)
    one, two = without_bookkeeping(at_once), without_bookkeeping(operator.tables)
    assert one[0] == two[0]
    assert {n: p.digest for n, p in one[1].items()} == {n: p.digest for n, p in two[1].items()}
    assert one[2:] == two[2:]
    assert at_once.ignored == operator.tables.ignored
