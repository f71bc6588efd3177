"""I3: every grant that needs people rests on enough of them: distinct, in the needed groups, outside the origin set.

Requirement and excluded people are the stricter and the union of all that request and grant say. People count with the groups
recorded when they decided.
"""

from dataclasses import dataclass

from sluicegate.processors.events import Event
from sluicegate.schemas.approval import ResolutionKind
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.decision import Choice
from sluicegate.schemas.outcome import OutcomeKind

from .findings import Invariant, Ledger
from .placed import Placed
from .seating import enough

Action = tuple[str | None, str | None]


@dataclass(slots=True)
class _Request:
    action: Action
    groups: dict[str, int]
    quorum: int
    deadline_ms: int | None
    excluded: frozenset[str]
    approvals: dict[str, frozenset[str]]
    reminded: bool = False

    @classmethod
    def of(cls, entry: AuditEntry) -> "_Request":
        action = (entry.agent, entry.action_id)
        groups = dict(entry.requirement or {})
        return cls(action, groups, entry.quorum or 0, entry.deadline_ms, frozenset(entry.excluded), {})

    def raise_to(self, entry: AuditEntry) -> None:
        """The stricter of what was asked and what this entry asks; who is asked anew may be reminded anew."""
        self.reminded = self.reminded and entry.requirement is None
        for group, count in (entry.requirement or {}).items():
            self.groups[group] = max(count, self.groups.get(group, 0))
        self.quorum = max(self.quorum, entry.quorum or 0)
        if entry.deadline_ms is not None:
            self.deadline_ms = min(entry.deadline_ms, self.deadline_ms or entry.deadline_ms)
        self.excluded |= frozenset(entry.excluded)


