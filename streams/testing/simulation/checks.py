"""What must hold, by code that shares nothing with the decisions of the gate: it reads the log as anybody may.

Of our code it uses the wire formats (codec, digests of envelopes) and nothing else; people and needs are those of `history`.
At the end of a run the shipped verifier is asked too: what it finds on `audit` alone counts like the rest.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sluicegate.processors.contract import Record
from sluicegate.processors.verification import Verifier
from sluicegate.schemas import codec
from sluicegate.schemas.approval import ApprovalRequest, Resolution, ResolutionKind, Tally
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.decision import Choice, Decision
from sluicegate.schemas.envelope import written_digest
from sluicegate.schemas.errors import RecordError
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.outcome import Outcome, OutcomeKind
from sluicegate.schemas.receipt import Claim

from .cluster import SimulatedCluster
from .history import ALLOWED, OWNERS, REVIEWED, History, Need, Said, Submitted, enough, speaks_for
from .seen import WRITTEN, Seen

SOURCES: Final = ("actions", "decisions", "receipts")
NO_EFFECT: Final = frozenset(
    {
        *(OutcomeKind.DENIED, OutcomeKind.REJECTED, OutcomeKind.EXPIRED, OutcomeKind.WITHDRAWN),
        *(OutcomeKind.SUPERSEDED, OutcomeKind.LAPSED, OutcomeKind.REFUSED),
    }
)
"""Ends after which nothing may have happened at the target."""
_STALE: Final = frozenset({"too-old", "from-the-future"})

SENTENCES: Final = {
    "I1": "no claim without its grant, no act without its claim, before it",
    "I2": "at most one grant per action, one claim per grant, one act per action",
    "I3": "a grant that needs people rests on enough distinct ones, outside the origin, who saw it and were in time",
    "I4": "each action is told one end, the same to every copy, and one that fits what happened at the target",
    "I5": "tiles, leaves and written records cover inputs and outputs exactly, without gap, double or stranger",
    "I8": "a claim at or after its grant's expiry has no effect",
    "I10": "once faults are over, everything goes on at once and ends within its limit",
    "I11": "what is retained gives the same state and the same bytes again",
    "I12": "what nobody may act upon is a dead letter, and every decision is answered with a reason",
    "fair": "no request expires that enough people had approved in time, and none before its time",
}
"""What the names of invariants mean in a simulation; the numbers are those of the verifier where it has them."""


@dataclass(frozen=True, slots=True)
class Broken:
    """An invariant that does not hold, and how."""

    invariant: str
    sentence: str

    def __str__(self) -> str:
        """`I4: ...`."""
        return f"{self.invariant}: {self.sentence}"


def check_new(history: History, seen: Seen, new: Sequence[tuple[Record, Any]]) -> list[Broken]:
    """What must hold as soon as a record is there."""
    broken = [Broken("I5", f"{position} cannot be read") for position in seen.unreadable]
    for record, model in new:
        if record.position in history.ghosts:
            continue
        if isinstance(model, Claim):
            broken += _claim(history, seen, model)
        elif isinstance(model, Grant):
            broken += _grant(history, seen, model)
    return broken


def check_end(history: History, seen: Seen, cluster: SimulatedCluster) -> list[Broken]:
    """What must hold when nothing is under way."""
    return [
        *_outcomes(history, seen),
        *_effects(history, seen),
        *_late_claims(history, seen),
        *_evidence(history, seen, cluster),
        *_refusals(history, seen, cluster),
        *_fairness(history, seen),
        *_verified(seen),
    ]


def open_actions(history: History, seen: Seen) -> list[str]:
    """Actions that were not told an end."""
    ended = {
        (told.agent, told.action_id)
        for record, told in seen.models[Outcome]
        if record.position not in history.ghosts
        and told.outcome.final
        and told.reason not in {"conflict", *_STALE}
    }
    return [f"{agent} {action_id}" for agent, action_id in history.first if (agent, action_id) not in ended]


def unanswered(history: History, seen: Seen) -> list[str]:
    """Actions about which nothing was told at all."""
    told = {
        (told.agent, told.action_id)
        for record, told in seen.models[Outcome]
        if record.position not in history.ghosts
    }
    return [f"{agent} {action_id}" for agent, action_id in history.first if (agent, action_id) not in told]


# --- at any time ---


def _claim(history: History, seen: Seen, claim: Claim) -> list[Broken]:
    if claim.claim_id in history.strangers:
        return []
    if claim.grant_id not in {grant.grant_id for grant in seen.of(Grant)}:
        return [Broken("I1", f"{claim.claim_id} claims a grant that is not there")]
    claims = [
        c for c in seen.of(Claim) if c.grant_id == claim.grant_id and c.claim_id not in history.strangers
    ]
    return [Broken("I2", f"{claim.grant_id} is claimed {len(claims)} times")] if len(claims) > 1 else []


def _grant(history: History, seen: Seen, grant: Grant) -> list[Broken]:
    name = f"the grant {grant.grant_id} for {grant.action_id}"
    first = history.first.get((grant.agent, grant.action_id))
    if first is None or first.bytes_digest != grant.action_digest:
        return [Broken("I1", f"{name} is for what no agent has asked")]
    others = {
        g.grant_id
        for record, g in seen.models[Grant]
        if (g.agent, g.action_id) == (grant.agent, grant.action_id) and record.position not in history.ghosts
    }
    if len(others) > 1:
        return [Broken("I2", f"{name} is not the only one")]
    why = _why_not(history, seen, grant, first)
    return [Broken("I3", f"{name}: {why}")] if why else []


def _why_not(history: History, seen: Seen, grant: Grant, first: Submitted) -> str | None:
    """Why a grant does not rest on enough people."""
    kind, needed = first.action.type, grant.requirement
    if kind in ALLOWED:
        return None if needed is None and not grant.decisions else "asks people although the policy does not"
    needs = REVIEWED.get(kind)
    if needs is None or needed is None or grant.type != kind:
        return "nobody was asked"
    views = {r.view.digest for r in seen.of(ApprovalRequest) if r.request_id == grant.request_id}
    people: list[str] = []
    for signed in grant.decisions:
        decision = codec.decode(signed.payload_type, signed.value, {"decision"})
        assert isinstance(decision, Decision)  # noqa: S101  # decode was told this kind
        said = history.spoke.get(decision.decision_id)
        why = "nobody has said so" if said is None else _unfit(said, grant, first, needs, views)
        if why or said is None:
            return f"{decision.decision_id}: {why}"
        people.append(said.person)
    if len(set(people)) != len(people):
        return "one person counts twice"
    if not enough(needed.groups, needed.quorum, people) or not enough(
        needs[0].groups, needs[0].quorum, people
    ):
        return "they are not enough"
    rejected = any(
        tally.counted and (said := history.spoke.get(tally.decision_id)) and said.choice is Choice.REJECT
        for record, tally in seen.models[Tally]
        if tally.request_id == grant.request_id and record.position not in history.ghosts
    )
    return "somebody has rejected it" if rejected else None


def _unfit(
    said: Said, grant: Grant, first: Submitted, needs: Sequence[Need], views: set[bytes]
) -> str | None:
    needed = grant.requirement
    assert needed is not None  # noqa: S101  # the caller has looked
    deadlines = {first.append_ms + need.within_ms for need in needs}
    if said.choice is not Choice.APPROVE:
        return "it does not approve"
    if (said.request_id, said.action_digest) != (grant.request_id, first.bytes_digest):
        return "it is about something else"
    if said.view_digest not in views:
        return "it is about another view"
    if needed.deadline_ms not in deadlines or said.append_ms > needed.deadline_ms:
        return "it is late"
    if said.person == OWNERS[grant.agent]:
        return "it is by who is behind the action"
    if speaks_for(said.person).isdisjoint(needed.groups):
        return "it is by somebody who was not asked"
    if needed.reason_required and not said.reason:
        return "it has no reason"
    return None


# --- at the end ---


def _outcomes(history: History, seen: Seen) -> list[Broken]:
    ends: dict[tuple[str, str], Outcome] = {}
    digests: defaultdict[tuple[str, str], dict[bytes, bool]] = defaultdict(dict)
    for key, first in history.first.items():
        digests[key][first.bytes_digest] = True
    for later in history.later:
        key = later.action.agent, later.action.action_id
        is_same = _content(later) == _content(history.first[key])
        digests[key][later.bytes_digest] = digests[key].get(later.bytes_digest, False) or is_same
    stale = {submitted.bytes_digest for submitted in history.stale}
    broken = []
    for record, told in seen.models[Outcome]:
        if record.position in history.ghosts:
            continue
        key = told.agent, told.action_id
        if told.reason in _STALE:
            why = None if told.action_digest in stale else "it is neither old nor from the future"
        else:
            why = _untold(told, digests[key].get(told.action_digest), ends.get(key))
        if why:
            broken.append(Broken("I4", f"{told.action_id} is told {told.outcome.value}: {why}"))
        if told.outcome.final and not told.repeated and told.reason not in {"conflict", *_STALE}:
            ends.setdefault(key, told)
    return broken


def _untold(told: Outcome, is_same: bool | None, end: Outcome | None) -> str | None:  # noqa: FBT001
    """Why this may not be told. `is_same` is None when the answer is not to an action that we know of."""
    if is_same is False:
        return None if told.reason == "conflict" else "its content is not that of the first one"
    if told.reason == "conflict":
        return "it is no conflict"
    if end is None:
        return None
    if not told.repeated:
        return f"it was told {end.outcome.value} before"
    return None if told.outcome is end.outcome else f"its end was {end.outcome.value}"


def _content(submitted: Submitted) -> Any:
    return submitted.action.model_dump(exclude={"nonce", "created_at_ms"})


def _effects(history: History, seen: Seen) -> list[Broken]:
    broken = []
    tried, done = Counter((a, i) for a, i, _ in history.tried), Counter((a, i) for a, i, _ in history.effects)
    granted = {grant.grant_id for grant in seen.of(Grant)}
    for agent, action_id, grant_id in history.tried:
        if (agent, action_id) not in history.first or grant_id not in granted:
            broken.append(Broken("I1", f"{action_id} is acted on and nobody has granted it"))
    broken += [
        Broken("I2", f"{key[1]} is acted on {count} times") for key, count in tried.items() if count > 1
    ]
    for record, told in seen.models[Outcome]:
        key = told.agent, told.action_id
        if record.position in history.ghosts or told.repeated or told.reason in {"conflict", *_STALE}:
            continue
        if told.outcome in NO_EFFECT and tried[key]:
            broken.append(Broken("I4", f"{told.action_id} is told {told.outcome.value} and was acted on"))
        if told.outcome is OutcomeKind.EXECUTED and not done[key]:
            broken.append(Broken("I4", f"{told.action_id} is told executed and nothing has happened"))
    return broken


def _late_claims(history: History, seen: Seen) -> list[Broken]:
    expires = {grant.grant_id: grant.expires_at_ms for grant in reversed(seen.of(Grant))}
    acted = {grant_id for _, _, grant_id in history.tried}
    counted = {e.claim_id for e in seen.of(AuditEntry) if e.event == "claim.counted"}
    broken = []
    for record, claim in seen.models[Claim]:
        if claim.claim_id in history.strangers or record.append_ms < expires.get(claim.grant_id, 0):
            continue
        if claim.grant_id in acted:
            broken.append(Broken("I8", f"{claim.claim_id} is late and was acted on"))
        if claim.claim_id in counted:
            broken.append(Broken("I8", f"{claim.claim_id} is late and counts"))
    return broken


def _evidence(history: History, seen: Seen, cluster: SimulatedCluster) -> list[Broken]:
    entries = seen.models[AuditEntry]
    broken = []
    for partition in range(seen.partitions):
        ends = dict.fromkeys(SOURCES, 0)
        for record, entry in entries:
            if record.position.partition != partition or entry.tile is None:
                continue
            for covered in entry.tile.inputs:
                if covered.start != ends[covered.topic]:
                    broken.append(
                        Broken("I5", f"a tile of {covered.topic}-{partition} starts at {covered.start}")
                    )
                ends[covered.topic] = covered.end
        for topic, end in ends.items():
            committed = cluster.offsets.get((topic, partition))
            if end != (committed.offset if committed else 0):
                broken.append(Broken("I5", f"the tiles of {topic}-{partition} do not end at its offset"))
    leaves = Counter((e.leaf.topic, e.leaf.partition, e.leaf.offset) for _, e in entries if e.leaf)
    consumed = Counter(
        (topic, partition, record.position.offset)
        for topic in SOURCES
        for partition in range(seen.partitions)
        for record in consumed_records(cluster, topic, partition)
    )
    broken += [Broken("I5", f"a leaf of {place} is missing") for place in consumed - leaves]
    broken += [Broken("I5", f"a leaf of {place} is one too many") for place in leaves - consumed]
    named = Counter((w.topic, w.partition, w.digest) for _, e in entries for w in e.written)
    there = Counter(
        (topic, record.position.partition, written_digest(topic, record.key, record.headers, record.value))
        for topic in WRITTEN
        for record in seen.records[topic]
        if record.position not in history.ghosts
    )
    broken += [Broken("I5", f"a record of {topic}-{n} is missing") for topic, n, _ in named - there]
    broken += [Broken("I5", f"no entry names a record of {topic}-{n}") for topic, n, _ in there - named]
    return broken


def consumed_records(cluster: SimulatedCluster, topic: str, partition: int) -> list[Record]:
    """The records below the committed offset of an input."""
    committed = cluster.offsets.get((topic, partition))
    records, _ = cluster.read(topic, partition)
    return [record for record in records if committed and record.position.offset < committed.offset]


def _refusals(history: History, seen: Seen, cluster: SimulatedCluster) -> list[Broken]:
    events = {
        (e.leaf.topic, e.leaf.partition, e.leaf.offset): e for e in seen.of(AuditEntry) if e.leaf is not None
    }
    broken = []
    for position, what in history.bad.items():
        entry = events.get((position.topic, position.partition, position.offset))
        if entry is not None and (entry.event != "record.dead-letter" or not entry.reason):
            broken.append(Broken("I12", f"{position} has a wrong {what} and was taken up"))
    answers = [t for record, t in seen.models[Tally] if record.position not in history.ghosts]
    broken += [
        Broken("I12", f"{tally.decision_id} does not count and nobody says why")
        for tally in answers
        if not tally.counted and not tally.reason
    ]
    spoken: Counter[str] = Counter()
    for partition in range(seen.partitions):
        for record in consumed_records(cluster, "decisions", partition):
            decision = _decision(record)
            if decision is not None:
                spoken[decision.decision_id] += 1
    tallied = Counter(tally.decision_id for tally in answers)
    return broken + [Broken("I12", f"{missing} is not answered") for missing in spoken - tallied]


def _decision(record: Record) -> Decision | None:
    kind = next((value for name, value in record.headers if name == "content-type"), b"") or b""
    try:
        found = codec.decode(kind.decode(), record.value or b"", {"decision"})
    except RecordError:
        return None
    return found if isinstance(found, Decision) else None


def _fairness(history: History, seen: Seen) -> list[Broken]:
    """Of policies that stay as they are."""
    if history.policy_changes:
        return []
    asked: dict[str, tuple[int, ApprovalRequest]] = {}
    for record, request in seen.models[ApprovalRequest]:
        if record.position not in history.ghosts:
            asked_ms, _ = asked.get(request.request_id, (record.append_ms, None))
            asked[request.request_id] = asked_ms, request
    broken = []
    for record, ended in seen.models[Resolution]:
        if record.position in history.ghosts or ended.request_id not in asked:
            continue
        if ended.resolution is not ResolutionKind.EXPIRED:
            continue
        asked_ms, request = asked[ended.request_id]
        deadline_ms = request.requirement.deadline_ms
        if record.append_ms < deadline_ms:
            broken.append(Broken("fair", f"{ended.action_id} expired before its deadline"))
        first = history.first.get((request.agent, request.action_id))
        if first is not None and _was_approved(history, request, first, asked_ms):
            broken.append(Broken("fair", f"{ended.action_id} expired although enough had approved in time"))
    return broken


def _was_approved(history: History, request: ApprovalRequest, first: Submitted, asked_ms: int) -> bool:
    """Whether enough people approved after they were asked: who decides on the ghost of a request is told that nothing waits."""
    people: dict[str, None] = {}
    needed = request.requirement
    for said in history.spoke.values():
        if said.request_id != request.request_id or not asked_ms <= said.append_ms <= needed.deadline_ms:
            continue
        fits = (
            said.action_digest == first.bytes_digest
            and said.view_digest == request.view.digest
            and said.person != OWNERS[request.agent]
            and not speaks_for(said.person).isdisjoint(needed.groups)
            and (said.reason or not needed.reason_required)
        )
        if fits and said.choice is Choice.APPROVE:
            people[said.person] = None
    return enough(needed.groups, needed.quorum, list(people))


def _verified(seen: Seen) -> list[Broken]:
    verifier = Verifier()
    for record, entry in seen.models[AuditEntry]:
        verifier.take(record.position.partition, record.position.offset, record.append_ms, entry)
    return [
        Broken(finding.invariant.value, f"the verifier says: {finding.sentence}")
        for finding in verifier.report().findings
    ]
