"""Bugs planted into executors: what they claim, and upon what they act."""

from typing import Any

import pytest

from sluicegate.processors.release import examination
from sluicegate.streams.clients import claim_book, executor, executor_acts
from sluicegate.streams.clients.execution_records import Scribe


def claim_after_the_act(patch: pytest.MonkeyPatch) -> None:
    """An executor acts, then claims."""
    real = executor.claim

    def claim(work: Any, records: Any, judgements: Any) -> Any:
        for judgement in judgements:
            if judgement.action is not None and judgement.read is not None:
                try:
                    work.handlers[judgement.action.type](judgement.action, judgement.read.grant)
                except ConnectionError:
                    continue
        real(work, records, judgements)
        return []

    patch.setattr(executor, "claim", claim)


def expiry_not_checked_after_the_claim(patch: pytest.MonkeyPatch) -> None:
    """An executor acts although its claim was appended after the grant's expiry."""
    patch.setattr(executor_acts, "_late", lambda _claimed: None)


def used_grant_taken_for_new(patch: pytest.MonkeyPatch) -> None:
    """An executor does not look up whether it has claimed a grant before."""
    patch.setattr(claim_book.ClaimBook, "look", lambda *_: claim_book.Use.NEW)


def claims_not_read_back(patch: pytest.MonkeyPatch) -> None:
    """An executor that starts again remembers no claims and trusts the offsets of its group."""
    patch.setattr(Scribe, "own", lambda *_: None)


def copy_on_another_partition_accepted(patch: pytest.MonkeyPatch) -> None:
    """An executor does not look whether a grant stands where it belongs."""
    patch.setattr(examination, "_place", lambda *_: None)


def failed_act_tried_again(patch: pytest.MonkeyPatch) -> None:
    """A handler that raised is called a second time."""
    real = executor_acts._act

    def act(work: Any, claimed: Any) -> Any:
        ended = real(work, claimed)
        return ended if isinstance(ended, executor_acts.Executed) else real(work, claimed)

    patch.setattr(executor_acts, "_act", act)
