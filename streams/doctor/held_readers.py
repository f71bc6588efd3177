"""Where an open transaction holds up the readers of committed records: for longer than any of ours can stay open."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from sluicegate.schemas.errors import SluicegateError
from sluicegate.streams.kafka.admin import Admin
from sluicegate.streams.runtime.open_transactions import OPEN_MS

from .findings import Finding, fail, ok

_LOOK_S: Final = 0.5
_ANSWER_S: Final = 10.0
_SPEC: Any = OffsetSpec  # its functions carry no types

Partition = tuple[str, int]


def examine_held_readers(admin: Admin, limit_s: float = OPEN_MS / 1000) -> Iterator[Finding]:
    """Partitions whose readers stand still at one offset for so long; at once when there is none."""
    about = "open transactions"
    try:
        held = _held(admin)
        deadline = time.monotonic() + limit_s
        while held and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
            now = _held(admin)
            held = {each: offset for each, offset in held.items() if now.get(each) == offset}
    except (KafkaException, SluicegateError, TimeoutError):
        yield fail(about, "the cluster did not tell where the topics end", "ask again, or look at the broker")
        return
    for (topic, partition), offset in sorted(held.items()):
        tool = f"kafka-transactions.sh --bootstrap-server {admin.connection.bootstrap}"
        yield fail(
            f"{about} in {admin.naming.logical(topic) or topic}-{partition}",
            f"readers have stood still at offset {offset} for {limit_s:g} s",
            f"as an administrator of the cluster, if `{tool} find-hanging --broker-id N` names it, with N its leader: "
            f"`{tool} abort --topic {topic} --partition {partition} --start-offset {offset}`; "
            "else end the program whose transaction it is",
        )
    if not held:
        yield ok(about, "none holds up readers")


def _held(admin: Admin) -> Mapping[Partition, int]:
    """Partitions with records behind the first open transaction, and where that begins."""
    partitions = [
        TopicPartition(admin.naming.topic(topic), number)
        for topic, count in admin.partitions().items()
        for number in range(count)
    ]
    # In this order, so that what is appended meanwhile does not look held up.
    ends = _ends(admin, partitions, IsolationLevel.READ_UNCOMMITTED)
    stable = _ends(admin, partitions, IsolationLevel.READ_COMMITTED)
    return {each: offset for each, offset in stable.items() if offset < ends[each]}


def _ends(admin: Admin, partitions: list[TopicPartition], level: IsolationLevel) -> dict[Partition, int]:
    asked: dict[TopicPartition, Any] = dict.fromkeys(partitions, _SPEC.latest())
    answers = admin.client.list_offsets(asked, isolation_level=level, request_timeout=_ANSWER_S)
    return {(each.topic, each.partition): future.result(_ANSWER_S).offset for each, future in answers.items()}
