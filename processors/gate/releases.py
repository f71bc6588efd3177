"""Tell masking how its own actions ended: what it holds for people must not outlive their answer.

Sinks: execution.masking.
"""

from dataclasses import replace

from sluicegate.processors.export_release import EXPORT_RELEASE, RELEASER
from sluicegate.processors.ruling import Ruling, Send
from sluicegate.processors.tables import Tables
from sluicegate.schemas.outcome import Outcome, OutcomeKind


def told_to_masking(ruling: Ruling, tables: Tables) -> Ruling:
    """The ruling, with every end of an `export.release` but its execution also on masking's own topic, signed like a grant.

    Masking would otherwise have to read the outcomes of everybody.
    """
    if ruling.facts.get("action_type") != EXPORT_RELEASE or RELEASER not in tables.reachable:
        return ruling
    ends = tuple(
        Send(f"execution.{RELEASER}", outcome, outcome.outcome_id, signed=True)
        for outcome in ruling.outcomes
        if outcome.agent in tables.directory.releasing and _ends_unreleased(outcome)
    )
    return replace(ruling, sends=(*ruling.sends, *ends)) if ends else ruling


def _ends_unreleased(outcome: Outcome) -> bool:
    return outcome.outcome.final and not outcome.repeated and outcome.outcome is not OutcomeKind.EXECUTED
