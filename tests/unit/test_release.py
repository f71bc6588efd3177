"""Every check before a release, each against a grant that is wrong in exactly this, made by a gate that was robbed of its key."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.processors.contract import Position, Record
from sluicegate.processors.grant_signature import sign_grants
from sluicegate.processors.release import Check, Post, Refusal, Released, examine
from sluicegate.processors.tables import Tables, apply_documents
from sluicegate.schemas import codec, document
from sluicegate.schemas.action import AccountName, Action
from sluicegate.schemas.approval import FrozenRequirement
from sluicegate.schemas.decision import Choice, Decision
from sluicegate.schemas.document import DocumentKind
from sluicegate.schemas.envelope import (
    PATH_HEADER,
    SIGNATURE_HEADER,
    Headers,
    envelope_digest,
    record_headers,
    sign,
)
from sluicegate.schemas.errors import RecordError
from sluicegate.schemas.fields import Wire
from sluicegate.schemas.grant import Grant, Signed
from sluicegate.schemas.ids import partition_of
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.testing.gate_driver import DEPLOYMENT, ISSUER, GateDriver, seeded_key

POLICY = """
version: 1
name: clinic
default: deny
reviews:
  dual: {groups: {privacy: 1, security: 1}, within: 30m, reason: required}
rules:
  - {id: reads-pass, on: [crm.read], effect: allow}
  - {id: exports-wait, on: [crm.export], effect: review, review: dual}
"""
PARTITIONS = 2
POST = Post(DEPLOYMENT, "crm", PARTITIONS)
LIFE_MS = 300_000


@dataclass
class World:
    """A gate with people around it, one grant that policy allowed and one that two people approved."""

    gate: GateDriver = field(default_factory=lambda: GateDriver(POLICY, partitions=PARTITIONS))

    def __post_init__(self) -> None:
        gate = self.gate
        for person, groups in {
            "ann": ["privacy"], "bob": ["security"], "cay": ["privacy", "security"], "olga": ["privacy", "security"],
            "dora": ["privacy"], "eve": [],
        }.items():  # fmt: skip
            gate.person(person, groups=groups, accounts=2)
        gate.agent("helper", owners=["olga"], delegators=["dora"])
        gate.agent("other", owners=["eve"])
        self.executor()
        gate.executor("mail", types=["mail.send"])
        gate.publish(
            DocumentKind.BRIDGE,
            "chat",
            document.Bridge(key=seeded_key("chat").public.text, issuers=("https://chat.test",)),
        )
        read = gate.submit("helper", "crm.read", {"id": 7})
        export = gate.submit("helper", "crm.export", {"rows": 10})
        gate.run()
        for login in ("ann", "bob"):
            gate.decide(login, gate.request(export), reason="looked at it")
            gate.run()
        self.allowed, self.approved = gate.grant(read), gate.grant(export)

    def executor(self, **changes: Any) -> None:
        """The executor's document."""
        floor = {"crm.export": document.Floor(groups={"privacy": 1}, quorum=2)}
        self.gate.executor(
            "crm",
            **{"types": ("crm.read", "crm.export"), "floor": floor, "grant_life_ms": LIFE_MS, **changes},
        )

    @property
    def now_ms(self) -> int:
        """The time at which grants were made."""
        return self.gate.driver.now_ms

    def tables(self) -> Tables:
        """What the executor reads: identities and controls."""
        topics = ("identities", "controls")
        records = [record for topic in topics for record in self.gate.driver.read(topic)]
        positions = {topic: len(self.gate.driver.read(topic)) for topic in topics}
        return apply_documents(Tables(), records, positions, frozenset(), self.gate.topology.trust)

    def record(self, grant: Grant, key: PrivateKey | None = None, **fields: Any) -> Record:
        """The grant as a gate would write it."""
        encoded = codec.encode(grant)
        (signature,) = sign_grants(key or self.gate.gate_key, [(encoded.payload_type, encoded.value)])
        headers = record_headers(
            kind="grant",
            payload_type=encoded.payload_type,
            id=grant.grant_id,
            subject=grant.action_id,
            source="/test",
            sig=signature.sig,
        )
        headers = (*headers, (PATH_HEADER, signature.path.encode()))
        position = Position("execution.crm", partition_of(grant.lane, PARTITIONS), 3)
        record = Record(position, self.now_ms, grant.lane.encode(), headers, encoded.value)
        return replace(record, **fields)

    def examine(self, record: Record, now_ms: int | None = None, post: Post = POST) -> Released | Refusal:
        """Ask the executor now."""
        return examine(record, self.tables(), post, self.now_ms if now_ms is None else now_ms)

    def action(self, grant: Grant | None = None) -> Action:
        """The action inside a grant."""
        signed = (grant or self.approved).action
        action = codec.decode(signed.payload_type, signed.value, {"action"})
        assert isinstance(action, Action)
        return action

    def decision(self, number: int = 0, signer: str | None = None, **changes: Any) -> Signed:
        """One of the decisions inside the approved grant, changed and signed again."""
        signed = self.approved.decisions[number]
        decision = codec.decode(signed.payload_type, signed.value, {"decision"})
        assert isinstance(decision, Decision)
        changed = decision.model_copy(update=changes)
        return signed_by(seeded_key(signer or changed.account.subject), changed)

    def by(self, *decisions: Signed, **changes: Any) -> Grant:
        """The approved grant resting on these decisions."""
        return self.approved.model_copy(update={"decisions": decisions, **changes})

    def acting(self, signer: str = "helper", *, base: Grant | None = None, **changes: Any) -> Grant:
        """A grant for a changed action with a digest that fits."""
        grant = base or self.allowed
        signed = signed_by(seeded_key(signer), self.action(grant).model_copy(update=changes))
        digest = envelope_digest(signed.payload_type, signed.value)
        return grant.model_copy(update={"action": signed, "action_digest": digest})


