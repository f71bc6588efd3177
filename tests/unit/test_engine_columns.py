"""Operators at work on rows: generalised values, shifted dates, surrogates that are nobody else's."""

import pytest

from sluicegate.processors.masking.engine.batch import TextBatch
from sluicegate.processors.masking.engine.engine import Engine
from sluicegate.processors.masking.engine.kinds import CODES, SpanKind
from sluicegate.processors.masking.engine.surrogates import FORM, Surrogates
from sluicegate.processors.masking.engine.treatments import Replacing, Treatment, Treatments
from sluicegate.processors.masking.identifiers import Kind
from sluicegate.processors.masking.profile import BUILT_IN
from sluicegate.streams.masking_engine import load_scanner

_ENGINE = Engine.of(load_scanner())
_SAFE_HARBOR = Treatments.of(BUILT_IN["hipaa-safe-harbor"])


def _replaced(kind: SpanKind, shown: str, how: Treatment, subject: bytes | None = None) -> str:
    replacing = Replacing(Treatments({kind: how}), Surrogates(b"secret"))
    return replacing.replacement(CODES[kind], shown.encode(), subject).decode()


@pytest.mark.parametrize(
    ("shown", "left"),
    [
        ("March 14, 2021", "2021"),
        ("3/14/1987", "1987"),
        ("20210314", "2021"),
        ("3/14", "<date>"),
        ("14.3.21", "<date>"),
    ],
)
def test_a_date_goes_to_its_year(shown: str, left: str) -> None:
    """What has no year of four digits becomes a tag."""
    assert _replaced(Kind.DATE, shown, Treatment.YEAR) == left


@pytest.mark.parametrize(
    ("shown", "left"), [("44101", "<zip:441>"), ("OH 03601-1234", "<zip:000>"), ("SW1A 1AA", "<zip>")]
)
def test_a_zip_code_goes_to_three_digits(shown: str, left: str) -> None:
    """`000` where few people live; a code of another country is a tag."""
    assert _replaced(Kind.ZIP, shown, Treatment.ZIP3) == left


def test_dates_of_one_subject_move_together() -> None:
    """By the same days for one subject in any spelling, by a year at most, and the form proves its maker."""
    first = _replaced(Kind.DATE, "March 14, 2021", Treatment.SHIFT, b"subject 1")
    form = FORM.fullmatch(first.encode())

    assert _replaced(Kind.DATE, "2021-03-14", Treatment.SHIFT, b"subject 1") == first
    assert _replaced(Kind.DATE, "2021-03-14", Treatment.SHIFT, b"subject 2") != first
    assert "2021-03-14" not in first
    assert form is not None
    assert Surrogates(b"secret").is_own(form)
    assert not Surrogates(b"another").is_own(form)


def test_a_date_without_subject_or_day_is_a_tag() -> None:
    """Nothing is shifted by a guess."""
    assert _replaced(Kind.DATE, "2021-03-14", Treatment.SHIFT) == "<date>"
    assert _replaced(Kind.DATE, "March 2021", Treatment.SHIFT, b"subject 1") == "<date>"


def test_random_surrogates_are_consistent_and_derive_from_nothing() -> None:
    """The same value has one surrogate in an export; another export with the same secret draws another; both prove it."""
    drawn = iter(bytes([number] * 7) for number in range(9))
    one = Surrogates(b"secret", lambda _size: next(drawn))
    other = Surrogates(b"secret", lambda _size: next(drawn))

    made = one.surrogate(Kind.RECORD, b"44-821")

    assert one.surrogate(Kind.RECORD, b"44821") == made
    assert other.surrogate(Kind.RECORD, b"44-821") != made
    form = FORM.fullmatch(made)
    assert form is not None
    assert other.is_own(form)


def test_a_look_alike_of_a_surrogate_is_not_own() -> None:
    """Letters that no secret of ours made, or that spell nothing."""
    for token in (b"a" * 24, b"z" * 24):
        form = FORM.fullmatch(b"<record:" + token + b">")
        assert form is not None
        assert not Surrogates(b"secret").is_own(form)


def test_safe_harbor_lets_stand_what_the_law_lets_stand() -> None:
    """Year, `90+` and three digits; nothing else of an identifier."""
    assert {kind: how for kind, how in _SAFE_HARBOR.by_kind.items() if how is not Treatment.TAG} == {
        Kind.DATE: Treatment.YEAR,
        Kind.AGE: Treatment.AGE_CLASS,
        Kind.ZIP: Treatment.ZIP3,
    }


def test_a_kind_that_a_profile_keeps_stays() -> None:
    """`limited-data-set` keeps dates; what is beside them goes."""
    treatments = Treatments.of(BUILT_IN["limited-data-set"])
    batch = TextBatch.of_texts(["MRN: 448217 seen 3/14/2021"])
    surrogates = Surrogates(b"secret")

    masked = _ENGINE.masked(batch, Replacing(treatments, surrogates), surrogates)

    (row,) = masked.rows
    assert row.endswith(b" seen 3/14/2021")
    assert b"448217" not in row
    assert dict(masked.counts) == {Kind.RECORD: 1}
