"""`audit` on a cluster as what is exported, with an analyst's rights."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from sluicegate.processors.contract import Record
from sluicegate.schemas.errors import TimedOutError
from sluicegate.streams.clients.kafka_errors import Trouble, explain
from sluicegate.streams.clients.topic_reader import REQUEST_S, From, TopicReader
from sluicegate.streams.kafka.connection import Connection

TOPIC: Final = "audit"
_POLL_S: Final = 0.1
_SILENT_S: Final = 60.0
_ASK_EVERY: Final = 64
"""Batches after which the position is asked for: a request to the client's own thread, so not at every record."""


class AuditSource:
    """Reads one partition at a time with a consumer of its own; joins no group, commits nothing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.topic = connection.topic(TOPIC)
        self.topic_id = _topic_id(connection, self.topic)

    def marks(self) -> Mapping[int, tuple[int, int]]:
        """First offset and committed end of every partition, as of now."""
        with TopicReader(self._connection, TOPIC, From.END) as reader:
            begins, ends = reader.begins(), reader.ends()
        return {partition: (begins[partition], end) for partition, end in ends.items()}

    def records(self, partition: int, start: int, end: int) -> Iterator[list[Record]]:
        """Committed records in [start, end); TimedOutError when nothing at all arrives for a minute."""
        with TopicReader(self._connection, TOPIC, {partition: start}, partitions=[partition]) as reader:
            silent_s, batches = 0.0, 0
            while True:
                records = reader.poll(_POLL_S)
                batches += 1
                silent_s = 0.0 if records else silent_s + _POLL_S
                if silent_s > _SILENT_S:
                    raise TimedOutError(f"the end of `{TOPIC}` was not reached; is a transaction left open?")
                # INVARIANT: nothing after the end as of the start: it could be half of a transaction.
                inside = [record for record in records if record.position.offset < end]
                if inside:
                    yield inside
                is_over = len(inside) < len(records) or bool(inside and inside[-1].position.offset == end - 1)
                if is_over or (
                    not (records and batches % _ASK_EVERY) and reader.positions()[partition] >= end
                ):
                    return


def _topic_id(connection: Connection, name: str) -> str:
    trouble = Trouble()
    config: Any = {**connection.client_config(), "error_cb": trouble}
    # INVARIANT: the client must live until its answer is there.
    client = AdminClient(config)
    try:
        asked = client.describe_topics(TopicCollection([name]), request_timeout=REQUEST_S)
        return str(asked[name].result(REQUEST_S + 1).topic_id)
    except KafkaException as error:
        raise explain(connection, error, "read", TOPIC, trouble) from None
    except TimeoutError:
        raise TimedOutError(f"Kafka did not say in time which topic `{TOPIC}` is") from None
