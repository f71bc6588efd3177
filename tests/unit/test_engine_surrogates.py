"""Surrogates of many values at once: the same as one by one."""

import secrets
from collections.abc import Callable

import pytest

from sluicegate.processors.masking.engine.kinds import CODES, KINDS
from sluicegate.processors.masking.engine.surrogates import Surrogates
from sluicegate.processors.masking.engine.treatments import Replacing, Treatment, Treatments
from sluicegate.processors.masking.identifiers import Kind

_SECRET = b"a secret of these tests"
_VALUES = [
    b"4482113",
    b"44-82 113",
    b"Ann",
    b"ann",
    b"-",
    b"\xe5\xbc\xa0",
    *(b"MRN%d" % n for n in range(40)),
    b"Ann",
]


@pytest.mark.parametrize("many", [0, 1, 5, len(_VALUES)])
def test_many_are_each(many: int) -> None:
    """Many values have the surrogates and the pseudonyms that each has alone."""
    one, all_ = Surrogates(_SECRET), Surrogates(_SECRET)
    values = _VALUES[:many]
    assert all_.surrogates(Kind.RECORD, values) == [one.surrogate(Kind.RECORD, value) for value in values]
    assert all_.pseudonyms(Kind.RECORD, values) == [one.pseudonym(Kind.RECORD, value) for value in values]


def test_many_random_ones() -> None:
    """Values drawn for many stay with them, in whatever way they are asked for again; no two values share one."""
    surrogates = Surrogates(_SECRET, secrets.token_bytes)
    made = surrogates.surrogates(Kind.RECORD, _VALUES)
    assert made == [surrogates.surrogate(Kind.RECORD, value) for value in _VALUES]
    assert made == surrogates.surrogates(Kind.RECORD, _VALUES)
    plain = {value.lower().replace(b"-", b"").replace(b" ", b"") or value for value in _VALUES}
    assert len(set(made)) == len(plain)


@pytest.mark.parametrize("draw", [None, secrets.token_bytes])
def test_a_batch_is_its_values(draw: Callable[[int], bytes] | None) -> None:
    """In a batch each value gets what takes its place alone, for every treatment, and a shifted date goes by its own subject."""
    of_kind = dict(zip(KINDS, [*Treatment] * len(KINDS), strict=False)) | {Kind.DATE: Treatment.SHIFT}
    surrogates = Surrogates(_SECRET, draw)
    replacing = Replacing(Treatments(of_kind), surrogates, this_year=2026)
    values = [*_VALUES, b"x" * 300, b"3/14/2021", b"93", b"02139"] * 2
    codes = [code for code in range(len(KINDS)) for _ in values]
    shown = values * len(KINDS)
    whose = [b"%d" % (number % 3) for number in range(len(shown))]
    alone = Replacing(Treatments(of_kind), surrogates, this_year=2026)
    assert replacing.replacements(codes, shown, whose) == [
        alone.replacement(code, value, subject)
        for code, value, subject in zip(codes, shown, whose, strict=True)
    ]
    assert replacing.replacements(codes, shown) == [
        alone.replacement(code, value) for code, value in zip(codes, shown, strict=True)
    ]
    dates = replacing.replacements([CODES[Kind.DATE]] * 3, [b"3/14/2021"] * 3, [b"a", b"b", b"a"])
    assert dates[0] == dates[2] != dates[1]
