"""I4: every action that came reaches exactly one end; every decision has its tally; every copy its answer."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from .findings import Finding, Wrong
from .history import Acknowledged, Effect
from .people import People
from .wire import Stored, digest, read, signed_bytes, signer

OPEN: Final = frozenset({"pending", "granted", "unknown"})
"""Outcomes after which another one must come."""
WITHOUT_EFFECT: Final = frozenset(
    {"denied", "rejected", "expired", "withdrawn", "superseded", "lapsed", "refused"}
)
"""Ends after which nothing may have happened outside."""
_COPIES: Final = frozenset({"conflict", "too-old", "from-the-future"})

Topics = Mapping[str, Sequence[Stored]]
Name = tuple[str, str]
"""Agent and action id."""


def check_ends(
    topics: Topics, people: People, acknowledged: Sequence[Acknowledged], effects: Sequence[Effect]
) -> Iterator[Finding]:
    """Actions against outcomes, outcomes against effects, decisions against tallies, all against what clients were told."""
    yield from _acknowledged(topics, acknowledged)
    yield from _actions(topics, people, {(effect.agent, effect.action_id) for effect in effects})
    yield from _decisions(topics, people)


def open_actions(topics: Topics, people: People) -> set[Name]:
    """Actions that have no end yet."""
    ended = {
        (outcome["agent"], outcome["action_id"])
        for outcome in map(read, topics.get("outcomes", ()))
        if outcome["outcome"] not in OPEN and outcome["reason"] not in _COPIES
    }
    return {name for name, _, _ in submitted(topics, people)} - ended


def submitted(topics: Topics, people: People) -> Iterator[tuple[Name, bytes, Stored]]:
    """Every action on its topic that its agent has signed: name, digest of the record, the record."""
    for record in topics.get("actions", ()):
        if record.kind != "action":
            continue
        fields = read(record)
        covered = signed_bytes(record.payload_type, record.value or b"")
        signed_by = signer(record.header("sig"), covered, people.keys)
        if signed_by is not None and people.agents.get(signed_by) == fields["agent"]:
            name = (fields["agent"], fields["action_id"])
            yield name, digest(record.payload_type, record.value or b""), record


def _acknowledged(topics: Topics, acknowledged: Sequence[Acknowledged]) -> Iterator[Finding]:
    there = {
        (record.topic, record.partition, record.offset): digest(record.payload_type, record.value or b"")
        for topic in ("actions", "decisions")
        for record in topics.get(topic, ())
    }
    for told in acknowledged:
        if there.get((told.topic, told.partition, told.offset)) != told.digest:
            place = f"{told.topic}-{told.partition}@{told.offset}"
            yield Finding(Wrong.LOST, "I4", told.action_id, f"acknowledged, and not in the log at {place}")


def _actions(topics: Topics, people: People, done: Collection[Name]) -> Iterator[Finding]:
    told: dict[Name, list[dict[str, Any]]] = defaultdict(list)
    for outcome in map(read, topics.get("outcomes", ())):
        told[outcome["agent"], outcome["action_id"]].append(outcome)
    first: dict[Name, bytes] = {}
    for name, found, record in submitted(topics, people):
        begins = name not in first
        first.setdefault(name, found)
        if begins:
            yield from _ends(name, found, told[name], is_done=name in done)
        elif not any(outcome["action_digest"] == found for outcome in told[name]):
            yield Finding(Wrong.LOST, "I4", name[1], f"the copy at {record.place} has no answer")
    for name in told.keys() - first.keys():
        yield Finding(Wrong.TORN, "I4", name[1], "an outcome of an action that nobody has signed")


def _ends(name: Name, found: bytes, told: Sequence[Mapping[str, Any]], *, is_done: bool) -> Iterator[Finding]:
    ends = [
        outcome
        for outcome in told
        if outcome["action_digest"] == found
        and not outcome["repeated"]
        and outcome["outcome"] not in OPEN
        and outcome["reason"] != "conflict"
    ]
    if not ends:
        last = told[-1]["outcome"] if told else "nothing"
        yield Finding(Wrong.LOST, "I4", name[1], f"no end, the last outcome told is {last}")
    if len(ends) > 1:
        kinds = ", ".join(outcome["outcome"] for outcome in ends)
        yield Finding(Wrong.DOUBLED, "I4", name[1], f"ended {len(ends)} times: {kinds}")
    for kind in {outcome["outcome"] for outcome in ends}:
        if kind == "executed" and not is_done:
            yield Finding(Wrong.LOST, "I4", name[1], "told that it was executed, and nothing has happened")
        if kind in WITHOUT_EFFECT and is_done:
            yield Finding(Wrong.UNGRANTED, "I4", name[1], f"told that it was {kind}, and it was done")


def _decisions(topics: Topics, people: People) -> Iterator[Finding]:
    tallies: dict[str, int] = defaultdict(int)
    for record in topics.get("approvals", ()):
        if record.kind == "tally":
            tallies[read(record)["decision_id"]] += 1
    for record in topics.get("decisions", ()):
        if record.kind != "decision":
            continue
        covered = signed_bytes(record.payload_type, record.value or b"")
        if signer(record.header("sig"), covered, people.keys) is None:
            continue
        name = read(record)["decision_id"]
        if not tallies[name]:
            yield Finding(Wrong.LOST, "I4", name, f"the decision at {record.place} has no tally")
        elif tallies[name] > 1:
            yield Finding(Wrong.DOUBLED, "I4", name, f"{tallies[name]} tallies of one decision")
