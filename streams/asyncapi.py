"""The AsyncAPI 3 document of a deployment, made from the models, the table of topics and the table of rights.

A channel per topic, with the topic prefix as its parameter; a message per kind and encoding; an operation per role and topic,
exactly as the rights allow. State, its changelogs and what is not built yet are left out: nobody else reads them.
"""

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, Final

from sluicegate import __version__
from sluicegate.schemas.codec import JSON_KINDS
from sluicegate.schemas.envelope import JSON_CONTENT_TYPE, PayloadType
from sluicegate.schemas.json_schema import shared_schemas
from sluicegate.schemas.kinds import MODELS
from sluicegate.schemas.released import ReleasedSchema, released_schemas
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.kafka.rights import TABLE
from sluicegate.streams.kafka.topics import Layout, TopicSpec, table

ASYNCAPI: Final = "3.0.0"
KAFKA_BINDING: Final = "0.5.0"
DEAD_LETTERS: Final = "dead-letters"
EXECUTION: Final = "execution"

CARRIED: Final[Mapping[str, tuple[str, ...]]] = {
    "actions": ("action", "withdrawal"),
    "approvals": ("approval-request", "tally", "reminder", "resolution"),
    "decisions": ("decision", "reconciliation"),
    EXECUTION: ("grant",),
    "receipts": ("claim", "receipt"),
    "outcomes": ("outcome",),
    "audit": ("audit-entry",),
    "exports.raw": ("export-batch",),
    "exports.masked": ("masked-batch", "withheld-batch"),
    "exports.quarantine": ("quarantined-batch",),
    "policies": ("document",),
    "identities": ("document",),
    "controls": ("document",),
}
"""What travels where, by logical topic."""
_BY_THE_GATE: Final = ("approvals", EXECUTION, "outcomes", "audit", "exports.masked", "exports.quarantine")
_UNSIGNED: Final = frozenset({"approvals", "outcomes", "audit", "exports.masked", "exports.quarantine"})
_DEFAULT_PREFIX: Final = "sluicegate."


def asyncapi() -> dict[str, Any]:
    """The document, ready for JSON."""
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "sluicegate",
            "version": __version__,
            "description": "A gate between AI agents and the systems they can break, on Apache Kafka.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": JSON_CONTENT_TYPE,
        "channels": {name: _channel(name) for name in (*CARRIED, DEAD_LETTERS)},
        "operations": dict(_operations()),
        "components": {
            "messages": {
                name: message for topic, kinds in CARRIED.items() for kind in kinds
                for name, message in _messages(topic, kind)
            }
            | {"dead-letter": _dead_letter()},
            "schemas": shared_schemas("#/components/schemas/"),
            "parameters": {
                "prefix": {"default": _DEFAULT_PREFIX, "description": "The setting `prefix`, with its dot."},
                "executor": {"description": "The name of one executor."},
                "topic": {"description": "The topic that the record stood on, such as `actions`."},
            },
        },
    }  # fmt: skip


def _channel(name: str) -> dict[str, Any]:
    names = ["dead-letter"]
    if name in CARRIED:
        names = [one for kind in CARRIED[name] for one, _ in _messages(name, kind)]
    tail, parameters = name, ["prefix"]
    if name == EXECUTION:
        tail, parameters = "execution.{executor}", ["prefix", "executor"]
    elif name == DEAD_LETTERS:
        tail, parameters = "dlq.{topic}", ["prefix", "topic"]
    return {
        "address": "{prefix}" + tail,
        "messages": {one: {"$ref": f"#/components/messages/{one}"} for one in names},
        "parameters": {one: {"$ref": f"#/components/parameters/{one}"} for one in parameters},
        "bindings": {"kafka": _topic(_spec(name))},
    }


def _spec(name: str) -> TopicSpec:
    specs = {spec.name: spec for spec in table(Layout(1), ["x"])}
    return specs[{EXECUTION: "execution.x", DEAD_LETTERS: "dlq.actions"}.get(name, name)]


def _topic(spec: TopicSpec) -> dict[str, Any]:
    config = {
        "cleanup.policy": spec.cleanup.value.split(","),
        "retention.ms": spec.retention_ms,
        "max.message.bytes": spec.largest_bytes,
    }
    return {"topicConfiguration": config, "bindingVersion": KAFKA_BINDING}


