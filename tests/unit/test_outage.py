"""Who waits for Kafka says so once, not at every turn."""

import logging

import pytest

from sluicegate.streams.kafka import outage
from sluicegate.streams.kafka.outage import Outage


def test_an_outage_is_said_once_and_its_end_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it waits: one line when it lasts, one when it is over, with how long it took."""
    now_s = 0.0
    monkeypatch.setattr(outage.time, "monotonic", lambda: now_s)
    waiting = Outage("answers")
    for _ in range(100):
        waiting.waits()
        now_s += 0.5
    for _ in range(5):
        waiting.answered()
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert lines == [
        "Kafka does not answer, waiting for it waiting_for=answers",
        "Kafka answers again waiting_for=answers waited_s=50.0",
    ]


def test_a_short_pause_is_not_worth_a_line(caplog: pytest.LogCaptureFixture) -> None:
    """An election of a leader is no outage."""
    waiting = Outage("answers")
    waiting.waits()
    waiting.waits()
    waiting.answered()
    assert caplog.records == []
