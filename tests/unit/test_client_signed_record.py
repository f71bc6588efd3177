"""Making signed records: what is filled in, what is refused, and that no error repeats a value."""

import pytest

from sluicegate.schemas import codec
from sluicegate.schemas.action import Action
from sluicegate.schemas.envelope import envelope_digest, signed_part, verify
from sluicegate.schemas.errors import RecordError
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.clients.signed_record import build, nonce, random_id, sign_json, sign_record

KEY = PrivateKey.generate()
SECRET = "123-45-6789"


def sign(text: bytes) -> Action:
    """Sign an action written as JSON and read it back as the gate would."""
    record = sign_json(KEY, text, deployment="test", now_ms=7, agent="ops", lane="lane")
    signed = signed_part(record.headers, record.value)
    verify(KEY.public, signed)
    assert record.digest == envelope_digest(signed.payload_type, signed.value)
    action = codec.decode(signed.payload_type, signed.value, {"action"})
    assert isinstance(action, Action)
    assert (record.id, record.key) == (action.action_id, b"lane")
    return action


def test_json_is_completed_with_what_is_absent() -> None:
    """Deployment, agent, lane, id, nonce and time; what is there stays."""
    action = sign(b'{"type":"crm.read","arguments":{},"created_at_ms":3}')
    assert (action.deployment, action.agent, action.lane, action.created_at_ms) == ("test", "ops", "lane", 3)
    assert action.action_id.startswith("ac-")
    assert len(action.nonce) == 16
    assert sign(b'{"type":"crm.read","arguments":{},"action_id":"a-1"}').action_id == "a-1"


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"not json",
        b'{"type":"x","arguments":{"n":NaN}}',
        b'{"type":"x","type":"y","arguments":{}}',
        b'{"arguments":{"ssn":"123-45-6789"}}',
        b'{"type":"x","arguments":{"ssn":"123-45-6789"},"extra":1}',
        b'{"type":"x","arguments":{},"deployment":"production"}',
        b'{"type":"x","arguments":{},"agent":"somebody-else"}',
        b'{"kind":"grant"}',
        b'{"kind":["action"]}',
        b'{"type":"x","arguments":{"blob":"' + b"x" * 300_000 + b'"}}',
    ],
)
def test_what_the_gate_would_not_read_is_not_signed(text: bytes) -> None:
    """Every refusal is a RecordError without a value of the record."""
    with pytest.raises(RecordError) as refused:
        sign(text)
    assert SECRET not in str(refused.value)
    assert "somebody-else" not in str(refused.value)


def test_a_wrong_field_is_named_without_its_value() -> None:
    """Values and keys of the arguments may identify people."""
    with pytest.raises(RecordError) as refused:
        build(
            Action,
            deployment="test",
            action_id="a",
            agent="ops",
            lane="ops",
            type="x",
            nonce=nonce(),
            created_at_ms=1,
            arguments={SECRET: object()},
        )
    assert "`arguments`" in str(refused.value)
    assert SECRET not in str(refused.value)


def test_random_ids_and_nonces_differ() -> None:
    """128 bits each."""
    assert len({random_id("ac") for _ in range(1000)} | {nonce().hex() for _ in range(1000)}) == 2000


def test_a_record_says_nothing_of_its_content() -> None:
    """Its representation is safe to log."""
    action = build(
        Action,
        deployment="test",
        action_id="a",
        agent="ops",
        lane="ops",
        type="x",
        nonce=nonce(),
        created_at_ms=1,
        arguments={"ssn": SECRET},
    )
    assert SECRET not in repr(sign_record(KEY, action))
