"""The trace a record belongs to, passed on from input to outputs."""

import re
from typing import Final

from sluicegate.schemas.envelope import Headers

_TRACEPARENT: Final = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""https://www.w3.org/TR/trace-context/#traceparent-header"""


def traceparent(headers: Headers) -> bytes | None:
    """The first `traceparent`, when it is one."""
    # INVARIANT: headers are not signed. Passed on as they come, they would carry anything of any size to whoever reads.
    found = next((value for name, value in headers if name == "traceparent"), None)
    return found if found is not None and _TRACEPARENT.fullmatch(found) else None
