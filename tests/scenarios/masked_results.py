"""Results on a real Kafka: what stands on the topics of exports, and whether each batch is there exactly once."""

from collections import Counter

from kafka_world import KafkaWorld

from sluicegate.schemas.export import ExportBatch, MaskedBatch, QuarantinedBatch, WithheldBatch
from sluicegate.streams.clients.reading import read_record
from sluicegate.streams.clients.topic_reader import From, TopicReader

Key = tuple[str | None, int]
"""Grant and place in its result."""


def sent(world: KafkaWorld) -> Counter[Key]:
    """Every batch that executors have sent, as readers of committed records see it."""
    with TopicReader(world.cluster.super_user().connection, "exports.raw", From.BEGINNING) as reader:
        read = [read_record(record, ExportBatch) for record in reader.to_end()]
    return Counter((batch.grant_id, batch.sequence) for batch in read)


def handed_on(world: KafkaWorld) -> list[MaskedBatch | WithheldBatch]:
    """Everything that may be read of results."""
    with TopicReader(world.cluster.super_user().connection, "exports.masked", From.BEGINNING) as reader:
        return [read_record(record, MaskedBatch, WithheldBatch) for record in reader.to_end()]


def places(batches: list[MaskedBatch | WithheldBatch]) -> Counter[Key]:
    """How often each batch was handed on."""
    return Counter((batch.grant_id, batch.sequence) for batch in batches)


def quarantined(world: KafkaWorld) -> list[QuarantinedBatch]:
    """Everything that is sealed."""
    with TopicReader(world.cluster.super_user().connection, "exports.quarantine", From.BEGINNING) as reader:
        return [read_record(record, QuarantinedBatch) for record in reader.to_end()]
