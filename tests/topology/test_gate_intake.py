"""Records that cannot be read or trusted: set aside and written down, nobody's action touched, the gate goes on."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from sluicegate.processors.gate.topology import GateTopology
from sluicegate.schemas import codec, document
from sluicegate.schemas.action import AccountName, Action
from sluicegate.schemas.decision import Decision
from sluicegate.schemas.document import DocumentKind
from sluicegate.schemas.envelope import Headers, record_headers, sign
from sluicegate.schemas.ids import partition_of
from sluicegate.schemas.keys import PrivateKey
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.testing import GateDriver
from sluicegate.streams.testing.gate_driver import DEPLOYMENT, ISSUER, seeded_key

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def outcomes_of_the_gate(gate: GateDriver) -> int:
    """How many outcomes were ever told."""
    return len(gate.driver.read("outcomes"))


def assert_dead(gate: GateDriver, topic: str, reason: str, produce: Callable[[], Any]) -> None:
    """Producing this ends as one dead letter with this reason and its entry; state and outcomes stay, and work goes on."""
    gate.run()
    state, told, dead = gate.driver.state(), outcomes_of_the_gate(gate), len(gate.dead_letters(topic))
    entries = len(gate.entries("record.dead-letter"))
    produce()
    gate.run()
    assert gate.driver.state() == state
    assert outcomes_of_the_gate(gate) == told
    letters = gate.dead_letters(topic)
    assert len(letters) == dead + 1
    assert reason in {letter for letter, _ in letters}
    fresh = gate.entries("record.dead-letter")
    assert len(fresh) == entries + 1
    assert any(entry.reason == reason and entry.leaf is not None for entry in fresh)
    after = gate.submit("other-agent", "crm.read")
    gate.run()
    assert gate.outcome(after).outcome is OutcomeKind.GRANTED


def raw(gate: GateDriver, topic: str, value: bytes, headers: Headers = (), key: bytes = b"ops-agent") -> None:
    """Bytes exactly as they are."""
    gate.driver.produce(topic, key, value, headers)


def signed_json(gate: GateDriver, topic: str, kind: str, text: bytes, signer: str = "ops-agent") -> None:
    """JSON text with a signature that holds over exactly these bytes."""
    payload_type = f"application/vnd.sluicegate.{kind}.v1+json"
    headers = record_headers(
        kind=kind,
        payload_type="application/json",
        id="r",
        subject="s",
        source="/test",
        sig=sign(seeded_key(signer), payload_type, text),
    )
    raw(gate, topic, text, headers)


def action_json(gate: GateDriver, **changes: Any) -> dict[str, Any]:
    """An action as JSON; None leaves a field out."""
    fields = json.loads(codec.encode_json(gate.action("ops-agent", "crm.read", {"id": 1})).value)
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


@pytest.mark.parametrize("topic", ["actions", "decisions", "receipts"])
@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (b"", (), "unreadable"),
        (b"\x00\xff\xfe random \x80", (), "unreadable"),
        (b"{}", (("content-type", b"application/json"),), "unreadable"),
        (b"{}", (("content-type", b"application/json"), ("ce_type", b"sluicegate.action.v1")), "unsigned"),
        (b"x", (("content-type", None), ("sig", None)), "unreadable"),
        (b"x", (("content-type", b"\xff"), ("sig", b"\xff")), "unreadable"),
        (b"x", (("content-type", b"application/vnd.sluicegate.action.v1+json"), ("sig", b"zz")), "unsigned"),
        (
            b"x",
            (
                ("content-type", b"application/vnd.sluicegate.action.v1+json"),
                ("sig", b"0123456789abcdef:AAAA"),
            ),
            "unknown-key",
        ),
        (b"x" * 300_000, (), "oversize"),
    ],
)
def test_p7_bytes_that_are_no_record_are_dead_letters(
    clinic: GateDriver, topic: str, value: bytes, headers: Headers, reason: str
) -> None:
    """Random, empty, unsigned, oversize: one dead letter and one entry each."""
    assert_dead(clinic, topic, reason, lambda: raw(clinic, topic, value, headers))


@pytest.mark.parametrize("topic", ["actions", "decisions", "receipts"])
def test_p7_a_record_without_key_value_and_headers_is_a_dead_letter(clinic: GateDriver, topic: str) -> None:
    """A tombstone without a key is consumed like everything else."""
    assert_dead(
        clinic, topic, "unreadable", lambda: clinic.driver.produce(topic, None, None, (), partition=1)
    )


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 60_000 + b"]" * 60_000,
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        b"{" * 200_000,
    ],
)
def test_p6_nested_json_is_a_dead_letter(clinic: GateDriver, text: bytes) -> None:
    """Deep nesting below the size limit is refused by the parser, not by the stack."""
    assert_dead(clinic, "actions", "unreadable", lambda: signed_json(clinic, "actions", "action", text))


def test_p6_two_megabytes_of_nested_json_are_a_dead_letter(clinic: GateDriver) -> None:
    """Too large is decided before anything is parsed."""
    text = b'{"a":' * 350_000 + b"1" + b"}" * 350_000
    assert_dead(clinic, "actions", "oversize", lambda: signed_json(clinic, "actions", "action", text))


@pytest.mark.parametrize(
    "arguments",
    [
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":1e999}',
        b'{"a":123456789012345678901234567890}',
        b'{"a":"\\ud800"}',
        b'{"\\udfff":1}',
        b'{"a":"\xff"}',
        b'{"a":1,}',
        b"[]",
        b"null",
    ],
)
def test_p2_p3_json_that_parsers_read_differently_is_a_dead_letter(
    clinic: GateDriver, arguments: bytes
) -> None:
    """Duplicate keys, NaN, infinities, huge numbers and lone surrogates, although the signature holds."""
    text = json.dumps(action_json(clinic)).encode().replace(b'{"id": 1}', arguments)
    assert arguments in text
    assert_dead(clinic, "actions", "unreadable", lambda: signed_json(clinic, "actions", "action", text))


@pytest.mark.parametrize(
    "changes",
    [
        {"type": None},
        {"nonce": None},
        {"nonce": "c2hvcnQ"},
        {"action_id": ""},
        {"action_id": "a\u0000b"},
        {"action_id": "caf\u00e9"},
        {"action_id": "cafe\u0301"},
        {"action_id": "\u0430dmin"},
        {"action_id": "x" * 129},
        {"action_id": "id\n"},
        {"agent": "ops-agent "},
        {"arguments": None},
        {"created_at_ms": -1},
        {"created_at_ms": 1.5},
        {"created_at_ms": "1"},
        {"unknown": 1},
        {"kind": "decision"},
        {"summary": "x" * 4097},
        {"on_behalf_of": {"issuer": "", "subject": ""}},
    ],
)
def test_p1_p5_an_action_that_its_schema_does_not_allow_is_a_dead_letter(
    clinic: GateDriver, changes: dict[str, Any]
) -> None:
    """Missing, short, foreign and unknown fields; ids are ASCII, so no two look alike or differ in normal form."""
    text = json.dumps(action_json(clinic, **changes)).encode()
    assert_dead(clinic, "actions", "unreadable", lambda: signed_json(clinic, "actions", "action", text))


def test_an_unknown_schema_is_a_dead_letter(clinic: GateDriver) -> None:
    """A fingerprint nobody released, and a frame that names another schema than the header."""
    encoded = codec.encode(clinic.action("ops-agent", "crm.read"))
    key = seeded_key("ops-agent")

    def send(payload_type: str, value: bytes) -> None:
        headers = record_headers(
            kind="action",
            payload_type=payload_type,
            id="r",
            subject="s",
            source="/t",
            sig=sign(key, payload_type, value),
        )
        raw(clinic, "actions", value, headers)

    unknown = encoded.payload_type.split(";")[0] + ";fp=0123456789abcdef"
    assert_dead(clinic, "actions", "unreadable", lambda: send(unknown, encoded.value))
    framed = b"\x00\x00\x00\xff\xff" + encoded.value[5:]
    assert_dead(clinic, "actions", "unreadable", lambda: send(encoded.payload_type, framed))
    assert_dead(clinic, "actions", "unreadable", lambda: send(encoded.payload_type, encoded.value + b"\x00"))
    assert_dead(clinic, "actions", "unreadable", lambda: send(encoded.payload_type, encoded.value[:-1]))


def test_a16_a_signature_of_one_kind_is_none_of_another(clinic: GateDriver) -> None:
    """The kind is part of what is signed: an action signed as such is no withdrawal, whatever the headers say."""
    action = clinic.action("ops-agent", "crm.read")
    encoded = codec.encode_json(action)
    sig = sign(seeded_key("ops-agent"), encoded.payload_type, encoded.value)
    headers = record_headers(
        kind="withdrawal",
        payload_type="application/json",
        id="r",
        subject="s",
        source="/t",
        sig=sig,
    )
    assert_dead(clinic, "actions", "bad-signature", lambda: raw(clinic, "actions", encoded.value, headers))


@pytest.mark.parametrize(
    ("topic", "kind"),
    [("actions", "claim"), ("actions", "decision"), ("decisions", "action"), ("receipts", "action")],
)
def test_p1_a_record_on_a_topic_of_other_kinds_is_a_dead_letter(
    clinic: GateDriver, topic: str, kind: str
) -> None:
    """A kind of record has its topic: nothing else is read there."""
    action = clinic.submit("ops-agent", "crm.write")
    clinic.run()
    request = clinic.request(action)
    clinic.decide("p-ann", request)
    clinic.run()
    sources = {"action": "actions", "decision": "decisions"}
    if kind == "claim":
        clinic.claim(clinic.grant(action))
    record = clinic.driver.read(sources.get(kind, "receipts"))[-1]
    copy = (topic, record.key, record.value, record.headers)
    assert_dead(clinic, topic, "unreadable", lambda: clinic.driver.produce(*copy))


def test_an_action_in_another_agents_name_touches_nobody(clinic: GateDriver) -> None:
    """An agent signs under another one's name: its waiting action, its id and its outcomes stay as they are."""
    waiting = clinic.submit("ops-agent", "crm.write")
    clinic.run()
    forged = clinic.action("ops-agent", "crm.read", action_id=waiting.action_id)
    key = seeded_key("other-agent")
    assert_dead(clinic, "actions", "wrong-signer", lambda: clinic.send(forged, key=key))
    assert clinic.outcome(waiting).outcome is OutcomeKind.PENDING


