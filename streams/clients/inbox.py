"""What waits for people, rebuilt from `approvals`: requests minus resolutions, the latest revision of each. Pure.

Source: approvals. An id that comes again with the same bytes is ignored; with other bytes both are refused and an alarm is
raised: nobody may decide on a request of which two versions exist. The same holds for a view that is not what its digest
says.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sluicegate.processors.contract import Position
from sluicegate.schemas.approval import ApprovalRequest, Reminder, Resolution, Tally
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.fields import Wire

from .seen import Seen, Sighting


class AlarmReason(StrEnum):
    """Why a record on `approvals` is not believed."""

    TWO_VERSIONS = "two-versions"
    """The same id, and the same revision of a request, with other content."""
    VIEW_DIGEST = "view-digest"
    """The text of the view is not what its digest says."""
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a person must look into; it names no content."""

    reason: AlarmReason
    position: Position
    id: str | None = None


Event = ApprovalRequest | Tally | Reminder | Resolution | Alarm
"""What happens on `approvals`. A request with a revision above 1 has been raised."""

Asked = ApprovalRequest | Tally | Reminder | Resolution
"""The records on `approvals`."""
ASKED: Final[tuple[type[Wire], ...]] = (ApprovalRequest, Tally, Reminder, Resolution)


def view_holds(request: ApprovalRequest) -> bool:
    """Whether the shown text is the one its digest names."""
    return sha256(request.view.text.encode()) == request.view.digest


@dataclass(slots=True)
class Inbox:
    """Fold of `approvals`, one record at a time, in the order of each partition."""

    _open: dict[str, ApprovalRequest] = field(default_factory=dict)
    _refused: set[str] = field(default_factory=set)
    _requests: Seen = field(default_factory=Seen)
    _resolved: Seen = field(default_factory=Seen)
    _tallied: Seen = field(default_factory=Seen)
    _reminded: Seen = field(default_factory=Seen)

    @property
    def open(self) -> Mapping[str, ApprovalRequest]:
        """Requests that wait, by id."""
        return MappingProxyType(self._open)

    def is_refused(self, request_id: str) -> bool:
        """Whether an alarm stands against a request."""
        return request_id in self._refused

    def take(self, record: Asked, digest: bytes, position: Position) -> Event | None:
        """Take one record; `digest` is that of its bytes. None for a copy, an alarm for what is not believed."""
        match record:
            case ApprovalRequest():
                return self._request(record, digest, position)
            case Resolution():
                return self._resolution(record, digest, position)
            case Tally():
                return self._once(self._tallied, record.decision_id, digest, position, record)
            case Reminder():
                return self._reminder(record, digest, position)

    def _request(self, request: ApprovalRequest, digest: bytes, position: Position) -> Event | None:
        name = request.request_id
        event = self._once(self._requests, f"{name}@{request.revision}", digest, position, request)
        if event is request and not view_holds(request):
            event = Alarm(AlarmReason.VIEW_DIGEST, position, name)
        if isinstance(event, Alarm):
            self._refused.add(name)
            self._open.pop(name, None)
            return Alarm(event.reason, position, name)
        if event is None or name in self._refused or self._resolved.knows(name):
            return None
        known = self._open.get(name)
        if known is not None and known.revision > request.revision:
            return None
        self._open[name] = request
        return request

    def _reminder(self, reminder: Reminder, digest: bytes, position: Position) -> Event | None:
        name = f"{reminder.request_id}@{reminder.revision}"
        event = self._once(self._reminded, name, digest, position, reminder)
        # Of what does not wait any more, or must not be decided on, nobody is reminded.
        return None if event is reminder and reminder.request_id not in self._open else event

    def _resolution(self, resolution: Resolution, digest: bytes, position: Position) -> Event | None:
        # Two different ends or one: it does not wait any more.
        self._open.pop(resolution.request_id, None)
        return self._once(self._resolved, resolution.request_id, digest, position, resolution)

    def _once(self, seen: Seen, name: str, digest: bytes, position: Position, event: Event) -> Event | None:
        match seen.sight(name, digest):
            case Sighting.NEW:
                return event
            case Sighting.COPY:
                return None
            case Sighting.CONFLICT:
                return Alarm(AlarmReason.TWO_VERSIONS, position, name)


Listener = Callable[[Event], None]