def signed_by(key: PrivateKey, model: Wire) -> Signed:
    """A record inside a grant."""
    encoded = codec.encode(model)
    return Signed(
        payload_type=encoded.payload_type,
        value=encoded.value,
        sig=sign(key, encoded.payload_type, encoded.value),
    )


def login(subject: str, issuer: str = ISSUER) -> AccountName:
    """One login."""
    return AccountName(issuer=issuer, subject=subject)


def without(headers: Headers, name: str) -> Headers:
    """Headers with one of them removed."""
    return tuple(pair for pair in headers if pair[0] != name)


@pytest.fixture
def world() -> World:
    """A world of its own for each test."""
    return World()


def test_what_policy_allowed_is_released(world: World) -> None:
    """A sound grant without decisions is released with its action."""
    released = world.examine(world.record(world.allowed))
    assert isinstance(released, Released)
    assert released.action.arguments == {"id": 7}


def test_what_people_approved_is_released(world: World) -> None:
    """A sound grant with the decisions it needs is released with its action."""
    released = world.examine(world.record(world.approved))
    assert isinstance(released, Released)
    assert released.grant == world.approved


def test_the_gates_own_record_is_released(world: World) -> None:
    """The very bytes and headers that the gate wrote are released, signed as one of several grants."""
    records = world.gate.driver.read("execution.crm")
    assert [type(world.examine(record)) for record in records] == [Released, Released]


GrantAttack = Callable[[World], Grant]

