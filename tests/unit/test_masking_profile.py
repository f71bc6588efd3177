"""Profiles: what they say, what is refused, and that the strict ones hide at least what the weak ones hide."""

import re

import pytest

from sluicegate.processors.masking.columns import Columns, spelled
from sluicegate.processors.masking.explained import explain, warnings
from sluicegate.processors.masking.identifiers import Kind, Operator, Reading
from sluicegate.processors.masking.profile import BUILT_IN, Column, load_profile
from sluicegate.processors.policy.profiles import PROFILES
from sluicegate.schemas.errors import ConfigurationError

HEAD = "version: 1\nname: mine\nextends: pii-basic\n"
HARBOR = "version: 1\nname: mine\nextends: hipaa-safe-harbor\n"


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
    assert not {Operator.SURROGATE, Operator.PSEUDONYM, Operator.SHIFT} & {*harbor.operators.values()}
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
        (
            HEAD + "kinds: {ssn: year}\n",
            "`ssn` cannot be `year`; write one of: tag, surrogate, pseudonym, drop, keep",
        ),
        (HEAD + "columns: {a: zip age-class}\n", "column `a` cannot be `age-class`; write one of: tag"),
        (
            HEAD + "kinds: {date: shift}\n",
            "`date` cannot be `shift` without a subject; add for example `subject:",
        ),
        (HEAD + 'subject: "*_id"\n', "`*_id` is no path; write names with dots between them"),
        (
            HARBOR + "kinds: {record: pseudonym}\n",
            "under `hipaa-safe-harbor`: it derives from the identifier",
        ),
        (HARBOR + "columns: {mrn: record pseudonym}\n", "column `mrn` cannot be `pseudonym` under"),
        (
            HARBOR + "subject: id\nkinds: {date: shift}\n",
            "it leaves day and month (45 CFR 164.514(b)(2)(i)(C))",
        ),
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


def test_every_operator_can_be_said_of_a_kind_and_of_a_column() -> None:
    """One table, type by profile; what a column says counts there, and `explain` says what becomes of each."""
    said = load_profile(
        HEAD
        + "subject: [patient.id, patient_id]\n"
        + "kinds: {date: shift, birth-date: year, record: pseudonym, zip: zip3, age: age-class, name: surrogate}\n"
        + "columns: {visit: date year, mrn2: record surrogate}\n",
        source="p",
    )

    assert said.subject == ("patient.id", "patient_id")
    assert said.operator(Kind.DATE) is Operator.SHIFT
    assert Columns(said).column(("visit",)) == Column(Kind.DATE, Operator.YEAR)
    assert all(said.uses(one) for one in Operator if one not in {Operator.DROP, Operator.KEEP})
    becomes = {(one.what, one.name): one.becomes for one in explain(said)}
    assert "the subject's own" in becomes["kind", "date"]
    assert "every export" in becomes["kind", "record"]
    assert "one export" in becomes["column", "mrn2"]
    assert ("subject", "patient.id") in becomes
    assert any("pseudonym" in warning for warning in warnings(said))


def test_a_profile_may_limit_what_may_be_left() -> None:
    """A whole number of spans per 1,000 rows; there is no limit unless one is written."""
    assert {profile.residual for profile in BUILT_IN.values()} == {None}
    assert load_profile(HEAD + "residual: 5\n", source="x").residual == 5
    for wrong in ("0", "1001", "1.5", "none"):
        with pytest.raises(ConfigurationError, match="residual"):
            load_profile(HEAD + f"residual: {wrong}\n", source="x")


def test_only_a_profile_that_says_so_lets_people_release() -> None:
    """`release` is `never` unless written; no built-in profile releases, and extending one takes nothing over."""
    assert not any(profile.releases for profile in BUILT_IN.values())
    assert not load_profile(HEAD, source="x").releases
    assert not load_profile(HEAD + "release: never\n", source="x").releases
    releasing = load_profile(HEAD + "release: withheld\n", source="x")
    assert releasing.releases
    assert any("people may release" in warning for warning in warnings(releasing))
    with pytest.raises(ConfigurationError, match="release"):
        load_profile(HEAD + "release: always\n", source="x")
