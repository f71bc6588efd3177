"""Times as people write them: `30m` ago, or a date."""

import re
import time
from datetime import datetime
from typing import Final

from sluicegate.schemas.errors import ConfigurationError

_AGO = re.compile(r"(?P<count>\d{1,9})(?P<unit>[smhd])")
_UNIT_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def since_ms(text: str | None, now_ms: int | None = None) -> int | None:
    """Milliseconds since the epoch of `2h` (ago) or of an ISO 8601 time, local unless it names a zone; None for None."""
    if text is None:
        return None
    if ago := _AGO.fullmatch(text):
        now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        return max(0, now - int(ago["count"]) * _UNIT_MS[ago["unit"]])
    try:
        return max(0, int(datetime.fromisoformat(text).timestamp() * 1000))
    except (ValueError, OverflowError, OSError):
        raise ConfigurationError(f"`{text}` is no time: write 30m, 2h, 7d, or 2026-01-31T08:00") from None
