"""Profiles: what they say, what is refused, and that the strict ones hide at least what the weak ones hide."""

import re

import pytest

from sluicegate.processors.masking.columns import Columns, spelled
from sluicegate.processors.masking.identifiers import Kind, Operator, Reading
from sluicegate.processors.masking.profile import BUILT_IN, Column, load_profile
from sluicegate.processors.policy.profiles import PROFILES
from sluicegate.schemas.errors import ConfigurationError

HEAD = "version: 1\nname: mine\nextends: pii-basic\n"


def test_the_built_in_profiles_are_those_a_policy_may_name() -> None:
    """Same names, same order."""
    assert tuple(BUILT_IN) == PROFILES


def test_a_stricter_profile_masks_every_kind_that_a_weaker_one_masks() -> None:
    """The order of strictness is true for each kind."""
    basic, limited, harbor = BUILT_IN.values()
    for weak, strict in ((basic, limited), (limited, harbor)):
        for kind in Kind:
            assert weak.operator(kind) is Operator.KEEP or strict.operator(kind) is not Operator.KEEP


def test_safe_harbor_names_its_paragraphs_and_never_derives() -> None:
    """All classes of 45 CFR 164.514(b)(2)(i) are there, none with a surrogate (164.514(c))."""
    harbor = BUILT_IN["hipaa-safe-harbor"]
    assert set(harbor.operators) == set(Kind)
    assert Operator.SURROGATE not in harbor.operators.values()
    letters = {letter for rule in harbor.rules.values() for letter in re.findall(r"\(([A-R])\)", rule)}
    assert letters == set("ABCDEFGHIJKLMNOPQR")
    assert all(rule.startswith("45 CFR 164.514(b)(2)(i)") for rule in harbor.rules.values())


@pytest.mark.parametrize(
    "name",
    ["first_name", "firstName", "First-Name", "FIRST_NAME", "FirstName", "first name", "\uff46irst_name"],
)
def test_a_name_fits_in_every_spelling(name: str) -> None:
    """Snake, camel, kebab, capitals, spaces, full-width letters."""
    assert Columns(BUILT_IN["pii-basic"]).column((spelled(name),)) == Column(Kind.NAME)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (("x", "membership"), Reading.KEEP),
        (("products", "title"), Reading.KEEP),
        (("products", "email"), Kind.EMAIL),
        (("plan",), None),
        (("a", "plan"), Reading.PLAIN),
        (("b", "a", "plan"), None),
        (("sales_note",), Reading.TEXT),
        (("note",), None),
        (("referred_by",), Kind.NAME),
    ],
)
def test_the_most_precise_entry_counts(path: tuple[str, ...], wanted: Kind | Reading | None) -> None:
    """A written name beats a star, a path may be anchored, and an unknown place has no entry."""
    text = HEAD + (
        'columns: {membership: keep, "products.*": keep, "$.*.plan": plain, "*_note": text, referred_by: name tag}\n'
    )
    column = Columns(load_profile(text, source="p")).column(path)
    assert (column.holds if column else None) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "p.yaml:1:1: the file is empty"),
        ("version: 1\nname: mine\n", "`extends` is missing"),
        (
            "version: 1\nname: mine\nextends: pii-bsic\n",
            "p.yaml:3:10: `extends` cannot be `pii-bsic`; did you mean `pii-basic`?",
        ),
        ("version: 1\nname: pii-basic\nextends: pii-basic\n", "p.yaml:2:7: `pii-basic` is built in"),
        (HEAD + "columns: {a..b: keep}\n", "p.yaml:4:17: `a..b` is no path; write"),
        (HEAD + "columns: {a: nam}\n", "p.yaml:4:14: column `a` cannot be `nam`; did you mean `name`?"),
        (HEAD + "columns: {a: keep tag}\n", "write `keep` alone"),
        (HEAD + "columns: {a: name hide}\n", "write a kind and one of"),
        (HEAD + "columns: {a: [name]}\n", "must be one word"),
        (HEAD + "kinds: {names: tag}\n", "unknown field `names`; did you mean `name`?"),
        (HEAD + "kinds: {name: hide}\n", "`name` cannot be `hide`; write one of: tag"),
        (HEAD + "keys: {a: tag}\n", "keys of `a` must be a kind"),
        (HEAD + "column: {a: name}\n", "unknown field `column`; did you mean `columns`?"),
        (HEAD + "name: other\n", "`name` is there twice"),
    ],
)
def test_nonsense_is_refused_with_its_line_and_what_to_do(text: str, said: str) -> None:
    """One line per finding."""
    with pytest.raises(ConfigurationError) as refused:
        load_profile(text, source="p.yaml")
    assert said in str(refused.value)