class Requests:
    """The requests of one partition: open ones in full, ended ones by id and end."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._open: dict[str, _Request] = {}
        self._ended: dict[str, str] = {}
        self._by_action: dict[Action, str] = {}
        self._is_whole = True

    def take(self, placed: Placed, event: Event, *, is_whole: bool) -> None:
        """One entry in its order. `is_whole`: a request that is not known was never opened."""
        self._is_whole = is_whole
        entry = placed.entry
        if entry.supersedes is not None:
            self._supersede(entry)
        match event:
            case Event.ACTION_GRANTED:
                self._allowed(placed)
            case Event.ACTION_WAITING:
                self._opened(placed)
            case Event.DECISION_COUNTED:
                self._decided(placed)
            case Event.REQUEST_REMINDED:
                self._reminded(placed)
            case Event.WITHDRAWAL_COUNTED | Event.REQUEST_EXPIRED:
                self._closed(placed)
            case _ if entry.grant_id is not None and event is Event.ACTION_DENIED:
                self._find(placed, "a denied action names a grant")
            case _:
                pass

    def _allowed(self, placed: Placed) -> None:
        entry = placed.entry
        self._ledger.count(Invariant.I3, "allowed grants")
        if entry.grant_id is None:
            self._find(placed, "an action was granted and no grant is named")
        if entry.requirement or entry.quorum or entry.people:
            self._find(placed, "a grant that needs people was given without asking them")
        if self._by_action.get((entry.agent, entry.action_id)) in self._open:
            self._find(placed, "an action that waits for people was granted without them")

    def _opened(self, placed: Placed) -> None:
        entry, request = placed.entry, _Request.of(placed.entry)
        self._ledger.count(Invariant.I3, "requests")
        if entry.request_id is None or entry.request_id in self._open or entry.request_id in self._ended:
            self._find(placed, "the request has no id, or one that was used before")
            return
        if not request.groups or request.quorum < 1:
            self._find(placed, "the request asks for nobody")
        self._open[entry.request_id] = request
        self._by_action[request.action] = entry.request_id

    def _decided(self, placed: Placed) -> None:
        entry = placed.entry
        self._ledger.count(Invariant.I3, "decisions")
        request = self._request(placed)
        if request is None:
            return
        self._count_in(placed, request)
        request.raise_to(entry)
        if entry.grant_id is not None:
            self._granted(placed, request)
        elif entry.resolution == ResolutionKind.APPROVED:
            self._find(placed, "the request ended approved without a grant")
        elif entry.resolution is None and entry.choice == Choice.REJECT:
            self._find(placed, "a counted rejection did not end the request")
        request.approvals = {
            who: groups for who, groups in request.approvals.items() if who not in request.excluded
        }
        if entry.grant_id is not None or entry.resolution is not None or entry.choice == Choice.REJECT:
            self._end(entry.request_id, entry.resolution or entry.choice)

    def _count_in(self, placed: Placed, request: _Request) -> None:
        entry, leaf = placed.entry, placed.entry.leaf
        if request.action != (entry.agent, entry.action_id):
            self._find(placed, "the decision names another action than its request")
        if request.deadline_ms is not None and leaf is not None and leaf.append_ms > request.deadline_ms:
            self._find(placed, "a decision was counted after the deadline")
        if entry.person is None:
            self._find(placed, "a counted decision names no person")
            return
        if entry.person in request.excluded:
            self._find(placed, "a person behind the action was counted")
        if request.groups.keys().isdisjoint(entry.groups):
            self._find(placed, "a person was counted who is in none of the groups that are asked")
        match entry.choice:
            case Choice.APPROVE:
                if entry.person in request.approvals:
                    self._find(placed, "one person was counted twice")
                request.approvals[entry.person] = frozenset(entry.groups)
            case Choice.REJECT:
                request.approvals.pop(entry.person, None)
            case _:
                self._find(placed, "a counted decision neither approves nor rejects")

    def _granted(self, placed: Placed, request: _Request) -> None:
        entry = placed.entry
        self._ledger.count(Invariant.I3, "grants by people")
        people = {who: request.approvals[who] for who in entry.people if who in request.approvals}
        if entry.choice != Choice.APPROVE:
            self._find(placed, "a grant follows from something other than an approval")
        if len(people) != len(entry.people):
            self._find(placed, "the grant names a person twice, or one whose approval was not counted before")
        if not request.excluded.isdisjoint(entry.people):
            self._find(placed, "the grant rests on a person behind the action")
        if (
            request.deadline_ms is not None
            and entry.leaf is not None
            and entry.leaf.append_ms > request.deadline_ms
        ):
            self._find(placed, "the approval that led to the grant came after the deadline")
        if not enough(request.groups, request.quorum, people):
            self._find(placed, "the people of the grant are not those that request and grant ask for")

    def _reminded(self, placed: Placed) -> None:
        entry, request = placed.entry, self._request(placed)
        self._ledger.count(Invariant.I3, "reminders")
        if request is not None and request.action != (entry.agent, entry.action_id):
            self._find(placed, "the reminder names another action than its request")
        if entry.grant_id is not None or entry.resolution is not None:
            self._find(placed, "a reminder grants or ends something")
        if request is not None and request.reminded:
            self._find(placed, "people were reminded twice of a request that was not raised in between")
        if request is not None:
            request.reminded = True

    def _closed(self, placed: Placed) -> None:
        if self._request(placed) is not None:
            self._end(placed.entry.request_id, placed.entry.resolution)

    def _request(self, placed: Placed) -> _Request | None:
        request_id = placed.entry.request_id or ""
        request = self._open.get(request_id)
        if request is not None:
            return request
        if request_id in self._ended:
            what = "a grant was given" if placed.entry.grant_id else f"`{placed.entry.event}`"
            self._find(placed, f"{what} after the request had ended {self._ended[request_id]}")
        elif self._is_whole or not request_id:
            self._find(placed, "there is no such request before")
        else:
            self._ledger.count(Invariant.I3, "before history")
            if placed.entry.grant_id is not None or placed.entry.resolution is not None:
                self._ended[request_id] = str(placed.entry.resolution)
        return None

    def _supersede(self, entry: AuditEntry) -> None:
        ended = any(
            told.action_id == entry.supersedes
            and told.outcome == OutcomeKind.SUPERSEDED
            and not told.repeated
            for told in entry.outcomes
        )
        if ended:
            self._end(self._by_action.get((entry.agent, entry.supersedes)), ResolutionKind.SUPERSEDED)

    def _end(self, request_id: str | None, how: str | None) -> None:
        request = self._open.pop(request_id or "", None)
        if request is not None and request_id is not None:
            self._by_action.pop(request.action, None)
            self._ended[request_id] = str(how)

    def _find(self, placed: Placed, sentence: str) -> None:
        self._ledger.find(Invariant.I3, placed, sentence)
