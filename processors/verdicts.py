"""Ask the policies in force about an action, and say the answer in codes and rule names."""

from sluicegate.schemas.action import Action

from .events import Reason
from .policy import Denial, Verdict, project
from .tables import Tables

MAX_RULES = 12
"""Rules named in records; an entry stays below 2 KB."""
_DENIALS = {
    Denial.NO_POLICY: Reason.NO_POLICY,
    Denial.DEFAULT: Reason.POLICY_DEFAULT,
    Denial.ERROR: Reason.POLICY_ERROR,
    Denial.RULE: Reason.POLICY,
}


def evaluate(tables: Tables, action: Action) -> Verdict:
    """What the policies in force say about an action."""
    on_behalf_of = action.on_behalf_of
    projection = project(
        action.type,
        action.agent,
        action.arguments,
        on_behalf_of=None if on_behalf_of is None else f"{on_behalf_of.issuer} {on_behalf_of.subject}",
        lane=action.lane,
    )
    return tables.policies.evaluate(action.agent, projection)


def why_denied(verdict: Verdict) -> Reason:
    """The code for a verdict that denies."""
    # A verdict that does not say why denies all the same.
    return Reason.POLICY_ERROR if verdict.denial is None else _DENIALS[verdict.denial]


def matched_rules(verdict: Verdict) -> tuple[str, ...]:
    """The rules that decided, and those that could not be evaluated with what they missed; the first `MAX_RULES`."""
    erring = tuple(f"{error.rule}: {error.missing}"[:160] for error in verdict.errors)
    return (*verdict.rules, *erring)[:MAX_RULES]
