"""Ask the policies in force about an action, and say the answer in codes and rule names."""

from dataclasses import replace

from sluicegate.processors.events import Reason
from sluicegate.processors.masking.profile import BUILT_IN, Profile
from sluicegate.processors.policy import Denial, Effect, Verdict, project
from sluicegate.processors.policy.profiles import the_strictest
from sluicegate.processors.tables import Tables
from sluicegate.schemas.action import Action

MAX_RULES = 12
"""Rules named in records; an entry stays below 2 KB."""
_DENIALS = {
    Denial.NO_POLICY: Reason.NO_POLICY,
    Denial.DEFAULT: Reason.POLICY_DEFAULT,
    Denial.ERROR: Reason.POLICY_ERROR,
    Denial.RULE: Reason.POLICY,
    Denial.PROFILE: Reason.NO_PROFILE,
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
    return _with_one_profile(tables.policies.evaluate(action.agent, projection), tables)


def profile_that_counts(named: str, tables: Tables) -> Profile | None:
    """The one masking profile of those that policies name together; None when there is none that is surely strict enough."""
    extended = {name: profile.extends for name, profile in tables.profiles.items()}
    name = the_strictest(named, extended)
    return None if name is None else BUILT_IN.get(name) or tables.profiles[name]


def _with_one_profile(verdict: Verdict, tables: Tables) -> Verdict:
    """The verdict with the profile that counts; where none does, what it lets pass could not be masked, so it denies."""
    if verdict.mask is None or verdict.effect is Effect.DENY or verdict.mask in BUILT_IN:
        return verdict
    profile = profile_that_counts(verdict.mask, tables)
    if profile is None:
        return replace(
            verdict,
            effect=Effect.DENY,
            requirement=None,
            reason=f"no profile for `{verdict.mask}`: publish it, or let rules that meet name one",
            denial=Denial.PROFILE,
        )
    required = verdict.requirement
    return replace(
        verdict,
        mask=profile.name,
        requirement=None if required is None else replace(required, mask=profile.name),
    )


def why_denied(verdict: Verdict) -> Reason:
    """The code for a verdict that denies."""
    # A verdict that does not say why denies all the same.
    return Reason.POLICY_ERROR if verdict.denial is None else _DENIALS[verdict.denial]


def matched_rules(verdict: Verdict) -> tuple[str, ...]:
    """The rules that decided, and those that could not be evaluated with what they missed; the first `MAX_RULES`."""
    erring = tuple(f"{error.rule}: {error.missing}"[:160] for error in verdict.errors)
    return (*verdict.rules, *erring)[:MAX_RULES]