def _messages(topic: str, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The message of each encoding that a kind may have."""
    newest = released_schemas()[kind][-1]
    avro = {"schemaFormat": "application/vnd.apache.avro+json;version=1.9.0", "schema": _avsc(newest)}
    yield f"{kind}.avro", _message(topic, kind, str(PayloadType(kind, newest.fingerprint)), avro)
    if kind in JSON_KINDS:
        payload = {"$ref": f"#/components/schemas/{MODELS[kind].__name__}"}
        yield f"{kind}.json", _message(topic, kind, JSON_CONTENT_TYPE, payload)


def _message(topic: str, kind: str, content_type: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": kind,
        "summary": (MODELS[kind].__doc__ or kind).partition("\n")[0],
        "contentType": content_type,
        "headers": _headers(topic, kind, content_type),
        "payload": payload,
        "bindings": {"kafka": {"key": {"type": "string", "description": _key(topic)}, "bindingVersion": KAFKA_BINDING}},
    }  # fmt: skip


def _key(topic: str) -> str:
    if topic in {"policies", "identities", "controls"}:
        return "The kind and id of the document's subject; these topics have one partition."
    return "The lane of the agent, as plain UTF-8; of entries that are about no action, their partition."


def _headers(topic: str, kind: str, content_type: str) -> dict[str, Any]:
    text = {"type": "string"}
    # INVARIANT: a signature covers the payload type, never `application/json`, which only stands for it.
    types = [content_type] if content_type != JSON_CONTENT_TYPE else [content_type, str(PayloadType(kind))]
    properties: dict[str, Any] = {
        "ce_specversion": {"const": "1.0"},
        "ce_id": text,
        "ce_type": {"const": f"sluicegate.{kind}.v1"},
        "ce_source": text,
        "ce_subject": {**text, "description": "The action that the record is about."},
        "content-type": {"enum": types},
        "traceparent": {**text, "description": "W3C trace context, passed on."},
    }
    required = ["ce_type", "content-type"]
    if topic in _BY_THE_GATE:
        properties["origin"] = {
            **text,
            "description": "The input position it came from, such as `actions-2@17`.",
        }
        properties["ordinal"] = {**text, "description": "Its place among what that input led to."}
    if topic not in _UNSIGNED:
        covered = f"DSSE's pre-authentication encoding of (`{types[-1]}`, the exact bytes of the value)"
        said = f"`<key id>:<base64url Ed25519 signature>` over {covered}."
        properties["sig"] = {
            "type": "string",
            "pattern": "^[0-9a-f]{16}:[A-Za-z0-9_-]+$",
            "description": said,
        }
        required.append("sig")
    if kind == "grant":
        properties["sig"] = {
            **text,
            "description": "The gate's signature over the root of one transaction's grants.",
        }
        properties["sig-path"] = {
            "description": "Leaf index and siblings of this grant under that root; bytes."
        }
    return {"type": "object", "properties": properties, "required": required}


def _dead_letter() -> dict[str, Any]:
    text = {"type": "string"}
    properties = {
        "dlq-reason": {**text, "description": "Why it was set aside: a code."},
        "dlq-origin": {**text, "description": "Where it stood, such as `actions-2@17`."},
        "dlq-cut": {
            **text,
            "description": "Set when it was too large to be kept: how many bytes it had. Then nothing else of it is here.",
        },
    }
    return {
        "name": "dead-letter",
        "summary": "A record that could not be read or trusted: its original bytes, key and headers.",
        "contentType": "application/octet-stream",
        "headers": {
            "type": "object",
            "properties": properties,
            "required": ["dlq-reason", "dlq-origin"],
        },
        "payload": {"description": "The original bytes, which may hold raw values."},
    }


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for role in Role:
        for operation, word, action in (("read", "reads", "receive"), ("write", "writes", "send")):
            for channel in _channels(getattr(TABLE[role], operation)):
                yield (
                    f"{role}-{word}-{channel}",
                    {
                        "action": action,
                        "channel": {"$ref": f"#/channels/{channel}"},
                        "summary": f"{role} {word} {channel}",
                        "tags": [{"name": role.value}],
                    },
                )


def _channels(topics: tuple[str, ...]) -> tuple[str, ...]:
    named = (
        DEAD_LETTERS if topic.startswith("dlq.") else EXECUTION if topic.startswith("execution.") else topic
        for topic in topics
    )
    return tuple(dict.fromkeys(name for name in named if name in CARRIED or name == DEAD_LETTERS))


def _avsc(schema: ReleasedSchema) -> dict[str, Any]:
    text = files("sluicegate.schemas").joinpath(schema.file).read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
