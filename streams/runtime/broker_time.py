"""Asks the brokers for the time, again and again: appends a record of one byte and looks at its log-append time.

A topic of its own, outside every transaction: so the time is known before the first decision, while nothing arrives, and again
as soon as a broker that was away is back; and no report of a delivery costs the records that matter anything.
"""

import time
from collections.abc import Callable
from typing import Final

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, KafkaException, Message, Producer

from sluicegate.schemas.errors import ConfigurationError, TimedOutError
from sluicegate.streams.kafka.client_errors import UNANSWERED, translate
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.logs import get_logger

from .clock import BrokerClock

TIME_TOPIC: Final = "conformance"
"""A topic for trying things out, which gate and masking may write and nobody reads for what it holds."""
EVERY_S: Final = 5.0
"""Between two questions: a broker's clock that is set is noticed within this time."""
_AGAIN_S: Final = 0.5
_WAIT_S: Final = 0.05


class BrokerTime:
    """Keeps a `BrokerClock` right; `turn` never waits. Of one thread."""

    def __init__(self, connection: Connection, topic: str, clock: BrokerClock, *, bearable_ms: int) -> None:
        """`topic` is one that this principal may write. A wall clock further off than `bearable_ms` is told once."""
        self.answers = 0
        """How often the brokers have said their time."""
        self._connection = connection
        self._topic = topic
        self._clock = clock
        self._bearable_ms = bearable_ms
        self._log = get_logger("sluicegate.worker")
        self._ask_at_s = 0.0
        self._asking = False
        self._is_off = False
        self._refused: KafkaError | None = None
        self._producer = self._open()

    def turn(self) -> None:
        """Take in an answer, ask when it is time to. Without an answer the clock goes on as it did."""
        if self._asking:
            self._producer.poll(0)
        if not self._asking and time.monotonic() >= self._ask_at_s:
            self._ask()

    def wait(self, beat: Callable[[], None], limit_s: float) -> None:
        """Return when the time is known; TimedOutError when the brokers do not say it, AccessError when they may not."""
        deadline = time.monotonic() + limit_s
        while not self._clock.known:
            beat()
            self.turn()
            self._producer.poll(_WAIT_S)
            if self._refused is not None and self._refused.code() not in UNANSWERED:
                raise translate(
                    KafkaException(self._refused),
                    user=self._connection.user,
                    bootstrap=self._connection.bootstrap,
                    what=f"write to `{self._topic}`",
                )
            if time.monotonic() > deadline:
                raise TimedOutError(f"the brokers did not say their time within {limit_s:.0f} s")

    def _open(self) -> Producer:
        # A record that is there twice harms nobody, and an idempotent producer takes a second to begin.
        return Producer({**self._connection.producer_config(), "enable.idempotence": False})

    def _ask(self) -> None:
        sent_at = time.monotonic()

        def answered(error: KafkaError | None, message: Message) -> None:
            self._answered(error, message, sent_at)

        self._asking = True
        try:
            self._producer.produce(
                self._connection.topic(self._topic), b"t", partition=0, on_delivery=answered
            )
        except KafkaException as error:
            self._fails(error.args[0])

    def _fails(self, error: KafkaError) -> None:
        self._asking = False
        self._refused = error
        self._ask_at_s = time.monotonic() + _AGAIN_S
        if error.fatal():
            self._producer = self._open()

    def _answered(self, error: KafkaError | None, message: Message, sent_at: float) -> None:
        acknowledged_at = time.monotonic()
        if error is not None:
            self._fails(error)
            return
        self._asking = False
        self._ask_at_s = acknowledged_at + EVERY_S
        kind, append_ms = message.timestamp()
        if kind != TIMESTAMP_LOG_APPEND_TIME:
            raise ConfigurationError(
                f"`{self._topic}` does not carry log-append time; set `message.timestamp.type` with `sluicegate topics apply`"
            )
        self.answers += 1
        self._clock.learned(append_ms, sent_at, acknowledged_at)
        self._judge_wall_clock()

    def _judge_wall_clock(self) -> None:
        ahead_ms = self._clock.wall_offset_ms
        is_off = ahead_ms is not None and abs(ahead_ms) > self._bearable_ms
        if is_off and not self._is_off:
            self._log.warning(
                "the wall clock is not the brokers'; nothing is decided by it", ahead_ms=ahead_ms
            )
        self._is_off = is_off
