"""Tell the story of one action from its audit entries: what was asked, who decided, what happened, and why not.

Entries name people by random ids; a reader who may know their names gives them. No entry holds a raw value, so no story does.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.schemas.receipt import NoResult

from .events import Event
from .release.check import SENTENCES, Check
from .sentences import EVENT_SENTENCES, REASON_SENTENCES

_EVENTS = {event.value: sentence for event, sentence in EVENT_SENTENCES.items()}
_REASONS = {reason.value: sentence for reason, sentence in REASON_SENTENCES.items()}
_SPECIAL: dict[str, dict[str, str]] = {
    Event.RECEIPT_COUNTED: {
        **{check.value: f"refused, because {sentence}" for check, sentence in SENTENCES.items()},
        NoResult.NOT_JSON: "what it returned is no JSON and does not come back",
        NoResult.TOO_LARGE: "what it returned is too large and does not come back",
        NoResult.TOO_SLOW: "what it returned could not be written in time and does not come back",
    },
    Event.RECEIPT_IGNORED: {
        check.value: f"its executor refused the grant, because {sentence}"
        for check, sentence in SENTENCES.items()
        if check is not Check.NOT_THE_AUDIENCE  # the gate's own reason, whatever the receipt says
    },
    Event.RELEASE_REFUSED: {check.value: sentence for check, sentence in SENTENCES.items()},
    Event.EXPORT_DESTROYED: {
        OutcomeKind.DENIED: "the policy denies the release",
        OutcomeKind.REJECTED: "a person rejected the release",
        OutcomeKind.EXPIRED: "too few people approved in time",
        OutcomeKind.WITHDRAWN: "the release was withdrawn",
        OutcomeKind.LAPSED: "masking did not claim the grant in time",
        OutcomeKind.REFUSED: "masking refused the grant",
    },
    Event.REQUEST_REMINDED: {"late": "its deadline had passed by then, so nobody was told"},
    Event.RECONCILIATION_COUNTED: {"executed": "it was executed", "failed": "it failed"},
}
"""Events whose reason is a code of its own kind: an executor's check, what a person found out."""
_NO_NAMES: Mapping[str, str] = {}
_WITH_DEADLINE = frozenset({Event.ACTION_WAITING, Event.REQUEST_REMINDED, Event.REQUEST_EXPIRED})
_REASON_OF_ANOTHER = frozenset({Event.ACTION_GRANTED, Event.ACTION_WAITING})
"""Events that refuse nothing: a reason in their entry is that of the request which the edit superseded."""


@dataclass(frozen=True, slots=True)
class StoryStep:
    """One thing that happened. `who` are person ids, `codes` the event and, where there is one, the reason.

    `at_ms` is the log-append time of the record it answers; of a punctuation, the gate's wall-clock time.
    """

    at_ms: int
    sentence: str
    who: tuple[str, ...]
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """Everything `audit` knows about one action of one agent. `outcome` is the last one that was told, None before any."""

    agent: str
    action_id: str
    headline: str
    outcome: str | None
    steps: tuple[StoryStep, ...]

    def to_json(self) -> dict[str, Any]:
        """The story as JSON writes it."""
        return {
            "agent": self.agent,
            "action_id": self.action_id,
            "headline": self.headline,
            "outcome": self.outcome,
            "steps": [
                {
                    "at_ms": step.at_ms,
                    "sentence": step.sentence,
                    "who": list(step.who),
                    "codes": list(step.codes),
                }
                for step in self.steps
            ],
        }


def is_about(entry: AuditEntry, action_id: str) -> bool:
    """Whether an entry belongs into the story of this action: it names it, ends it, or takes its place."""
    return (
        action_id in {entry.action_id, entry.supersedes}
        or any(told.action_id == action_id for told in entry.outcomes)
    )  # fmt: skip


def tell(
    action_id: str, entries: Iterable[AuditEntry], names: Mapping[str, str] = _NO_NAMES
) -> tuple[Story, ...]:
    """The stories of all actions with this id, one per agent that used it; empty when no entry names it.

    Entries of other actions are left out; those of one partition must come in their order. `names` maps person ids to names.
    """
    by_agent: dict[str, list[AuditEntry]] = {}
    seen: set[str] = set()
    for entry in entries:
        # The same entry twice is what an abandoned transaction may leave behind; it happened once.
        if entry.agent is not None and entry.entry_id not in seen and is_about(entry, action_id):
            seen.add(entry.entry_id)
            by_agent.setdefault(entry.agent, []).append(entry)
    return tuple(_story(agent, action_id, found, names) for agent, found in sorted(by_agent.items()))


def sentence_of_reason(event: str, code: str) -> str:
    """The sentence of the reason in an entry; the class of an executor's error, and a newer code, are named as they are."""
    return _SPECIAL.get(event, _REASONS).get(code) or _REASONS.get(code) or f"named `{code}`"