def test_a_withdrawal_in_another_agents_name_touches_nobody(clinic: GateDriver) -> None:
    """Only the agent itself takes an action back."""
    waiting = clinic.submit("ops-agent", "crm.write")
    clinic.run()
    clinic.withdraw(waiting)
    genuine = clinic.driver.read("actions")[-1]
    clinic.run()
    value = genuine.value or b""
    payload_type = dict(genuine.headers)["content-type"] or b""
    forged = tuple(
        (
            name,
            sign(seeded_key("other-agent"), payload_type.decode(), value).encode()
            if name == "sig"
            else content,
        )
        for name, content in genuine.headers
    )
    assert_dead(clinic, "actions", "wrong-signer", lambda: raw(clinic, "actions", value, forged))


def test_two_agents_may_use_one_action_id(clinic: GateDriver) -> None:
    """An action is named by agent and id: nobody can take, close or answer another's."""
    one = clinic.submit("ops-agent", "crm.write", action_id="same")
    two = clinic.submit("other-agent", "crm.read", action_id="same")
    clinic.run()
    assert clinic.outcome(one).outcome is OutcomeKind.PENDING
    assert clinic.outcome(two).outcome is OutcomeKind.GRANTED
    clinic.withdraw(two)
    clinic.run()
    assert clinic.outcome(one).outcome is OutcomeKind.PENDING


