"""What several test folders share: one real Apache Kafka per session, and a fresh deployment on it per test."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from sluicegate.schemas.errors import SluicegateError
from sluicegate.streams.kafka.embedded import EmbeddedBroker, temporary_broker
from sluicegate.streams.logs import silence_logging
from sluicegate.streams.testing.cluster import Cluster

# Scenarios are no test files, and yet their assertions should say what they saw.
pytest.register_assert_rewrite("gate_scenarios")


@pytest.fixture(scope="session")
def broker() -> Iterator[EmbeddedBroker]:
    """A temporary broker for the whole session; without one the tests that need it fail, and never skip."""
    with ExitStack() as stack:
        try:
            # Deployments add up: topics cannot be deleted.
            started = stack.enter_context(temporary_broker(heap_mib=512))
        except SluicegateError as error:
            pytest.fail(f"this test needs a real Apache Kafka, which could not start: {error}", pytrace=False)
        yield started


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """A command that a test runs in this process sets up logging for itself, not for the tests after it."""
    yield
    silence_logging()


@pytest.fixture
def cluster(broker: EmbeddedBroker) -> Cluster:
    """A fresh deployment with topics, users and rights of every local principal."""
    return Cluster.fresh(broker)