FORGED_GRANTS: list[tuple[str, GrantAttack, Check]] = [
    ("another deployment", lambda w: w.allowed.model_copy(update={"deployment": "production"}), Check.WRONG_DEPLOYMENT),
    ("newer tables", lambda w: w.allowed.model_copy(update={"tables": {"identities": 99}}), Check.TABLES_BEHIND),
    ("d9: another executor", lambda w: w.allowed.model_copy(update={"executor": "mail"}), Check.NOT_THE_AUDIENCE),
    ("a type of another executor", lambda w: w.allowed.model_copy(update={"type": "mail.send"}), Check.NO_ROUTE),
    ("a type nobody routes", lambda w: w.allowed.model_copy(update={"type": "crm.drop"}), Check.NO_ROUTE),
    ("expired", lambda w: w.allowed.model_copy(update={"expires_at_ms": w.now_ms}), Check.GRANT_EXPIRED),
    (
        "d15: a life beyond the executor's document",
        lambda w: w.allowed.model_copy(update={"expires_at_ms": w.allowed.issued_at_ms + LIFE_MS + 1}),
        Check.LIFE_TOO_LONG,
    ),
    (
        "d15: issued in the future to live longer",
        lambda w: w.allowed.model_copy(
            update={"issued_at_ms": w.now_ms + 10**9, "expires_at_ms": w.now_ms + 10**9 + 1}
        ),
        Check.LIFE_TOO_LONG,
    ),
    (
        "d2: the action swapped after approval",
        lambda w: w.approved.model_copy(update={"action": w.acting(base=w.approved, arguments={"rows": 10**6}).action}),
        Check.ACTION_ALTERED,
    ),
    ("d11: an edit keeps the approval", lambda w: w.acting(base=w.approved, arguments={"rows": 9}), Check.OTHER_DECISION),
    ("an action of another deployment", lambda w: w.acting(deployment="production"), Check.OTHER_ACTION),
    ("an action with another id", lambda w: w.acting(action_id="another"), Check.OTHER_ACTION),
    ("an action of another type", lambda w: w.acting(type="crm.export"), Check.OTHER_ACTION),
    ("an action on another lane", lambda w: w.acting(lane="elsewhere"), Check.OTHER_ACTION),
    ("an action of another agent", lambda w: w.acting("other", agent="other"), Check.OTHER_ACTION),
    ("a15: an action signed by another agent", lambda w: w.acting("other"), Check.ACTION_NOT_THE_AGENTS),
    ("a15: an action signed by the gate", lambda w: w.acting("gate"), Check.ACTION_NOT_THE_AGENTS),
    (
        "an agent nobody enrolled",
        lambda w: w.acting("ghost", agent="ghost", lane="helper").model_copy(update={"agent": "ghost"}),
        Check.ACTION_NOT_THE_AGENTS,
    ),
    (
        "a decision in place of the action",
        lambda w: w.approved.model_copy(
            update={
                "action": w.approved.decisions[0],
                "action_digest": envelope_digest(w.approved.decisions[0].payload_type, w.approved.decisions[0].value),
            }
        ),
        Check.ACTION_UNREADABLE,
    ),
    ("d10: no requirement and no people", lambda w: w.acting(type="crm.export").model_copy(update={"type": "crm.export"}), Check.FLOOR),
    ("decisions nobody asked for", lambda w: w.approved.model_copy(update={"requirement": None}), Check.WITHOUT_REQUEST),
    ("a requirement without request", lambda w: w.approved.model_copy(update={"request_id": None}), Check.WITHOUT_REQUEST),
    (
        "a request without requirement",
        lambda w: w.allowed.model_copy(update={"request_id": "rq-1"}),
        Check.WITHOUT_REQUEST,
    ),
    ("no decisions", lambda w: w.by(), Check.QUORUM_NOT_MET),
    ("one decision of two", lambda w: w.by(w.approved.decisions[0]), Check.QUORUM_NOT_MET),
    (
        "d10: a weaker requirement beside the floor",
        lambda w: w.by(
            w.approved.decisions[0],
            requirement=FrozenRequirement(groups={"privacy": 1}, quorum=1, deadline_ms=w.now_ms, reason_required=False, mask="x"),
        ),
        Check.FLOOR,
    ),
    (
        "a requirement that asks no group",
        lambda w: w.by(
            *w.approved.decisions,
            requirement=FrozenRequirement(groups={}, quorum=1, deadline_ms=w.now_ms, reason_required=False, mask="x"),
        ),
        Check.NOT_IN_GROUP,
    ),
    ("d1: a decision about another request", lambda w: w.by(w.decision(request_id="rq-other"), w.decision(1)), Check.OTHER_DECISION),
    ("d1: a decision about another action", lambda w: w.by(w.decision(action_id="other"), w.decision(1)), Check.OTHER_DECISION),
    ("d1: a decision about other bytes", lambda w: w.by(w.decision(action_digest=bytes(32)), w.decision(1)), Check.OTHER_DECISION),
    ("a decision for another deployment", lambda w: w.by(w.decision(deployment="staging"), w.decision(1)), Check.OTHER_DECISION),
    ("a decision about another agent", lambda w: w.by(w.decision(agent="other"), w.decision(1)), Check.OTHER_DECISION),
    ("d3: another view", lambda w: w.by(w.decision(view_digest=bytes(32)), w.decision(1)), Check.OTHER_VIEW),
    ("a rejection", lambda w: w.by(w.decision(choice=Choice.REJECT), w.decision(1)), Check.NOT_APPROVED),
    ("no reason", lambda w: w.by(w.decision(reason=None), w.decision(1)), Check.REASON_MISSING),
    ("an empty reason", lambda w: w.by(w.decision(reason="  "), w.decision(1)), Check.REASON_MISSING),
    ("a2: the owner decides", lambda w: w.by(w.decision(account=login("olga")), w.decision(1)), Check.OWN_ACTION),
    ("a1: the owner's second login", lambda w: w.by(w.decision(account=login("olga-2")), w.decision(1)), Check.OWN_ACTION),
    ("a delegator decides", lambda w: w.by(w.decision(account=login("dora")), w.decision(1)), Check.OWN_ACTION),
    (
        "somebody the gate excluded decides",
        lambda w: w.by(*w.approved.decisions, excluded=("ann",)),
        Check.OWN_ACTION,
    ),
    (
        "a person outside the groups",
        lambda w: w.by(w.decision(account=login("eve")), w.decision(1)),
        Check.NOT_IN_GROUP,
    ),
    ("a login nobody enrolled", lambda w: w.by(w.decision(signer="ann", account=login("zed")), w.decision(1)), Check.DECISION_NOT_TRUSTED),
    ("a11: a login of another issuer", lambda w: w.by(w.decision(account=login("ann", "https://x.test")), w.decision(1)), Check.DECISION_NOT_TRUSTED),
    ("somebody signs for another", lambda w: w.by(w.decision(signer="bob"), w.decision(1)), Check.DECISION_NOT_TRUSTED),
    ("a4: the agent signs a decision", lambda w: w.by(w.decision(signer="helper"), w.decision(1)), Check.DECISION_NOT_TRUSTED),
    ("a bridge of another issuer", lambda w: w.by(w.decision(signer="chat"), w.decision(1)), Check.DECISION_NOT_TRUSTED),
    ("d10: the gate signs the decisions", lambda w: w.by(w.decision(signer="gate"), w.decision(1, signer="gate")), Check.DECISION_NOT_TRUSTED),
    ("an unknown key signs", lambda w: w.by(w.decision(signer="nobody"), w.decision(1)), Check.DECISION_NOT_TRUSTED),
    ("a16: an action in place of a decision", lambda w: w.by(w.approved.action, w.decision(1)), Check.DECISION_UNREADABLE),
    ("d7: one decision twice", lambda w: w.by(w.decision(), w.decision()), Check.SAME_PERSON),
    ("a6: one person under two logins", lambda w: w.by(w.decision(account=login("cay")), w.decision(account=login("cay-2"))), Check.SAME_PERSON),
    (
        "an action on behalf of somebody unknown",
        lambda w: w.acting(base=w.approved, on_behalf_of=login("stranger")),
        Check.UNKNOWN_ORIGIN,
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("alter", "check"), [row[1:] for row in FORGED_GRANTS], ids=[row[0] for row in FORGED_GRANTS]
)
def test_a_grant_that_a_stolen_gate_key_forged_is_refused(
    world: World, alter: GrantAttack, check: Check
) -> None:
    """Whatever a gate's own key signs, the first check that fails names the forgery and nothing is released."""
    grant = alter(world)
    refusal = world.examine(world.record(grant))
    assert refusal == Refusal(check, grant)


RecordAttack = Callable[[World], Record]

FORGED_RECORDS: list[tuple[str, RecordAttack, Check]] = [
    ("d10: signed by an agent", lambda w: w.record(w.allowed, seeded_key("helper")), Check.UNKNOWN_SIGNER),
    ("signed by an operator", lambda w: w.record(w.allowed, w.gate.operator), Check.UNKNOWN_SIGNER),
    ("signed by nobody known", lambda w: w.record(w.allowed, seeded_key("nobody")), Check.UNKNOWN_SIGNER),
    (
        "a15: the gate's key id on another key's signature",
        lambda w: replace(w.record(w.allowed), headers=_renamed_signature(w)),
        Check.BAD_SIGNATURE,
    ),
    (
        "d2: the path of another grant",
        lambda w: replace(w.record(w.allowed), headers=w.record(w.approved).headers),
        Check.BAD_SIGNATURE,
    ),
    ("without path", lambda w: replace(w.record(w.allowed), headers=without(w.record(w.allowed).headers, PATH_HEADER)), Check.BAD_SIGNATURE),
    ("without signature", lambda w: replace(w.record(w.allowed), headers=without(w.record(w.allowed).headers, SIGNATURE_HEADER)), Check.UNSIGNED),
    (
        "p8: two signatures",
        lambda w: replace(w.record(w.allowed), headers=(*w.record(w.allowed).headers, (SIGNATURE_HEADER, b"x"))),
        Check.UNREADABLE,
    ),
    ("no value", lambda w: replace(w.record(w.allowed), value=None), Check.BAD_SIGNATURE),
    ("d8: a copy on another partition", lambda w: replace(w.record(w.allowed), position=Position("execution.crm", 1 - w.record(w.allowed).position.partition, 0)), Check.WRONG_PARTITION),
    ("another key", lambda w: replace(w.record(w.allowed), key=b"elsewhere"), Check.WRONG_PARTITION),
]  # fmt: skip


def _renamed_signature(world: World) -> Headers:
    headers = world.record(world.allowed, seeded_key("nobody")).headers
    sig = next(value for name, value in headers if name == SIGNATURE_HEADER) or b""
    forged = world.gate.gate_key.key_id.encode() + sig[16:]
    return tuple((name, forged if name == SIGNATURE_HEADER else value) for name, value in headers)


@pytest.mark.parametrize(
    ("alter", "check"), [row[1:] for row in FORGED_RECORDS], ids=[row[0] for row in FORGED_RECORDS]
)
def test_a_record_that_no_gate_wrote_so_is_refused(world: World, alter: RecordAttack, check: Check) -> None:
    """Signer, signature and place are checked before anything the grant says."""
    refusal = world.examine(alter(world))
    assert isinstance(refusal, Refusal)
    assert refusal.check is check


def _revoke(world: World, **fields: Any) -> None:
    world.gate.publish(
        DocumentKind.REVOCATION, "r", document.Revocation(**{"from_ms": world.now_ms, **fields})
    )


def _publish_pause(world: World, **fields: Any) -> None:
    world.gate.publish(DocumentKind.PAUSE, "p", document.Pause(**fields))


STOPS: list[tuple[str, Callable[[World], None], Check]] = [
    ("everything paused", _publish_pause, Check.PAUSED),
    ("the type paused", lambda w: _publish_pause(w, action_type="crm.export"), Check.PAUSED),
    ("the executor paused", lambda w: _publish_pause(w, executor="crm"), Check.PAUSED),
    ("the agent paused", lambda w: _publish_pause(w, agent="helper"), Check.PAUSED),
    ("the grant revoked", lambda w: _revoke(w, grant_id=w.approved.grant_id), Check.REVOKED_GRANT),
    ("the gate's key revoked", lambda w: _revoke(w, key_id=w.gate.gate_key.key_id), Check.REVOKED_SIGNER),
    ("a14: the agent's key revoked", lambda w: _revoke(w, key_id=seeded_key("helper").key_id), Check.ACTION_NOT_THE_AGENTS),
    ("a reviewer's key revoked", lambda w: _revoke(w, key_id=seeded_key("ann").key_id), Check.DECISION_NOT_TRUSTED),
    ("the executor's key revoked", lambda w: _revoke(w, key_id=seeded_key("crm").key_id), Check.REVOKED_EXECUTOR),
    ("the gate retired", lambda w: _retire(w, DocumentKind.GATE, "gate", document.Gate(key=w.gate.gate_key.public.text, retired=True)), Check.UNKNOWN_SIGNER),
    ("the executor retired", lambda w: w.executor(retired=True), Check.NO_ROUTE),
    ("the type routed elsewhere as well", lambda w: w.gate.executor("mail", types=["crm.export"]), Check.NO_ROUTE),
    ("a shorter life", lambda w: w.executor(grant_life_ms=1_000), Check.LIFE_TOO_LONG),
    ("a higher floor", lambda w: w.executor(floor={"crm.export": document.Floor(quorum=3)}), Check.FLOOR),
    ("a floor of another group", lambda w: w.executor(floor={"crm.export": document.Floor(groups={"board": 1})}), Check.FLOOR),
    ("a reviewer retired", lambda w: _retire(w, DocumentKind.PERSON, "ann", document.Person(retired=True)), Check.UNKNOWN_PERSON),
    ("a8: a reviewer left the group", lambda w: _retire(w, DocumentKind.GROUP, "privacy", document.Group(members=("cay",))), Check.NOT_IN_GROUP),
    ("a reviewer became an owner", lambda w: w.gate.agent("helper", owners=["ann"]), Check.OWN_ACTION),
    ("the agent moved to another lane", lambda w: w.gate.agent("helper", owners=["olga"], lane="elsewhere"), Check.ACTION_NOT_THE_AGENTS),
]  # fmt: skip


def _retire(world: World, kind: DocumentKind, name: str, body: Wire) -> None:
    world.gate.publish(kind, name, body)


@pytest.mark.parametrize(("stop", "check"), [row[1:] for row in STOPS], ids=[row[0] for row in STOPS])
def test_d13_what_operators_say_between_grant_and_act_counts(
    world: World, stop: Callable[[World], None], check: Check
) -> None:
    """A sound grant is refused once operators have taken back what it rests on."""
    assert isinstance(world.examine(world.record(world.approved)), Released)
    stop(world)
    assert world.examine(world.record(world.approved)) == Refusal(check, world.approved)


@pytest.mark.parametrize("early_ms", [-1, 0, 1])
def test_a_grant_ends_at_its_expiry_to_the_millisecond(world: World, early_ms: int) -> None:
    """Released before the expiry, refused at it and after it."""
    answer = world.examine(world.record(world.allowed), world.allowed.expires_at_ms - early_ms)
    assert isinstance(answer, Released) is (early_ms > 0)


def test_a_lifted_pause_releases_again(world: World) -> None:
    """A pause holds while it is active, no longer."""
    _publish_pause(world)
    _publish_pause(world, active=False)
    assert isinstance(world.examine(world.record(world.approved)), Released)


def test_a_bridge_carries_decisions_of_its_own_issuer(world: World) -> None:
    """A decision signed by a bridge counts for a login whose issuer the bridge serves."""
    account = login("U1", "https://chat.test")
    world.gate.publish(DocumentKind.ACCOUNT, "ann-chat", document.Account(account=account, person="ann"))
    grant = world.by(world.decision(signer="chat", account=account), world.decision(1))
    assert isinstance(world.examine(world.record(grant)), Released)


def test_every_check_has_its_sentence() -> None:
    """A refusal can be told in words, whichever check it was."""
    assert all(Refusal(check).reason for check in Check)


ONE_WORLD = World()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_d2_no_flipped_bit_is_released(data: st.DataObject) -> None:
    """Flip any bit of the value, the signature, the path or the payload type: nothing is released."""
    world = ONE_WORLD
    record = world.record(data.draw(st.sampled_from([world.allowed, world.approved])))
    part = data.draw(st.sampled_from(["value", SIGNATURE_HEADER, PATH_HEADER, "content-type"]))
    content = record.value if part == "value" else dict(record.headers)[part]
    assert content
    bit = data.draw(st.integers(0, len(content) * 8 - 1))
    flipped = bytearray(content)
    flipped[bit // 8] ^= 1 << bit % 8
    if part == "value":
        altered = replace(record, value=bytes(flipped))
    else:
        headers = tuple((name, bytes(flipped) if name == part else value) for name, value in record.headers)
        altered = replace(record, headers=headers)
    assert isinstance(world.examine(altered), Refusal)


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=200),
    st.lists(st.tuples(st.sampled_from(["sig", "sig-path", "content-type"]), st.binary(max_size=90))),
)
def test_any_bytes_end_in_a_refusal(value: bytes, headers: list[tuple[str, bytes]]) -> None:
    """No record raises, and none that was not signed is released."""
    record = replace(ONE_WORLD.record(ONE_WORLD.allowed), value=value, headers=tuple(headers))
    assert isinstance(ONE_WORLD.examine(record), Refusal)


def test_the_world_signs_what_it_says() -> None:
    """The forgeries are readable: they are refused for what they say, not for being broken."""
    encoded = codec.encode(ONE_WORLD.approved)
    assert codec.decode(encoded.payload_type, encoded.value, {"grant"}) == ONE_WORLD.approved
    with pytest.raises(RecordError):
        codec.decode(encoded.payload_type, encoded.value, {"action"})