def test_k13_a_record_on_the_wrong_partition_is_a_dead_letter(clinic: GateDriver) -> None:
    """A lane has one partition: elsewhere its actions would be out of order and unknown."""
    action = clinic.action("ops-agent", "crm.read")
    other = 1 - partition_of("ops-agent", 2)
    assert_dead(clinic, "actions", "wrong-partition", lambda: clinic.send(action, partition=other))


def test_k13_a_key_that_is_not_the_lane_is_a_dead_letter(clinic: GateDriver) -> None:
    """The key decides the partition, so it must be what the record says."""
    encoded = codec.encode(clinic.action("ops-agent", "crm.read"))
    sig = sign(seeded_key("ops-agent"), encoded.payload_type, encoded.value)
    headers = record_headers(
        kind="action", payload_type=encoded.payload_type, id="r", subject="s", source="/t", sig=sig
    )
    for key in (b"other-agent", b"", b"ops-agent ", b"OPS-AGENT"):
        assert_dead(
            clinic, "actions", "wrong-lane", lambda k=key: raw(clinic, "actions", encoded.value, headers, k)
        )
    assert_dead(
        clinic,
        "actions",
        "wrong-lane",
        lambda: clinic.driver.produce("actions", None, encoded.value, headers),
    )


def test_a_lane_that_is_not_the_agents_is_a_dead_letter(clinic: GateDriver) -> None:
    """Operators assign lanes; an agent cannot move to another one."""
    action = clinic.action("ops-agent", "crm.read", lane="elsewhere")
    assert_dead(clinic, "actions", "wrong-lane", lambda: clinic.send(action))


