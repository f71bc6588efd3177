"""Say once that Kafka does not answer, and once that it does again: whoever waits must know for what."""

import time
from typing import Final

from sluicegate.streams.logs import get_logger

SILENCE_S: Final = 3.0
"""A pause that is worth a line: longer than an election of a leader takes."""
_log = get_logger("sluicegate.kafka")


class Outage:
    """One thing that a client waits for, such as "deliveries of records"; for one thread."""

    def __init__(self, waiting_for: str) -> None:
        self._waiting_for = waiting_for
        self._since_s: float | None = None
        self._said = False

    def waits(self) -> None:
        """Kafka owes an answer; a line once that lasts."""
        now_s = time.monotonic()
        if self._since_s is None:
            self._since_s = now_s
        elif not self._said and now_s - self._since_s >= SILENCE_S:
            self._said = True
            _log.warning("Kafka does not answer, waiting for it", waiting_for=self._waiting_for)

    def answered(self) -> None:
        """It has answered; a line if the wait was worth one."""
        if self._said and self._since_s is not None:
            _log.warning(
                "Kafka answers again",
                waiting_for=self._waiting_for,
                waited_s=round(time.monotonic() - self._since_s, 1),
            )
        self._since_s, self._said = None, False
