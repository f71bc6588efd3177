"""Records that the gate must set aside, each with the reason it has to give. Every one aims at a victim's waiting action."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gate_world import Asked, Raw, World, account_of

from sluicegate.processors.events import Reason
from sluicegate.schemas import codec
from sluicegate.schemas.action import Action
from sluicegate.schemas.decision import Choice, Decision
from sluicegate.schemas.envelope import PayloadType, record_headers, sign
from sluicegate.schemas.fields import Wire
from sluicegate.schemas.keys import PrivateKey
from sluicegate.schemas.receipt import Happened, Receipt
from sluicegate.streams.clients.signed_record import nonce, random_id

_JSON: Final = str(PayloadType("action"))


@dataclass(frozen=True, slots=True)
class Attacker:
    """An enrolled agent that means ill, and the action it aims at."""

    world: World
    name: str
    victim: Asked

    def action(self, **changed: Any) -> Action:
        """A sound action of the attacker, unless something is changed."""
        values: dict[str, Any] = {
            "deployment": self.world.deployment,
            "action_id": random_id("ac"),
            "agent": self.name,
            "lane": self.name,
            "type": "ward.read",
            "nonce": nonce(),
            "created_at_ms": self.world.now_ms(),
            "arguments": {},
        }
        return Action(**{**values, **changed})

    def signed(self, model: Wire, key: PrivateKey | None = None, topic: str = "actions") -> Raw:
        """A model in Avro, signed by the attacker or with another key."""
        encoded = codec.encode(model)
        kind: str = model.kind  # type: ignore[attr-defined]  # every record has one
        lane: str = model.lane  # type: ignore[attr-defined]  # every record that is sent here has one
        return self.envelope(encoded.value, encoded.payload_type, kind=kind, key=key, lane=lane, topic=topic)

    def json(self, text: str) -> Raw:
        """JSON as it is, signed by the attacker."""
        return self.envelope(text.encode(), _JSON)

    def fields(self, **changed: Any) -> dict[str, Any]:
        """The JSON of a sound action; a value of None takes the field away."""
        sound = json.loads(codec.encode_json(self.action()).value)
        return {name: value for name, value in {**sound, **changed}.items() if value is not None}

    def envelope(
        self,
        value: bytes,
        payload_type: str,
        *,
        kind: str = "action",
        key: PrivateKey | None = None,
        lane: str | None = None,
        topic: str = "actions",
    ) -> Raw:
        """Any bytes with the headers of a signed record."""
        headers = record_headers(
            kind=kind,
            payload_type=payload_type,
            id="forged",
            subject=self.victim.action_id,
            source="/attacker",
            sig=sign(key or self.world.key(self.name), payload_type, value),
        )
        return Raw(topic, (lane or self.name).encode(), value, headers)


@dataclass(frozen=True, slots=True)
class Bad:
    """One row: what it is, how it is forged, and the reason of its dead letter."""

    name: str
    forge: Callable[[Attacker], Raw]
    reason: Reason


def _random_bytes(by: Attacker) -> Raw:
    return Raw("actions", by.name.encode(), bytes(range(7, 250)))


def _two_megabytes(by: Attacker) -> Raw:
    depth = 1_000_000
    return by.json('{"arguments":' + "[" * depth + "]" * depth + "}")


def _deep(by: Attacker) -> Raw:
    depth = 100_000
    nested = json.dumps(by.fields(arguments={"deep": "here"}))
    return by.json(nested.replace('"here"', "[" * depth + "]" * depth))


def _twice(by: Attacker) -> Raw:
    text = json.dumps(by.fields())
    return by.json(text[:-1] + ', "type": "role.grant"}')


def _not_a_number(by: Attacker) -> Raw:
    return by.json(json.dumps(by.fields(arguments={"dose": float("nan")})))


def _unknown_schema_id(by: Attacker) -> Raw:
    encoded = codec.encode(by.action())
    return by.envelope(b"\0\0\x0f\x42\x3f" + encoded.value[5:], encoded.payload_type)


def _unknown_fingerprint(by: Attacker) -> Raw:
    return by.envelope(codec.encode(by.action()).value, str(PayloadType("action", "0123456789abcdef")))


def _without(field: str) -> Callable[[Attacker], Raw]:
    return lambda by: by.json(json.dumps(by.fields(**{field: None})))


def _as_the_victim(by: Attacker) -> Raw:
    victim = by.victim
    return by.signed(by.action(agent=victim.agent, lane=victim.agent, action_id=victim.action_id))


def _on_anothers_lane(by: Attacker) -> Raw:
    return by.signed(by.action(lane=by.victim.agent))


def _other_key(by: Attacker) -> Raw:
    sound = by.signed(by.action())
    return Raw(sound.topic, b"x" + (sound.key or b""), sound.value, sound.headers)


def _wrong_partition(by: Attacker) -> Raw:
    sound = by.signed(by.action())
    return Raw(sound.topic, sound.key, sound.value, sound.headers, partition=-1)


def _flipped(by: Attacker) -> Raw:
    sound = by.signed(by.action())
    value = sound.value or b""
    return Raw(sound.topic, sound.key, value[:-1] + bytes([value[-1] ^ 1]), sound.headers)


def _unsigned(by: Attacker) -> Raw:
    sound = by.signed(by.action())
    return Raw(sound.topic, sound.key, sound.value, sound.headers[:-1])


def _two_signatures(by: Attacker) -> Raw:
    sound = by.signed(by.action())
    return Raw(sound.topic, sound.key, sound.value, (*sound.headers, sound.headers[-1]))


def _of_another_deployment(by: Attacker) -> Raw:
    return by.signed(by.action(deployment="staging"))


def _approval_by_the_agent(by: Attacker) -> Raw:
    request = by.world.request(by.victim)
    decision = Decision(
        deployment=by.world.deployment,
        decision_id=random_id("de"),
        request_id=request.request_id,
        action_id=request.action_id,
        lane=request.lane,
        agent=request.agent,
        action_digest=request.action_digest,
        view_digest=request.view.digest,
        account=account_of("mara"),
        choice=Choice.APPROVE,
        decided_at_ms=by.world.now_ms(),
        nonce=nonce(),
    )
    return by.signed(decision, topic="decisions")


def _receipt_by_the_agent(by: Attacker) -> Raw:
    receipt = Receipt(
        deployment=by.world.deployment,
        receipt_id=random_id("rc"),
        grant_id=random_id("gr"),
        claim_id=None,
        action_id=by.victim.action_id,
        lane=by.victim.agent,
        agent=by.victim.agent,
        executor="ward",
        happened=Happened.EXECUTED,
        created_at_ms=by.world.now_ms(),
    )
    return by.signed(receipt, topic="receipts")


def _action_on_decisions(by: Attacker) -> Raw:
    return by.signed(by.action(), topic="decisions")


BAD_RECORDS: Final = (
    Bad("random bytes", _random_bytes, Reason.UNREADABLE),
    Bad("an empty record", lambda by: Raw("actions", by.name.encode(), b""), Reason.UNREADABLE),
    Bad("no value and no key", lambda _: Raw("actions", None, None, partition=0), Reason.UNREADABLE),
    Bad("an empty value, signed", lambda by: by.json(""), Reason.UNREADABLE),
    Bad("2 MB of nested JSON", _two_megabytes, Reason.OVERSIZE),
    Bad("200 kB of nested JSON", _deep, Reason.UNREADABLE),
    Bad("duplicate JSON keys", _twice, Reason.UNREADABLE),
    Bad("NaN", _not_a_number, Reason.UNREADABLE),
    Bad("an unknown schema id", _unknown_schema_id, Reason.UNREADABLE),
    Bad("an unknown fingerprint", _unknown_fingerprint, Reason.UNREADABLE),
    Bad("no type", _without("type"), Reason.UNREADABLE),
    Bad("no nonce", _without("nonce"), Reason.UNREADABLE),
    Bad("another agent's name", _as_the_victim, Reason.WRONG_SIGNER),
    Bad("another agent's lane", _on_anothers_lane, Reason.WRONG_LANE),
    Bad("another key than the lane", _other_key, Reason.WRONG_LANE),
    Bad("the wrong partition", _wrong_partition, Reason.WRONG_PARTITION),
    Bad("a flipped bit", _flipped, Reason.BAD_SIGNATURE),
    Bad("no signature", _unsigned, Reason.UNSIGNED),
    Bad("two signatures", _two_signatures, Reason.UNREADABLE),
    Bad("an unknown key", lambda by: by.signed(by.action(), PrivateKey.generate()), Reason.UNKNOWN_KEY),
    Bad("another deployment", _of_another_deployment, Reason.WRONG_DEPLOYMENT),
    Bad("an approval signed by an agent", _approval_by_the_agent, Reason.WRONG_SIGNER),
    Bad("a receipt signed by an agent", _receipt_by_the_agent, Reason.WRONG_SIGNER),
    Bad("an action on decisions", _action_on_decisions, Reason.UNREADABLE),
)
