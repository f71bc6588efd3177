"""Make the signed records that agents, people and operators send: ids, nonces, bytes, headers. Pure but for randomness."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from sluicegate.schemas import codec
from sluicegate.schemas.action import Action, Withdrawal
from sluicegate.schemas.canonical import canonical_json, parse_json
from sluicegate.schemas.codec import Encoded
from sluicegate.schemas.decision import Decision, Reconciliation
from sluicegate.schemas.document import Document
from sluicegate.schemas.envelope import Headers, PayloadType, envelope_digest, record_headers, sign
from sluicegate.schemas.errors import RecordError
from sluicegate.schemas.fields import JsonObject, Wire, encode_base64url
from sluicegate.schemas.ids import partition_of
from sluicegate.schemas.keys import PrivateKey

NONCE_BYTES: Final = 16
SOURCE: Final = "/sluicegate/client"
"""`ce_source` of what clients send; who sent it is what the signature says."""
Signable = Action | Withdrawal | Decision | Reconciliation | Document

M = TypeVar("M", bound=Wire)


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """Exact bytes with the headers that carry their signature. `digest` is SHA-256 over what the signature covers."""

    kind: str
    id: str
    subject: str
    """The id of the action it is about; of a document its kind and id."""
    lane: str
    value: bytes = field(repr=False)
    headers: Headers = field(repr=False)
    digest: bytes

    @property
    def key(self) -> bytes:
        """The record key: the lane, of a document its subject."""
        return self.lane.encode()

    def partition(self, partitions: int) -> int:
        """Where the record belongs on a topic with this many partitions."""
        return partition_of(self.lane, partitions)


def random_id(prefix: str) -> str:
    """`<prefix>-` and 128 random bits in base32."""
    return f"{prefix}-{base64.b32encode(secrets.token_bytes(16)).decode('ascii').rstrip('=').lower()}"


def nonce() -> bytes:
    """Random bytes that keep a digest from being guessed."""
    return secrets.token_bytes(NONCE_BYTES)


def build(model: type[M], **fields: Any) -> M:
    """Make a model of ours; RecordError names the field that is wrong and never its value."""
    try:
        return model(**fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        # INVARIANT: below its first part a path can hold keys of the arguments.
        field = first["loc"][0] if first["loc"] else "record"
        raise RecordError(f"`{field}` of this `{model.__name__}` is wrong: {first['msg'].lower()}") from None


def sign_record(key: PrivateKey, model: Signable) -> SignedRecord:
    """Encode as Avro and sign; RecordError for what no reader would accept."""
    return _signed(key, model, codec.encode(model))


def sign_json(
    key: PrivateKey,
    text: bytes,
    *,
    deployment: str,
    now_ms: int,
    agent: str | None = None,
    lane: str | None = None,
) -> SignedRecord:
    """Turn a JSON object into a signed record for producers that have no Avro.

    `kind` is `action` unless the object says otherwise (`withdrawal`, `decision`, `reconciliation`). What is absent is
    filled in: deployment, agent, lane (the agent), id, nonce, creation time. RecordError for anything the gate would not
    read, for another deployment, and for another agent than `agent`.
    """
    fields = parse_json(text)
    if not isinstance(fields, dict):
        raise RecordError("the JSON is no object; send one object per record")
    complete = _completed(fields, deployment, now_ms, agent, lane)
    kind = complete["kind"]
    encoded = Encoded(str(PayloadType(kind)), canonical_json(complete))
    model = codec.decode(encoded.payload_type, encoded.value, _JSON_KINDS)
    assert isinstance(model, Signable)  # noqa: S101  # decode was told these kinds
    if model.deployment != deployment:
        raise RecordError(f"the record names another deployment than `{deployment}`; leave `deployment` out")
    if agent is not None and model.agent != agent:  # type: ignore[union-attr]  # a document is none of these kinds
        raise RecordError(f"the record names another agent than `{agent}`; leave `agent` out")
    return _signed(key, model, encoded)


_JSON_KINDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "action": ("action_id", "ac", "created_at_ms"),
    "withdrawal": ("withdrawal_id", "wd", "created_at_ms"),
    "decision": ("decision_id", "de", "decided_at_ms"),
    "reconciliation": ("reconciliation_id", "rc", "decided_at_ms"),
}
"""Per kind: the field of its id, the prefix of a random one, the field of its time."""


def _completed(
    fields: JsonObject, deployment: str, now_ms: int, agent: str | None, lane: str | None
) -> dict[str, Any]:
    kind = fields.get("kind", "action")
    if not isinstance(kind, str) or kind not in _JSON_KINDS:
        raise RecordError(f"`kind` is none of {', '.join(_JSON_KINDS)}; nothing else is signed from JSON")
    id_field, prefix, time_field = _JSON_KINDS[kind]
    named = fields.get("agent", agent)
    absent: dict[str, Any] = {
        "kind": kind,
        "deployment": deployment,
        "agent": named,
        "lane": lane or named,
        id_field: random_id(prefix),
        "nonce": encode_base64url(nonce()),
        time_field: now_ms,
    }
    return {**{name: value for name, value in absent.items() if value is not None}, **fields}


def _signed(key: PrivateKey, model: Signable, encoded: Encoded) -> SignedRecord:
    record_id, subject = _names(model)
    headers = record_headers(
        kind=model.kind,
        payload_type=encoded.payload_type,
        id=record_id,
        subject=subject,
        source=SOURCE,
        sig=sign(key, encoded.payload_type, encoded.value),
    )
    return SignedRecord(
        kind=model.kind,
        id=record_id,
        subject=subject,
        lane=subject if isinstance(model, Document) else model.lane,
        value=encoded.value,
        headers=headers,
        digest=envelope_digest(encoded.payload_type, encoded.value),
    )


def _names(model: Signable) -> tuple[str, str]:
    """The id of the record, and what it is about."""
    match model:
        case Action():
            return model.action_id, model.action_id
        case Withdrawal():
            return model.withdrawal_id, model.action_id
        case Decision():
            return model.decision_id, model.action_id
        case Reconciliation():
            return model.reconciliation_id, model.action_id
        case Document():
            return f"{model.subject.value}/{model.id}/{model.version}", f"{model.subject.value}/{model.id}"
