"""For any identifier and any text around it: it is found in every form, and nothing else changes."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.processors.masking.engine.batch import TextBatch
from sluicegate.processors.masking.engine.cells import Cells, Different
from sluicegate.processors.masking.engine.engine import Engine
from sluicegate.processors.masking.engine.fields import Masking
from sluicegate.processors.masking.engine.known_values import KnownValues
from sluicegate.processors.masking.engine.records import Records
from sluicegate.processors.masking.engine.span_table import SpanTable
from sluicegate.processors.masking.engine.surrogates import Surrogates
from sluicegate.processors.masking.identifiers import Kind
from sluicegate.processors.masking.profile import BUILT_IN
from sluicegate.streams.masking_engine import load_scanner

_NAME = st.text("abcdefghijklmnopqrstuvwxyzéü", min_size=3, max_size=9)
_NUMBER = st.from_regex(r"[A-Z]{0,2}[0-9]{5,9}", fullmatch=True)
_AROUND = st.text(st.sampled_from("xyz .,:;-'\n\"{}[]é張\u2019\U0001d409\x1e<>@0"), max_size=12)
_JOINER = st.sampled_from([" ", "-", ".", ", ", "_", "  ", "\u2013", "\n"])
_VALUE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**7), 10**7),
    st.text(max_size=12),
    st.sampled_from(
        ["call 617-555-0143", '{"a": ["x", null]}', "<name>", "<email:aaaaaaaaaaaaaaaaaaaaaaaa>"]
    ),
)
_KEY = st.sampled_from(
    ["email", "note", "first_name", "a b", "plan", "", "x@example.org", "<name-1>", "617-555-0143"]
)
_RECORD = st.recursive(
    _VALUE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEY, inner, max_size=4),
    max_leaves=12,
)
_ENGINE = Engine.of(load_scanner())


def _masking(profile: str = "pii-basic") -> Masking:
    return Masking(_ENGINE, BUILT_IN[profile], Surrogates(b"k" * 32))


@given(
    _NAME,
    _NAME,
    _JOINER,
    _AROUND,
    _AROUND,
    st.sampled_from(["as is", "turned"]),
    st.sampled_from(["lower", "upper", "title"]),
)
@settings(max_examples=100, deadline=None)
def test_two_names_are_found_in_any_order_case_and_with_any_joiner(
    one: str,
    other: str,
    joiner: str,
    before: str,
    after: str,
    turned: str,
    case: str,
) -> None:
    """Also in text with accents, other scripts and invisible signs around it."""
    known = KnownValues()
    known.add_names([one, other])
    pair = f"{other}{joiner}{one}" if turned == "turned" else f"{one}{joiner}{other}"
    text: str = getattr(pair, case)()
    batch = TextBatch.of_texts([f"{before} {text} {after}"])

    found = known(batch, SpanTable.empty()).within(batch)

    covered = found.covered(len(batch.text))
    start = len(TextBatch.of_texts([f"{before} "]).text) - 1
    spelt = TextBatch.of_texts([text]).text[:-1]
    assert all(covered[start + at] for at, code in enumerate(spelt) if code >= 0x80 or chr(code).isalnum())


@given(_NUMBER, _AROUND, _AROUND)
@settings(max_examples=100, deadline=None)
def test_nothing_of_a_known_value_remains(number: str, before: str, after: str) -> None:
    """An identifier column's number is nowhere in the free text of its batch, spaced or not."""
    spaced = f"{number[:3]}-{number[3:]}"
    text = json.dumps({"mrn": number, "note": f"{before} {number} {after}", "more": [f"{spaced} {after}"]})

    (out,) = Records(_masking()).masked([text])

    assert number not in out
    assert spaced not in out


@given(st.lists(_RECORD, max_size=4))
@settings(max_examples=80, deadline=None)
def test_records_keep_shape_order_and_number_and_masking_twice_changes_nothing(records: list[object]) -> None:
    """Keys of an object stay as many, lists as long; tags and own surrogates are no identifiers."""
    texts = [json.dumps(record) for record in records]
    masking = _masking()

    once = Records(masking).masked(texts)
    twice = Records(masking).masked(once)

    assert len(once) == len(texts)
    assert twice == once
    for before, after in zip(records, map(json.loads, once), strict=True):
        _same_shape(before, after)


def _same_shape(before: object, after: object) -> None:
    if isinstance(before, dict):
        assert isinstance(after, dict)
        assert len(before) == len(after)
        for one, other in zip(before.values(), after.values(), strict=True):
            _same_shape(one, other)
    elif isinstance(before, list):
        assert isinstance(after, list)
        assert len(before) == len(after)
        for one, other in zip(before, after, strict=True):
            _same_shape(one, other)
    elif before is None or isinstance(before, bool):
        assert after is before
    else:
        assert isinstance(after, (str, int))


def _column(*values: str) -> Different:
    return Different(values, [1] * len(values), [0] * len(values), lambda: (values, range(len(values))))


@given(st.lists(st.one_of(st.text(max_size=20), st.just("a@example.org")), min_size=1, max_size=6))
@settings(max_examples=80, deadline=None)
def test_cells_keep_order_and_what_is_kept(values: list[str]) -> None:
    """Results stand where their values stood; equal cells become equal ones, blank cells stay."""
    cells = Cells(Records(_masking()))
    column = ["red", *values, "red"]

    text, typed = cells.add(("remark",), _column(*column)), cells.add(("email",), _column(*column))
    cells.masked()

    assert text()[0] == text()[-1]
    for before, after in zip(column, typed(), strict=True):
        assert (after == before) if not before.strip() else (after or "").startswith("<email:")


def test_an_ordinary_word_in_small_letters_is_no_name_but_one_with_a_capital_is() -> None:
    """Somebody is called Will Day: `Day` is masked, `some day` is not."""
    known = KnownValues()
    known.add(Kind.NAME, "Will Day")
    batch = TextBatch.of_texts(["some day we will see Day; the will of will day"])

    found = known(batch, SpanTable.empty())

    assert sorted((batch.text[one.start : one.end]) for one in found) == [b"Day", b"will day"]


def test_a_single_name_is_none_in_a_column_of_places() -> None:
    """Somebody called Virginia does not mask the state; both her names do, and her number."""
    cells = Cells(Records(_masking()))
    cells.add(("first_name",), _column("Virginia", "Ann"))
    cells.add(("last_name",), _column("Reston", "Li"))
    cells.add(("mrn",), _column("4482177", "1"))
    states = cells.add(("state",), _column("Virginia", "c/o Virginia Reston, 4482177"))
    cells.masked()

    assert states()[0] == "Virginia"
    assert (states()[1] or "").startswith("c/o <name>, <record")


def test_a_birth_date_is_found_however_it_is_written() -> None:
    """Numbers in both orders, names of months, ordinals."""
    known = KnownValues()
    known.add(Kind.BIRTH_DATE, "1984-03-09")
    forms = [
        "1984-03-09",
        "3/9/1984",
        "09.03.1984",
        "19840309",
        "March 9, 1984",
        "9 Mar 1984",
        "9th of March 1984",
    ]
    batch = TextBatch.of_texts(forms)

    found = known(batch, SpanTable.empty())

    assert [batch.text[one.start : one.end].decode() for one in found] == forms
