"""How big a transaction may be and how soon it may follow the last one."""

import time
from typing import Final

MARKERS_S: Final = 0.003
"""Between a commit and the first record of the next transaction: sooner, the broker refuses it while it still writes
the markers of the last one, and the client waits much longer than this before it asks again."""

BACKLOG_S: Final = 0.1
"""How much work a transaction may hold while more waits than fits: what one costs beside its records is shared by more, and
no record that waits in the backlog would be answered sooner by smaller ones."""

_FEWEST: Final = 8
_SMOOTHING: Final = 0.2


class Pace:
    """Chooses how many records make a transaction that is at most `age_s` of work and at most `most` records.

    Each full one doubles the work that the next may hold, up to `BACKLOG_S`; each that is not halves it again.
    """

    __slots__ = ("_age_s", "_committed_s", "_least_age_s", "_most", "_per_record_s", "records")

    def __init__(self, age_s: float, most: int) -> None:
        self._age_s = self._least_age_s = age_s
        self._most = most
        self._per_record_s = 0.0
        self._committed_s = 0.0
        self.records = most

    def worked(self, records: int, spent_s: float) -> None:
        """So many records took so long."""
        if records:
            each_s = spent_s / records
            is_backlog = records >= self.records
            self._age_s *= 2 if is_backlog else 0.5
            self._age_s = max(self._least_age_s, min(self._age_s, BACKLOG_S))
            known_s = self._per_record_s or each_s
            self._per_record_s = known_s + _SMOOTHING * (each_s - known_s)
            fitting = int(self._age_s / self._per_record_s) if self._per_record_s else self._most
            self.records = max(min(_FEWEST, self._most), min(self._most, fitting))

    def committed(self) -> None:
        """A transaction has just ended."""
        self._committed_s = time.monotonic()

    def wait_for_markers(self) -> None:
        """Return when the next transaction may begin."""
        left_s = self._committed_s + MARKERS_S - time.monotonic()
        if left_s > 0:
            time.sleep(left_s)
