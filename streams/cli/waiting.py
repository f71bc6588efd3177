"""What waits for people and how far each request has come, folded once from `approvals`."""

from dataclasses import dataclass, field

from sluicegate.processors.contract import Record
from sluicegate.schemas.approval import ApprovalRequest, Tally
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.errors import RecordError, RefusedError
from sluicegate.streams.clients.inbox import ASKED, Alarm, Inbox
from sluicegate.streams.clients.reading import read_record
from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.kafka.connection import Connection

TOPIC = "approvals"
SHORTEST = 6
"""Characters of a request id that may stand for the whole."""


@dataclass(slots=True)
class Waiting:
    """Open requests, and the last tally that counted for each."""

    inbox: Inbox = field(default_factory=Inbox)
    counted: dict[str, Tally] = field(default_factory=dict)
    alarms: list[Alarm] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """Of persons, by id, for a reader who may know them."""

    def take(self, record: Record) -> None:
        """One record of `approvals`, in the order of its partition."""
        try:
            model = read_record(record, *ASKED)
        except RecordError:
            return
        event = self.inbox.take(model, sha256(record.value or b""), record.position)  # type: ignore[arg-type]
        if isinstance(event, Alarm):
            self.alarms.append(event)
        elif isinstance(event, Tally) and event.counted:
            self.counted[event.request_id] = event

    def requests(self) -> tuple[ApprovalRequest, ...]:
        """What waits, earliest deadline first."""
        waiting = self.inbox.open.values()
        return tuple(sorted(waiting, key=lambda one: (one.requirement.deadline_ms, one.request_id)))

    def named(self, name: str) -> ApprovalRequest:
        """The open request with this id, the beginning of it, or the id of its action; RefusedError otherwise."""
        found = [
            one
            for one in self.inbox.open.values()
            if name in {one.request_id, one.action_id}
            or (len(name) >= SHORTEST and one.request_id.startswith(name))
        ]
        if not found:
            raise RefusedError(f"no request `{name}` waits; `sluicegate inbox` lists what does")
        if len(found) > 1:
            raise RefusedError(f"`{name}` could be {len(found)} requests; write the whole request id")
        return found[0]


def read_waiting(connection: Connection) -> Waiting:
    """Everything on `approvals` as of now."""
    waiting = Waiting()
    with TopicReader(connection, TOPIC, From.BEGINNING) as reader:
        for record in reader.to_end():
            waiting.take(record)
    return waiting
