"""The clinic's systems, pretended: they do nothing but count what was really done to them."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from sluicegate.schemas.action import Action
from sluicegate.schemas.grant import Grant

TYPES: Final = ("ward.read", "container.start", "data.export", "iam.grant", "device.reboot")
"""The action types that the clinic's executor takes."""


class Clinic:
    """Counts effects by action id and remembers idempotency keys, as a good target system does."""

    def __init__(self) -> None:
        """Nothing was done yet."""
        self.effects: Counter[str] = Counter()
        self._guard = threading.Lock()

    def handlers(self) -> dict[str, Callable[[Action, Grant], Any]]:
        """One handler for every type."""
        return dict.fromkeys(TYPES, self._do)

    def _do(self, action: Action, grant: Grant) -> dict[str, Any]:
        with self._guard:
            self.effects[action.action_id] += 1
        return {"done": action.type, "idempotency_key": grant.grant_id}
