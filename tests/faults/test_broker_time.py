"""A real broker is asked for the time: what it says, also after it was away, and who may not ask."""

import shutil
import tempfile
import time
from pathlib import Path

import pytest
from broker_away import WAYS, BrokerOfOurOwn

from sluicegate.schemas.errors import AccessError
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.embedded import EmbeddedBroker, Lifetime
from sluicegate.streams.runtime.broker_time import TIME_TOPIC, BrokerTime
from sluicegate.streams.runtime.clock import BrokerClock
from sluicegate.streams.state_folder import StateFolder
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker

HOUR_MS = 3_600_000
SKEW_MS = 2_000
AWAY_S = 8.0
LIMIT_S = 60.0


def now_ms() -> int:
    """The broker's clock: it runs on this machine."""
    return time.time_ns() // 1_000_000


def asked(connection: Connection) -> tuple[BrokerClock, BrokerTime]:
    """A worker's clock on a machine that is an hour ahead, once it knows the time."""
    clock = BrokerClock(time.monotonic, lambda: now_ms() + HOUR_MS)
    brokers = BrokerTime(connection, TIME_TOPIC, clock, bearable_ms=SKEW_MS)
    brokers.wait(lambda: None, LIMIT_S)
    return clock, brokers


def test_the_time_is_the_brokers_and_not_ahead_of_it(cluster: Cluster) -> None:
    """Right after the first answer, and later, whatever the wall clock says."""
    clock, brokers = asked(cluster.connection("gate"))
    for _ in range(20):
        brokers.turn()
        told_ms = clock.now_ms()
        assert told_ms <= now_ms()
        assert now_ms() - told_ms < SKEW_MS
        time.sleep(0.01)


def test_who_may_not_write_there_is_told_so(cluster: Cluster) -> None:
    """At the start, in our own words."""
    with pytest.raises(AccessError, match="conformance"):
        asked(cluster.connection("agent-local"))


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_after_the_broker_was_away_it_is_asked_again(way: str) -> None:
    """Meanwhile the clock goes on; a new answer makes it exact again."""
    folder = Path(tempfile.mkdtemp(prefix="sluicegate-"))
    broker = BrokerOfOurOwn(EmbeddedBroker.start(StateFolder(folder), lifetime=Lifetime.WITH_PARENT))
    try:
        clock, brokers = asked(Cluster.fresh(broker.running).connection("gate"))
        WAYS[way](broker, AWAY_S)
        assert clock.now_ms() <= now_ms()
        before, deadline = brokers.answers, time.monotonic() + LIMIT_S
        while brokers.answers < before + 2:
            assert time.monotonic() < deadline
            brokers.turn()
            time.sleep(0.01)
        assert 0 <= now_ms() - clock.now_ms() < SKEW_MS
    finally:
        broker.close()
        shutil.rmtree(folder, ignore_errors=True)
