"""What did not pass masking, for the privacy office: why and of what, and the bytes for who holds the private key.

Listing and showing open nothing. `opened` does, and what it returns may identify people.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from sluicegate.processors.contract import Position
from sluicegate.processors.masking.sealing import open_sealed
from sluicegate.schemas import codec
from sluicegate.schemas.envelope import PayloadType, envelope_digest
from sluicegate.schemas.errors import RecordError, RefusedError
from sluicegate.schemas.export import ExportBatch, QuarantinedBatch
from sluicegate.schemas.released import released_schemas
from sluicegate.streams.kafka.connection import Connection, connect_as
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.settings import Settings, load

from .reading import read_record
from .topic_reader import From, Start, TopicReader

TOPIC: Final = "exports.quarantine"
SHORTEST_DIGEST: Final = 12
"""Hex digits by which a batch may be named instead of by its id, which its source chose."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A sealed batch and where it stands."""

    position: Position
    append_ms: int
    batch: QuarantinedBatch


class QuarantineReader:
    """Reads `exports.quarantine`; joins no group and commits nothing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    def connect(cls, *, settings: Settings | None = None) -> Self:
        """Connect as the settings say, with the rights of the privacy office."""
        return cls(connect_as(settings or load(), Role.PRIVACY))

    def list(self, *, since_ms: int | None = None) -> Iterator[Quarantined]:
        """Everything that is sealed, from the oldest or a log-append time on."""
        start: Start = From.BEGINNING if since_ms is None else since_ms
        with TopicReader(self._connection, TOPIC, start) as reader:
            for record in reader.to_end():
                yield Quarantined(record.position, record.append_ms, read_record(record, QuarantinedBatch))

    def show(self, name: str) -> Quarantined:
        """The batch of this id, or whose digest begins so; RefusedError when there is none, or more than one."""
        found = [one for one in self.list() if _is_named(one.batch, name)]
        if not found:
            raise RefusedError("there is no such batch in quarantine; see `sluicegate quarantine list`")
        if len({one.batch.source_digest for one in found}) > 1:
            raise RefusedError("several batches have this id; name the one you mean by its digest")
        return found[-1]


def opened(batch: QuarantinedBatch, private_text: str) -> ExportBatch:
    """The raw batch; RecordError when the key is another one, or what is sealed is not what the digest names."""
    value = open_sealed(private_text, batch.sealed)
    for version in released_schemas()["export-batch"]:
        payload_type = str(PayloadType("export-batch", version.fingerprint))
        if envelope_digest(payload_type, value) == batch.source_digest:
            return codec.decode_own(value, ExportBatch)
    raise RecordError("what is sealed is not the batch whose digest is named; do not trust it")


def _is_named(batch: QuarantinedBatch, name: str) -> bool:
    is_digest = len(name) >= SHORTEST_DIGEST and batch.source_digest.hex().startswith(name)
    return batch.batch_id == name or is_digest
