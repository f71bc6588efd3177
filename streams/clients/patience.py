"""How long a wait goes on, when it warns, and what it says when it gives up."""

import time
from typing import Final

from sluicegate.schemas.errors import TimedOutError
from sluicegate.streams.logs import get_logger

from .outcome_history import Awaited

SILENCE_S: Final = 10.0
"""Without any outcome for this long, a record is likely to be a dead letter, or no gate runs."""
_MAYBE_DEAD: Final = (
    "it may be a dead letter (unknown key, wrong lane, another deployment) or no gate runs: "
    "see `sluicegate dlq list` and `sluicegate show`"
)
_log = get_logger("sluicegate.clients")


class Patience:
    """One wait. Told by the monotonic clock of this machine."""

    def __init__(self, awaited: Awaited, timeout_s: float) -> None:
        self._awaited = awaited
        self._timeout_s = timeout_s
        self._began = time.monotonic()
        self._warned = False

    @property
    def left_s(self) -> float:
        """How much of the time is left, 0 when it is over."""
        return max(0.0, self._began + self._timeout_s - time.monotonic())

    def next_s(self) -> float:
        """How long to wait for news; TimedOutError when the time is over. Warns once about silence."""
        waited_s = time.monotonic() - self._began
        if waited_s >= self._timeout_s:
            raise self._given_up(waited_s)
        if self._warned or self._awaited.latest() is not None:
            return self._timeout_s - waited_s
        if waited_s < SILENCE_S:
            return min(self._timeout_s, SILENCE_S) - waited_s
        self._warned = True
        _log.warning("no outcome yet: " + _MAYBE_DEAD, action_id=self._awaited.history.action_id)
        return self._timeout_s - waited_s

    def _given_up(self, waited_s: float) -> TimedOutError:
        name, latest = self._awaited.history.action_id, self._awaited.latest()
        if latest is not None and latest.outcome.final:
            return TimedOutError(
                f"`{name}` is `{latest.outcome.value}`, but its masked result has not come back after {waited_s:.0f} s; "
                "see whether masking runs (`sluicegate mask run`) or refused it (`sluicegate show`), and wait again for the result"
            )
        if latest is not None:
            return TimedOutError(
                f"`{name}` is `{latest.outcome.value}` after {waited_s:.0f} s; wait again for its end"
            )
        advice = _MAYBE_DEAD if waited_s >= SILENCE_S else "wait longer: the gate may not have read it yet"
        return TimedOutError(
            f"nothing was heard of `{name}` in {waited_s:.0f} s, not even `pending`; {advice}"
        )