def test_a_broken_signature_is_a_dead_letter(clinic: GateDriver) -> None:
    """One changed bit of the value, and a signature by another key under the right key id (A15)."""
    action = clinic.action("ops-agent", "crm.read")

    def send(**settings: Any) -> None:
        clinic.append("actions", action, seeded_key("ops-agent"), lane="ops-agent", subject="s", **settings)

    assert_dead(
        clinic, "actions", "bad-signature", lambda: send(change=lambda v: v[:-1] + bytes([v[-1] ^ 1]))
    )
    mine, other = seeded_key("ops-agent"), seeded_key("mallory")

    def swapped(headers: Headers) -> Headers:
        encoded = codec.encode(action)
        sig = sign(other, encoded.payload_type, encoded.value).replace(other.key_id, mine.key_id)
        return tuple((name, sig.encode() if name == "sig" else value) for name, value in headers)

    assert_dead(clinic, "actions", "bad-signature", lambda: send(alter_headers=swapped))


@pytest.mark.parametrize("name", ["sig", "content-type", "ce_type"])
def test_p8_a_doubled_header_is_a_dead_letter(clinic: GateDriver, name: str) -> None:
    """A header of the envelope that is there twice could be read as either."""

    def doubled(headers: Headers) -> Headers:
        return (*headers, *(pair for pair in headers if pair[0] == name))

    action = clinic.action("ops-agent", "crm.read")
    assert_dead(clinic, "actions", "unreadable", lambda: clinic.send(action, alter_headers=doubled))


def test_a_sender_cannot_say_why_its_record_is_a_dead_letter(clinic: GateDriver) -> None:
    """The gate's own headers come first, so a forged reason is never the one that is read."""
    forged = (("dlq-reason", b"harmless"), ("dlq-origin", b"actions-9@9"))
    assert_dead(clinic, "actions", "unreadable", lambda: raw(clinic, "actions", b"x", forged))
    (reason, record) = clinic.dead_letters("actions")[-1]
    assert (reason, record.headers[0][1]) == ("unreadable", b"unreadable")


def test_a_record_for_another_deployment_is_a_dead_letter(clinic: GateDriver) -> None:
    """Bytes signed for staging mean nothing here."""
    action = clinic.action("ops-agent", "crm.read", deployment="staging")
    assert_dead(clinic, "actions", "wrong-deployment", lambda: clinic.send(action))


