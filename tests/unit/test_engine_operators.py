"""What each operator leaves of an identifier: years that tell no age, pseudonyms that outlive an export, dates of one subject."""

import pytest

from sluicegate.processors.masking.engine.kinds import CODES
from sluicegate.processors.masking.engine.surrogates import FORM, Surrogates
from sluicegate.processors.masking.engine.treatments import Replacing, Treatment, Treatments
from sluicegate.processors.masking.identifiers import Kind

_TENANT = b"a key that outlives an export..."


@pytest.mark.parametrize(
    ("kind", "shown", "this_year", "left"),
    [
        (Kind.BIRTH_DATE, "3/14/1935", 2026, "<birth-date>"),
        (Kind.BIRTH_DATE, "3/14/1936", 2026, "<birth-date>"),
        (Kind.BIRTH_DATE, "3/14/1937", 2026, "1937"),
        (Kind.BIRTH_DATE, "3/14/1987", None, "<birth-date>"),
        (Kind.DATE, "14 March 1931", 2026, "<date>"),
        (Kind.DATE, "14 March 1987", 2026, "1987"),
        (Kind.DATE, "14 March 1987", None, "1987"),
    ],
)
def test_a_year_that_tells_an_age_over_89_is_not_left(
    kind: Kind, shown: str, this_year: int | None, left: str
) -> None:
    """Who was born ninety years ago may be ninety; a birth year without a year to compare with is not left either."""
    replacing = Replacing(Treatments({kind: Treatment.YEAR}), None, this_year=this_year)

    assert replacing.replacement(CODES[kind], shown.encode()).decode() == left


def test_a_pseudonym_is_the_same_in_every_export_of_one_key_and_a_surrogate_is_not() -> None:
    """Both prove their maker under what `proving` says, and neither is the other."""
    one, next_one = (Surrogates(secret, pseudonym_key=_TENANT) for secret in (b"one export", b"the next"))
    other_tenant = Surrogates(b"one export", pseudonym_key=b"another tenant's key")

    assert one.pseudonym(Kind.RECORD, b"44-821") == next_one.pseudonym(Kind.RECORD, b"44821")
    assert one.pseudonym(Kind.RECORD, b"44821") != other_tenant.pseudonym(Kind.RECORD, b"44821")
    assert one.surrogate(Kind.RECORD, b"44821") != next_one.surrogate(Kind.RECORD, b"44821")
    assert one.proving == _TENANT
    for made in (one.pseudonym(Kind.RECORD, b"44821"), one.surrogate(Kind.RECORD, b"44821")):
        form = FORM.fullmatch(made)
        assert form is not None
        assert next_one.is_own(form)
        assert not other_tenant.is_own(form)


def test_a_pseudonym_without_a_key_holds_for_one_export_only() -> None:
    """Nothing outlives an export unless somebody says so."""
    one, other = Surrogates(b"one export"), Surrogates(b"the next")

    assert one.pseudonym(Kind.NAME, b"Roe") != other.pseudonym(Kind.NAME, b"Roe")
    assert one.proving == b"one export"
