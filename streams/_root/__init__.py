"""The gate between AI agents and the systems they can break, on Apache Kafka."""

__version__ = "0.1.0"