def test_a14_a_revoked_key_counts_for_nothing_from_its_epoch_on(clinic: GateDriver) -> None:
    """By log-append time: one millisecond before still counts, at the epoch no more; both may be read later."""
    key = seeded_key("ops-agent")
    from_ms = clinic.driver.now_ms + 1_000
    revocation = document.Revocation(key_id=key.key_id, from_ms=from_ms)
    clinic.publish(DocumentKind.REVOCATION, "stolen", revocation)
    clinic.driver.stalled = {"actions"}
    clinic.driver.advance(999)
    before = clinic.submit("ops-agent", "crm.read")
    clinic.driver.advance(1)
    after = clinic.submit("ops-agent", "crm.read")
    clinic.driver.stalled = set()
    clinic.run()
    assert clinic.outcome(before).outcome is OutcomeKind.GRANTED
    assert clinic.outcomes(after) == []
    assert [reason for reason, _ in clinic.dead_letters("actions")] == ["revoked-key"]


@pytest.mark.parametrize("signer", ["ops-agent", "crm", "gate", "operator", "mallory"])
def test_a4_a5_nobody_but_people_and_bridges_signs_decisions(clinic: GateDriver, signer: str) -> None:
    """A decision signed by an agent, an executor, the gate, an operator or a stranger is a dead letter."""
    action = clinic.submit("ops-agent", "crm.write")
    clinic.run()
    request = clinic.request(action)
    reason = "unknown-key" if signer in {"mallory", "operator"} else "wrong-signer"
    assert_dead(clinic, "decisions", reason, lambda: clinic.decide("p-ann", request, signer=signer))
    assert clinic.outcome(action).outcome is OutcomeKind.PENDING


@pytest.mark.parametrize("signer", ["mailer", "ops-agent", "p-ann"])
def test_d9_a_claim_in_another_executors_name_is_a_dead_letter(clinic: GateDriver, signer: str) -> None:
    """Only the executor itself signs its claims."""
    action = clinic.submit("ops-agent", "crm.read")
    clinic.run()
    grant = clinic.grant(action)
    claim = clinic.claim(grant)
    clinic.run()

    def forged() -> None:
        again = claim.model_copy(update={"claim_id": "claim-forged"})
        clinic.append("receipts", again, seeded_key(signer), lane=grant.lane, subject=grant.action_id)

    assert_dead(clinic, "receipts", "wrong-signer", forged)


def test_json_actions_and_decisions_are_accepted(clinic: GateDriver) -> None:
    """A bot without Avro: the same models, the same answers, and the grant holds the exact JSON bytes."""
    action = clinic.action("ops-agent", "crm.write", {"note": "x", "n": 1.5})
    clinic.send(action, as_json=True)
    clinic.run()
    decision = clinic.decide("p-ann", clinic.request(action), as_json=True)
    clinic.run()
    assert clinic.tally(decision).counted
    grant = clinic.grant(action)
    assert grant.action.value == codec.encode_json(action).value
    read = codec.decode(grant.action.payload_type, grant.action.value, {"action"})
    assert isinstance(read, Action)
    assert isinstance(
        codec.decode(grant.decisions[0].payload_type, grant.decisions[0].value, {"decision"}), Decision
    )


def test_an_action_sent_as_avro_and_as_json_is_one_action(clinic: GateDriver) -> None:
    """The content is the same, so the second form is a copy and not a second action."""
    action = clinic.action(
        "ops-agent", "crm.read", {"n": 1, "f": 0.5, "s": "é", "o": {"b": 1, "a": [None, True]}}
    )
    clinic.send(action)
    clinic.send(action, as_json=True)
    clinic.run()
    assert len(clinic.grants(action)) == 1
    assert clinic.outcome(action).repeated