def _story(agent: str, action_id: str, entries: list[AuditEntry], names: Mapping[str, str]) -> Story:
    types = (entry.action_type for entry in entries if entry.action_id == action_id and entry.action_type)
    what = next(types, None)
    outcome = next(_last_outcomes(entries, action_id), None)
    asked = f"`{what}`" if what else "something"
    ended = f"the last outcome told is `{outcome}`" if outcome else "no outcome was told"
    headline = f"`{agent}` asked for {asked} as `{action_id}`; {ended}"
    steps = tuple(_step(entry, action_id, names) for entry in entries)
    return Story(agent, action_id, headline, outcome, steps)


def _last_outcomes(entries: list[AuditEntry], action_id: str) -> Iterator[str]:
    """Outcomes of the action itself, latest first: those of refused copies are not its own unless it has no other."""
    own = [entry for entry in entries if entry.event not in {Event.ACTION_CONFLICT, Event.ACTION_STALE}]
    for entry in reversed(own or entries):
        for told in reversed(entry.outcomes):
            if told.action_id == action_id:
                yield str(told.outcome.value)


def _step(entry: AuditEntry, action_id: str, names: Mapping[str, str]) -> StoryStep:
    who = tuple(dict.fromkeys(person for person in (entry.person, *entry.people) if person))
    reason = None if entry.event in _REASON_OF_ANOTHER else entry.reason
    codes = (entry.event,) if reason is None else (entry.event, reason)
    at_ms = entry.at_ms if entry.leaf is None else entry.leaf.append_ms
    return StoryStep(at_ms, _sentence(entry, action_id, reason, names), who, codes)


def _sentence(entry: AuditEntry, action_id: str, reason: str | None, names: Mapping[str, str]) -> str:
    if entry.action_id != action_id:
        ended = any(told.action_id == action_id and not told.repeated for told in entry.outcomes)
        became = "took its place" if ended else "was meant to take its place, but it no longer waited"
        return f"the edit `{entry.action_id}` {became}"
    parts = [_EVENTS.get(entry.event) or f"`{entry.event}`, which this version does not know"]
    if reason is not None:
        parts.append(sentence_of_reason(entry.event, reason))
    details = [*_details(entry, names), *_told(entry, action_id)]
    text = ": ".join(parts)
    return f"{text} ({'; '.join(details)})" if details else text


def _details(entry: AuditEntry, names: Mapping[str, str]) -> Iterator[str]:
    if entry.person:
        groups = f" of {_list(entry.groups)}" if entry.groups else ""
        choice = f", {entry.choice}" if entry.choice else ""
        yield f"{_name(entry.person, names)}{groups}{choice}"
    if entry.requirement:
        needed = ", ".join(f"{count} of `{group}`" for group, count in sorted(entry.requirement.items()))
        yield f"needs {needed}; distinct people: {entry.quorum or 0}"
    if entry.people:
        yield f"rests on {', '.join(_name(person, names) for person in entry.people)}"
    if entry.excluded:
        yield f"may not decide: {', '.join(_name(person, names) for person in entry.excluded)}"
    if entry.rules:
        yield f"rules {_list(entry.rules)}"
    if entry.view_digest is not None:
        yield f"reviewers saw view {entry.view_digest.hex()[:12]}"
    if entry.text_length is not None:
        yield f"gave a reason of {entry.text_length} characters"
    if entry.batch_id is not None:
        yield from _batch(entry)
    yield from _ids(entry)


def _batch(entry: AuditEntry) -> Iterator[str]:
    place = f"batch {(entry.sequence or 0) + 1}"
    yield f"{place} of {entry.result_batches}" if entry.result_batches is not None else place
    if entry.profile is not None:
        yield f"profile `{entry.profile}`"
    if entry.masked:
        yield f"masked {', '.join(f'{count} {kind}' for kind, count in sorted(entry.masked.items()))}"
    if entry.reported:
        yield f"{entry.reported} fields unknown to the profile were read as free text"
    if entry.reasons:
        yield f"because of {_list(entry.reasons)}"
    if entry.release_id is not None:
        asked = entry.event == Event.BATCH_WITHHELD
        yield f"people are asked by `{entry.release_id}`" if asked else f"release `{entry.release_id}`"


def _told(entry: AuditEntry, action_id: str) -> Iterator[str]:
    for told in entry.outcomes:
        if told.action_id == action_id:
            yield f"outcome `{told.outcome.value}`{' again' if told.repeated else ''}"


def _ids(entry: AuditEntry) -> Iterator[str]:
    if entry.supersedes is not None:
        yield f"an edit of `{entry.supersedes}`"
    if entry.deadline_ms is not None and entry.event in _WITH_DEADLINE:
        yield f"deadline {_time(entry.deadline_ms)}"
    if entry.executor is not None:
        yield f"executor `{entry.executor}`"
    if entry.grant_id is not None:
        yield f"grant `{entry.grant_id}`"
    if entry.expires_at_ms is not None:
        yield f"expires {_time(entry.expires_at_ms)}"


def _name(person: str, names: Mapping[str, str]) -> str:
    return names.get(person, f"`{person}`")


def _list(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _time(at_ms: int) -> str:
    return (
        datetime.fromtimestamp(at_ms / 1000, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
