"""Partitions that wait for an open transaction: since when, and what is said about it."""

import logging

import pytest

from sluicegate.streams.logs import get_logger
from sluicegate.streams.runtime.open_transactions import OFFSETS, OPEN_MS, Held, OpenTransactions

CHANGELOG = Held("gate.pending.changelog", 12)


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said, in order."""
    return [record.getMessage().partition(" partition=")[0] for record in caplog.records]


def test_a_partition_that_waits_too_long_is_told_once_and_once_that_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing within the time that our own transactions may take."""
    caplog.set_level(logging.INFO)
    waiting = OpenTransactions(get_logger("sluicegate.worker"))
    for now_ms in (1_000, 1_000 + OPEN_MS):
        waiting.look({0: CHANGELOG}, now_ms)
    assert (waiting.since_ms(0), events(caplog)) == (1_000, [])
    for now_ms in range(1_001 + OPEN_MS, 5_000 + OPEN_MS, 500):
        waiting.look({0: CHANGELOG}, now_ms)
    assert events(caplog) == ["a partition waits for an open transaction"]
    assert "gate.pending.changelog-0@12" in caplog.text
    assert "kafka-transactions.sh" in caplog.text
    waiting.look({}, 9_000 + OPEN_MS)
    assert waiting.since_ms(0) is None
    assert events(caplog)[1:] == ["the open transaction has ended"]


def test_one_transaction_after_the_other_is_no_open_one() -> None:
    """Whoever waits at another place begins to wait."""
    waiting = OpenTransactions(get_logger("sluicegate.worker"))
    waiting.look({0: Held(OFFSETS), 1: CHANGELOG}, 1_000)
    waiting.look({0: CHANGELOG, 1: CHANGELOG}, 2_000)
    assert (waiting.since_ms(0), waiting.since_ms(1)) == (2_000, 1_000)