def test_a_trace_is_passed_on_and_nothing_else_is(clinic: GateDriver) -> None:
    """`traceparent` in the form of W3C goes into every record of its action; other text in that header is dropped."""

    def with_trace(text: bytes | None) -> Callable[[Headers], Headers]:
        return lambda headers: (*headers, ("traceparent", text))

    clinic.send(clinic.action("ops-agent", "crm.read"), alter_headers=with_trace(TRACE))
    for text in (b"John Smith 123-45-6789", b"x" * 900_000, TRACE + b"\n", TRACE.upper(), b"", None):
        clinic.send(clinic.action("ops-agent", "crm.read"), alter_headers=with_trace(text))
    clinic.run()
    for topic in ("outcomes", "execution.crm"):
        traces = [dict(record.headers).get("traceparent") for record in clinic.driver.read(topic)]
        assert traces == [TRACE, *([None] * 6)]


def test_a_retired_agents_actions_are_dead_letters(clinic: GateDriver) -> None:
    """Retirement takes the key away: what it signs is signed by nobody."""
    retired = document.Agent(key=seeded_key("ops-agent").public.text, owners=("p-owner",), retired=True)
    clinic.publish(DocumentKind.AGENT, "ops-agent", retired)
    action = clinic.action("ops-agent", "crm.read")
    assert_dead(clinic, "actions", "unknown-key", lambda: clinic.send(action))


def test_a_gate_without_tables_trusts_nobody(new_gate: Callable[..., GateDriver]) -> None:
    """Before any identity is known every record is a dead letter."""
    gate = new_gate("")
    gate.submit("ops-agent", "crm.read")
    gate.run()
    assert [reason for reason, _ in gate.dead_letters("actions")] == ["unknown-key"]


def test_every_reason_to_bury_is_told_by_the_topology_itself(clinic: GateDriver) -> None:
    """Dead letters of all inputs go to the topic of their input, on their own partition."""
    assert isinstance(clinic.topology, GateTopology)
    for topic in clinic.topology.sources:
        for partition in (0, 1):
            clinic.driver.produce(topic, b"k", b"v", (), partition=partition)
    clinic.run()
    for topic in clinic.topology.sources:
        records = [record for _, record in clinic.dead_letters(topic)]
        assert [record.position.partition for record in records] == [0, 1]
        assert all(record.value == b"v" and record.key == b"k" for record in records)


def test_a10_twins_of_an_account_are_other_accounts(clinic: GateDriver) -> None:
    """Case, white space, normal form and issuer are part of an account: a twin speaks for nobody (A10, A11)."""
    action = clinic.submit("ops-agent", "crm.write")
    clinic.run()
    request = clinic.request(action)
    twins = [
        (ISSUER, "P-ANN"),
        (ISSUER, "p-ann "),
        (ISSUER, "p\u2010ann"),
        (ISSUER, "p-\u0430nn"),
        (ISSUER + "/", "p-ann"),
        ("https://other.test", "p-ann"),
    ]
    for issuer, subject in twins:
        account = AccountName(issuer=issuer, subject=subject)
        decision = clinic.decide("p-ann", request, account=account)
        clinic.run()
        assert clinic.tally(decision).reason == "wrong-account"
    assert clinic.outcome(action).outcome is OutcomeKind.PENDING


def bridge(gate: GateDriver, *issuers: str) -> PrivateKey:
    """A bridge that carries decisions of these issuers."""
    key = seeded_key("bridge")
    gate.publish(DocumentKind.BRIDGE, "bridge", document.Bridge(key=key.public.text, issuers=issuers))
    return key


def test_a11_a_bridge_speaks_for_its_issuers_only(clinic: GateDriver) -> None:
    """A bridge carries a decision of an account of its issuer, and of no other."""
    action = clinic.submit("ops-agent", "crm.write")
    clinic.run()
    bridge(clinic, "https://other.test")
    refused = clinic.decide("p-ann", clinic.request(action), signer="bridge")
    clinic.run()
    assert clinic.tally(refused).reason == "wrong-account"
    bridge(clinic, ISSUER)
    unknown = clinic.decide("nobody", clinic.request(action), signer="bridge")
    counted = clinic.decide("p-ann", clinic.request(action), signer="bridge")
    clinic.run()
    assert clinic.tally(unknown).reason == "unknown-account"
    assert clinic.tally(counted).counted
    assert clinic.grant(action).deployment == DEPLOYMENT
