"""The story of an action: one sentence for everything that can happen, in order, with names only when given."""

import re

import pytest

from sluicegate.processors.events import Event, Reason
from sluicegate.processors.release.check import SENTENCES, Check
from sluicegate.processors.sentences import EVENT_SENTENCES, REASON_SENTENCES
from sluicegate.processors.story import is_about, sentence_of_reason, tell
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.testing.audit_history import EXECUTOR, WITHIN_MS, AuditHistory


def test_every_event_has_its_sentence() -> None:
    """No event without words, no words without an event."""
    assert set(EVENT_SENTENCES) == set(Event)


def test_every_reason_has_its_sentence() -> None:
    """No refusal without a why."""
    assert set(REASON_SENTENCES) == set(Reason)


def test_no_two_codes_share_a_sentence() -> None:
    """Who reads a sentence knows which code it was."""
    sentences = [*EVENT_SENTENCES.values(), *REASON_SENTENCES.values()]
    assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize("sentence", [*EVENT_SENTENCES.values(), *REASON_SENTENCES.values()])
def test_sentences_can_stand_after_a_colon(sentence: str) -> None:
    """One sentence: lower case first, no full stop, nothing to fill in."""
    assert re.fullmatch(r"[a-z][^.{}]*[a-z)]", sentence)


def approved() -> AuditHistory:
    """A request that two people approve, after the owner tried."""
    history = AuditHistory()
    history.ask("a-1", {"security": 2})
    history.ask("a-2")
    history.refuse_decision("a-1", "p-owner")
    history.wait(1_000)
    history.approve("a-1", "p-1")
    history.approve_last("a-1", "p-2", people=("p-1",), requirement={"security": 2})
    history.tile()
    history.claim("a-1")
    history.receive("a-1")
    history.tile()
    return history


def test_a_story_has_every_step_in_order_and_no_other() -> None:
    """Request, refused self-approval, two approvals, claim, receipt; nothing of the action beside it."""
    (story,) = tell("a-1", [placed.entry for placed in approved().placed])
    assert [step.codes[0] for step in story.steps] == [
        Event.ACTION_WAITING,
        Event.DECISION_NOT_COUNTED,
        Event.DECISION_COUNTED,
        Event.DECISION_COUNTED,
        Event.CLAIM_COUNTED,
        Event.RECEIPT_COUNTED,
    ]
    assert story.outcome == "executed"
    assert (
        story.headline == "`ops-agent` asked for `crm.update` as `a-1`; the last outcome told is `executed`"
    )
    assert story.steps[2].at_ms == story.steps[1].at_ms + 1_000


def test_a_refusal_says_why_in_a_sentence() -> None:
    """The owner reads why their approval did not count."""
    (story,) = tell("a-1", [placed.entry for placed in approved().placed])
    refused = story.steps[1]
    assert refused.sentence.startswith(
        "not counted: the person is behind this action (owner, delegator or the agent's own), "
        "and nobody may approve their own action"
    )
    assert refused.who == ("p-owner",)
    assert refused.codes == ("decision.not-counted", "own-action")


def test_people_are_ids_unless_names_are_given() -> None:
    """Names come from the caller only."""
    entries = [placed.entry for placed in approved().placed]
    (without,) = tell("a-1", entries)
    (named,) = tell("a-1", entries, {"p-1": "Ann Ash"})
    assert "`p-1`" in without.steps[2].sentence
    assert "Ann Ash" in named.steps[2].sentence
    assert "`p-2`" in named.steps[3].sentence
    assert named.steps[2].who == ("p-1",)


def test_an_edit_belongs_to_both_stories() -> None:
    """The old action's story says what took its place, the new one's what it edits."""
    history = AuditHistory()
    history.ask("a-1")
    history.ask("a-2", superseded="a-1")
    history.tile()
    entries = [placed.entry for placed in history.placed]
    (old,) = tell("a-1", entries)
    (new,) = tell("a-2", entries)
    assert old.outcome == "superseded"
    assert old.steps[-1].sentence == "the edit `a-2` took its place"
    assert new.outcome == "pending"
    assert "an edit of `a-1`" in new.steps[0].sentence


def test_an_id_used_by_two_agents_gives_two_stories() -> None:
    """An action is named by agent and id."""
    history = AuditHistory()
    mine = history.deny("a-1")
    other = history.deny("a-1").model_copy(update={"agent": "another-agent"})
    stories = tell("a-1", [mine, other])
    assert [story.agent for story in stories] == ["another-agent", "ops-agent"]
    assert [len(story.steps) for story in stories] == [1, 1]


