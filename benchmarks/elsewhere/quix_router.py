# pyright: reportMissingImports=false
"""The router on Quix Streams, exactly once as its documentation says: one option of the application."""

import json
import sys
from typing import Any

from quixstreams import Application
from quixstreams.kafka.configuration import ConnectionConfig
from rule import entry, outcome


def main(told: dict[str, Any]) -> None:
    """Route until the process is ended."""
    application = Application(
        broker_address=ConnectionConfig(
            bootstrap_servers=told["bootstrap"],
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="PLAIN",
            sasl_username=told["user"],
            sasl_password=told["password"],
        ),
        consumer_group=told["group"],
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        auto_create_topics=False,
        loglevel="ERROR",
        **told["options"],
    )
    source, outcomes, audit = (
        application.topic(told[name], key_serializer="bytes", key_deserializer="bytes")
        for name in ("source", "outcomes", "audit")
    )
    actions = application.dataframe(source)
    actions.apply(outcome).to_topic(outcomes)
    actions.apply(entry).to_topic(audit)
    application.run()


if __name__ == "__main__":
    main(json.load(sys.stdin))
