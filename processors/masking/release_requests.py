"""Ask people whether a held batch may leave: the action `export.release`, signed by masking as the agent that it is.

Sinks: actions.  Store: held.

A batch is held only when an answer can come: masking is enrolled as agent and executor, and everybody behind the original action can
be named. Otherwise it is withheld and nothing more, as without this.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from sluicegate.processors.contract import Output, Put
from sluicegate.processors.export_release import EXPORT_RELEASE
from sluicegate.processors.ruling import Cause
from sluicegate.processors.separation import is_origin_known, origin_set
from sluicegate.processors.tables import Tables
from sluicegate.schemas import codec
from sluicegate.schemas.action import Action
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.codec import Encoded
from sluicegate.schemas.envelope import envelope_digest, record_headers, sign
from sluicegate.schemas.errors import RecordError
from sluicegate.schemas.export import ExportBatch, MaskedBatch
from sluicegate.schemas.fields import JsonObject
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.state import ExportProgress, HeldExport

from .export_records import SOURCE
from .held import HELD_MS, put_held, sealed_batch
from .releasing_keys import ReleasingKeys
from .sealing import derived

MAX_HELD: Final = 8
"""Batches of one result or stream that wait for people at a time: each is a request, and what is held is in memory."""
_NONCE_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Objected:
    """A batch that was masked, and that the look at the bytes objected to. `report` is told to people, not what identifies."""

    batch: ExportBatch
    masked: MaskedBatch = field(repr=False)
    reasons: tuple[str, ...]
    report: JsonObject = field(repr=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """A batch that is held from here on, and the action by which people are asked."""

    release_id: str
    put: Put
    output: Output


@dataclass(frozen=True, slots=True)
class ReleaseRequests:
    """Asks for one masking; `secret` is masking's."""

    deployment: str
    secret: bytes = field(repr=False)

    def ask(
        self,
        objected: Objected,
        progress: ExportProgress,
        tables: Tables,
        cause: Cause,
        ordinal: int,
        trace: bytes | None,
    ) -> Asked | None:
        """Hold the batch and ask for its release; None where nobody could answer. `ordinal` is the action's place among outputs."""
        keys = ReleasingKeys.of(self.secret)
        agent = keys.enrolled_as(tables.directory)
        persons = _persons(objected.batch, progress, tables)
        if agent is None or not persons or progress.held >= MAX_HELD:
            return None
        release_id = cause.id("rl")
        held = codec.encode(objected.masked.model_copy(update={"release_id": release_id}))
        try:
            encoded = self._action(release_id, agent, objected, persons, held.value, cause.now_ms)
        except (RecordError, ValueError):  # whatever a sample holds, it is no reason to stand still
            return None
        return Asked(
            release_id,
            put_held(self._held(release_id, agent, objected, held.value, encoded, cause.now_ms)),
            _output(release_id, objected.batch.lane, encoded, keys, cause, ordinal, trace),
        )

    def _action(
        self,
        release_id: str,
        agent: str,
        objected: Objected,
        persons: tuple[str, ...],
        held: bytes,
        now_ms: int,
    ) -> Encoded:
        batch, digest = objected.batch, sha256(held)
        source: dict[str, Any] = (
            {"agent": batch.agent, "action_id": batch.action_id}
            if batch.stream is None
            else {"stream": batch.stream, "pipeline": batch.source}
        )
        of = {**source, "batch": batch.sequence + 1, "persons": list(persons)}
        action = Action(
            deployment=self.deployment,
            action_id=release_id,
            agent=agent,
            lane=batch.lane,
            type=EXPORT_RELEASE,
            nonce=derived(self.secret, "release nonce", digest)[:_NONCE_BYTES],
            created_at_ms=now_ms,
            arguments={
                "profile": objected.masked.profile,
                "of": of,
                "held_digest": digest.hex(),
                **objected.report,
            },
        )
        return codec.encode(action)

    def _held(
        self, release_id: str, agent: str, objected: Objected, held: bytes, action: Encoded, now_ms: int
    ) -> HeldExport:
        return HeldExport(
            action_id=release_id,
            lane=objected.batch.lane,
            agent=agent,
            action_digest=envelope_digest(action.payload_type, action.value),
            held_digest=sha256(held),
            reasons=objected.reasons,
            sealed=sealed_batch(self.secret, release_id, held),
            held_ms=now_ms,
            until_ms=now_ms + HELD_MS,
        )


def with_persons_behind(progress: ExportProgress, batch: ExportBatch, tables: Tables) -> ExportProgress:
    """The chain, with the persons behind its action as they are when it begins: only its first batch carries the grant.

    Nobody where not all of them can be named.
    """
    if batch.grant is None:
        return progress
    try:
        grant = codec.decode(batch.grant.payload_type, batch.grant.value, {"grant"})
        assert isinstance(grant, Grant)  # noqa: S101  # decode was told this kind
        action = codec.decode(grant.action.payload_type, grant.action.value, {"action"})
        assert isinstance(action, Action)  # noqa: S101  # likewise
    except RecordError:
        return progress
    behind = tables.directory, action.agent, action.on_behalf_of
    if not is_origin_known(*behind):
        return progress
    return progress.model_copy(update={"behind": tuple(sorted({*origin_set(*behind), *grant.excluded}))})


def _persons(batch: ExportBatch, progress: ExportProgress, tables: Tables) -> tuple[str, ...]:
    if batch.stream is None:
        return progress.behind
    pipeline = tables.directory.pipelines.get(batch.source)
    return () if pipeline is None else tuple(sorted(pipeline.owners))


def _output(
    release_id: str,
    lane: str,
    action: Encoded,
    keys: ReleasingKeys,
    cause: Cause,
    ordinal: int,
    trace: bytes | None,
) -> Output:
    headers = record_headers(
        kind="action",
        payload_type=action.payload_type,
        id=release_id,
        subject=release_id,
        source=SOURCE,
        origin=cause.origin,
        ordinal=ordinal,
        traceparent=trace,
        sig=sign(keys.agent, action.payload_type, action.value),
    )
    return Output("actions", lane.encode(), action.value, headers)
