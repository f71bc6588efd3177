"""Masking profiles that operators publish, as the gate uses them: none, one, several, and what changes while people decide."""

import json

import pytest

from sluicegate.schemas import document
from sluicegate.schemas.action import Action
from sluicegate.schemas.document import DocumentKind
from sluicegate.streams.testing import GateDriver


def policy(gate: GateDriver, *rules: str) -> None:
    """Put a policy in force in which every one of these rules is for `crm.write`."""
    lines = "\n".join(f"  - {{id: r{place}, on: [crm.write], {rule}}}" for place, rule in enumerate(rules))
    review = "reviews:\n  one: {groups: {security: 1}, within: 30m}\n"
    gate.policy("policy", f"version: 1\nname: p\ndefault: deny\n{review}rules:\n{lines}\n")


def profile(gate: GateDriver, name: str, extends: str = "pii-basic", *, retired: bool = False) -> None:
    """Publish, or take back, a profile that keeps the column `login`."""
    text = f"version: 1\nname: {name}\nextends: {extends}\ncolumns: {{login: keep}}\n"
    gate.publish(DocumentKind.PROFILE, name, document.ProfileText(text=text, retired=retired))


def submit(gate: GateDriver) -> Action:
    """An action with a login and an address."""
    action = gate.submit("ops-agent", "crm.write", {"login": "mia_li_3668", "mail": "mia@example.com"})
    gate.run()
    return action


def approve(gate: GateDriver, action: Action) -> None:
    """One person of security approves what is asked now."""
    gate.decide("p-ann", gate.request(action))
    gate.run()


def ended(gate: GateDriver, action: Action) -> tuple[str, str | None]:
    """The last outcome and its reason."""
    outcome = gate.outcome(action)
    return outcome.outcome.value, outcome.reason


def test_a_view_and_a_grant_use_the_published_profile(clinic: GateDriver) -> None:
    """What it keeps is seen, what it does not keep is a tag; the grant names it."""
    profile(clinic, "ours")
    policy(clinic, "effect: review, review: one, mask: ours")
    action = submit(clinic)
    assert json.loads(clinic.request(action).view.text)["arguments"] == {
        "login": {"quoted": "mia_li_3668"},
        "mail": {"quoted": "<email>"},
    }
    assert clinic.request(action).requirement.mask == "ours"
    approve(clinic, action)
    assert clinic.grant(action).mask == "ours"


@pytest.mark.parametrize("effect", ["effect: allow", "effect: review, review: one"])
def test_a_profile_that_nobody_published_denies(clinic: GateDriver, effect: str) -> None:
    """Its result could not be masked, so nothing is executed; once it is published, new actions pass."""
    policy(clinic, f"{effect}, mask: ours")
    assert ended(clinic, submit(clinic)) == ("denied", "no-profile")
    profile(clinic, "ours")
    assert ended(clinic, submit(clinic)) != ("denied", "no-profile")


def test_a_profile_that_was_taken_back_denies(clinic: GateDriver) -> None:
    """What was published once is not what is published now."""
    profile(clinic, "ours")
    policy(clinic, "effect: allow, mask: ours")
    profile(clinic, "ours", retired=True)
    assert ended(clinic, submit(clinic)) == ("denied", "no-profile")


@pytest.mark.parametrize(
    ("masks", "wanted"),
    [
        (("ours", "hipaa-safe-harbor"), "hipaa-safe-harbor"),
        (("strict", "pii-basic"), "strict"),
        (("strict", "ours"), "strict"),
        (("ours", "pii-basic"), None),
        (("ours", "theirs"), None),
        (("strict", "hipaa-safe-harbor"), None),
    ],
)
def test_of_several_profiles_the_one_with_the_stricter_base_counts(
    clinic: GateDriver, masks: tuple[str, str], wanted: str | None
) -> None:
    """Two of one rank: neither is surely the stricter one, so nothing is executed."""
    profile(clinic, "ours")
    profile(clinic, "theirs")
    profile(clinic, "strict", "hipaa-safe-harbor")
    policy(clinic, *(f"effect: allow, mask: {mask}" for mask in masks))
    action = submit(clinic)
    if wanted is None:
        assert ended(clinic, action) == ("denied", "no-profile")
    else:
        assert clinic.grant(action).mask == wanted


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        ("effect: allow", "ours"),
        ("effect: review, review: one, mask: hipaa-safe-harbor", "hipaa-safe-harbor"),
        ("effect: review, review: one, mask: theirs", None),
        ("effect: allow, mask: pii-basic", None),
    ],
)
def test_a_request_ends_under_the_stricter_of_then_and_now(
    clinic: GateDriver, now: str, wanted: str | None
) -> None:
    """Or is denied where none of the two can be said to be the stricter one."""
    profile(clinic, "ours")
    profile(clinic, "theirs")
    policy(clinic, "effect: review, review: one, mask: ours")
    action = submit(clinic)
    policy(clinic, now)
    approve(clinic, action)
    if wanted is None:
        assert ended(clinic, action) == ("denied", "no-profile")
    else:
        assert clinic.grant(action).mask == wanted


def test_a_request_whose_profile_was_taken_back_is_denied(clinic: GateDriver) -> None:
    """Its view was made with it, and its result could not be masked any more."""
    profile(clinic, "ours")
    policy(clinic, "effect: review, review: one, mask: ours")
    action = submit(clinic)
    policy(clinic, "effect: allow")
    profile(clinic, "ours", retired=True)
    approve(clinic, action)
    assert ended(clinic, action) == ("denied", "no-profile")
