# pyright: reportMissingImports=false
"""The router on FastStream: in batches, idempotent, acknowledged after its outputs. It has no transactions: at least once."""

import asyncio
import json
import logging
import sys
from typing import Any

from faststream import AckPolicy, FastStream
from faststream.confluent import KafkaBroker
from faststream.security import SASLPlaintext
from rule import entry, outcome


def main(told: dict[str, Any]) -> None:
    """Route until the process is ended."""
    broker = KafkaBroker(
        told["bootstrap"],
        security=SASLPlaintext(told["user"], told["password"]),
        acks="all",
        enable_idempotence=True,
        allow_auto_create_topics=False,
        logger=None,
        log_level=logging.ERROR,
    )

    @broker.subscriber(  # type: ignore[untyped-decorator]  # it is not installed where types are checked
        told["source"],
        group_id=told["group"],
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        batch=True,
        ack_policy=AckPolicy.NACK_ON_ERROR,
        **told["options"],
    )
    async def route(actions: list[dict[str, Any]]) -> None:
        await broker.publish_batch(*map(outcome, actions), topic=told["outcomes"])
        await broker.publish_batch(*map(entry, actions), topic=told["audit"])

    asyncio.run(FastStream(broker, logger=None).run())


if __name__ == "__main__":
    main(json.load(sys.stdin))
