"""Durations as operators write them: `500ms`, `45s`, `30m`, `2h`, `7d`."""

import re

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

_FORM = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_UNITS = {"ms": 1, "s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}


def milliseconds(text: str) -> int | None:
    """The duration in milliseconds, None when `text` is no duration."""
    found = _FORM.fullmatch(text)
    return int(found[1]) * _UNITS[found[2]] if found else None


def written(duration_ms: int) -> str:
    """The duration in the largest unit that divides it: 90,000 becomes `90s`."""
    unit = next(name for name in ("d", "h", "m", "s", "ms") if duration_ms % _UNITS[name] == 0)
    return f"{duration_ms // _UNITS[unit]}{unit}"
