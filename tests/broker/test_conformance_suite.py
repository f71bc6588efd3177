"""What the doctor asks of a broker, on a real one."""

from dataclasses import fields

import pytest

from sluicegate.streams.kafka.conformance_suite import check_every_promise
from sluicegate.streams.kafka.connection import Config, Connection
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker


def test_real_kafka_holds_every_promise_with_the_rights_of_the_gate(cluster: Cluster) -> None:
    """Open, interleaved, fenced and aborted transactions, positions, a member that left, headers and times."""
    report = check_every_promise(cluster.connection("gate"), "conformance", "doctor")
    assert [check.name for check in report.checks if not check.held] == []
    assert len(report.checks) == 16


def test_it_can_be_asked_again(cluster: Cluster) -> None:
    """What an earlier examination left behind is in nobody's way."""
    for _ in range(2):
        check_every_promise(cluster.connection("gate"), "conformance", "again").require()


class _Careless(Connection):
    """Its readers see what was never committed: a broker that hides nothing looks so."""

    def reader_config(self, *, isolation: str = "read_committed") -> Config:
        del isolation
        return super().reader_config(isolation="read_uncommitted")


def test_a_broker_that_hides_nothing_is_found_out(cluster: Cluster) -> None:
    """Each promise about what readers must not see is broken, and named."""
    gate = cluster.connection("gate")
    careless = _Careless(**{field.name: getattr(gate, field.name) for field in fields(gate)})
    broken = {
        check.name for check in check_every_promise(careless, "conformance", "x").checks if not check.held
    }
    assert broken >= {
        "an aborted record is hidden under read_committed",
        "an open transaction is invisible",
        "records behind an open transaction wait for its end",
        "the end for readers of committed records lies before it",
        "of interleaved transactions only the committed one is visible",
        "what it had written is hidden",
    }
