"""The clinic's systems, pretended: they do nothing but count what was really done to them."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from sluicegate.schemas.action import Action
from sluicegate.schemas.grant import Grant

TYPES: Final = ("ward.read", "container.start", "data.export", "iam.grant", "device.reboot")
"""The action types that the clinic's executor takes."""

BEDS: Final = 4
PATIENT: Final = {
    "name": "Ann Kovac",
    "birth_date": "1961-04-02",
    "phone": "555-867-5309",
    "remark": "Mrs. Kovac asks to be called; mail to ann.kovac@example.org",
}
"""Who lies in every ward."""
IDENTIFYING: Final = ("Kovac", "1961-04-02", "867-5309", "example.org")
"""What must not come back."""


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
        done = {"done": action.type, "idempotency_key": grant.grant_id}
        return {**done, "beds": BEDS, "patients": [PATIENT]} if action.type == "ward.read" else done