def test_an_unknown_id_has_no_story() -> None:
    """Nothing is told where nothing is known."""
    assert tell("a-9", [placed.entry for placed in approved().placed]) == ()
    assert tell("a-9", []) == ()


def test_a_copied_entry_happened_once() -> None:
    """The same entry twice is one step."""
    entry = AuditHistory().deny("a-1")
    (story,) = tell("a-1", [entry, entry])
    assert len(story.steps) == 1


def test_a_refused_copy_does_not_change_the_outcome() -> None:
    """A conflict is a step of the story, not the end of the first record."""
    history = AuditHistory()
    history.allow("a-1")
    history.conflict("a-1")
    (story,) = tell("a-1", [placed.entry for placed in history.placed])
    assert story.outcome == "granted"
    assert story.steps[-1].codes == ("action.conflict", "conflict")


def test_times_and_ids_help_to_find_the_records() -> None:
    """A granted action names executor, grant and expiry; an expired one its deadline."""
    history = AuditHistory()
    history.allow("a-1")
    history.ask("a-2")
    history.wait(WITHIN_MS)
    history.expire("a-2")
    entries = [placed.entry for placed in history.placed]
    (granted,) = tell("a-1", entries)
    (expired,) = tell("a-2", entries)
    assert f"executor `{EXECUTOR}`" in granted.steps[0].sentence
    assert "expires 2023-11-14T22:18:20.000Z" in granted.steps[0].sentence
    assert "deadline 2023-11-14T22:23:20.000Z" in expired.steps[0].sentence
    assert expired.outcome == OutcomeKind.EXPIRED


def test_an_executors_check_is_told_in_its_sentence() -> None:
    """A refusal by the executor says which check failed; the class of a handler's error is named as it is."""
    history = AuditHistory()
    history.allow("a-1")
    history.refuse("a-1", "floor")
    (story,) = tell("a-1", [placed.entry for placed in history.placed])
    assert "refused, because the decisions are not enough for the executor's floor" in story.steps[1].sentence
    assert sentence_of_reason("receipt.counted", "TimeoutError") == "named `TimeoutError`"
    assert sentence_of_reason("decision.not-counted", "late") == REASON_SENTENCES[Reason.LATE]


def test_an_event_of_a_newer_version_is_named_as_it_is() -> None:
    """An old reader tells a new story without stopping."""
    entry = AuditHistory().deny("a-1").model_copy(update={"event": "action.teleported"})
    (story,) = tell("a-1", [entry])
    assert story.steps[0].sentence.startswith("`action.teleported`, which this version does not know")


def test_is_about_finds_entries_by_outcome_too() -> None:
    """An entry that ends an action belongs to it, whoever it is about first."""
    history = AuditHistory()
    history.ask("a-1")
    entry = history.allow("a-2", superseded="a-1")
    assert is_about(entry, "a-1")
    assert not is_about(entry, "a-3")


def test_a_story_tells_what_became_of_the_result() -> None:
    """Which batch, what was masked in it, why one is in quarantine, why one was refused; never what it says."""
    history = AuditHistory()
    history.allow("a-1")
    history.mask("a-1", 0)
    history.withhold("a-1", 1, count=2)
    history.refuse_batch("a-1")
    (story,) = tell("a-1", [placed.entry for placed in history.placed])
    masked, withheld, refused = (step.sentence for step in story.steps[1:])
    assert "was masked, checked and handed on (batch 1; profile `pii-basic`; masked 1 email;" in masked
    assert "sealed in quarantine (batch 2 of 2; profile `pii-basic`; because of `residual-email`;" in withheld
    assert "the result was complete, and nothing can be added to it" in refused


def test_a_story_turns_into_json() -> None:
    """`to_json` holds plain values only."""
    (story,) = tell("a-1", [placed.entry for placed in approved().placed])
    told = story.to_json()
    assert told["outcome"] == "executed"
    assert told["steps"][1]["codes"] == ["decision.not-counted", "own-action"]


@pytest.mark.parametrize("check", sorted(set(SENTENCES) - {Check.NOT_THE_AUDIENCE}))
@pytest.mark.parametrize("event", [Event.RECEIPT_COUNTED, Event.RECEIPT_IGNORED])
def test_every_check_of_an_executor_is_told_in_its_own_words(event: Event, check: Check) -> None:
    """Whether the refusal ended the action or changed nothing: no code is left without words."""
    assert SENTENCES[check] in sentence_of_reason(event, check)
