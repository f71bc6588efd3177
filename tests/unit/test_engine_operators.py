"""What each operator leaves of an identifier: years that tell no age, pseudonyms that outlive an export, dates of one subject."""

import json
import re
from datetime import date
from typing import Final

import pyarrow as pa
import pytest

from sluicegate.processors.masking.engine.cells import Cells, Different
from sluicegate.processors.masking.engine.engine import Engine
from sluicegate.processors.masking.engine.fields import Masking
from sluicegate.processors.masking.engine.kinds import CODES
from sluicegate.processors.masking.engine.records import Records
from sluicegate.processors.masking.engine.subjects import plain
from sluicegate.processors.masking.engine.surrogates import FORM, Surrogates
from sluicegate.processors.masking.engine.tables import Tables
from sluicegate.processors.masking.engine.treatments import Replacing, Treatment, Treatments
from sluicegate.processors.masking.identifiers import Kind
from sluicegate.processors.masking.masking import Masked, mask
from sluicegate.processors.masking.profile import load_profile
from sluicegate.processors.masking.second_look import second_look
from sluicegate.streams.masking_engine import load_scanner

_SHIFTING: Final = load_profile(
    "version: 1\nname: shifting\nextends: limited-data-set\n"
    "subject: [subject.reference, patient_id]\nkinds: {date: shift, birth-date: shift}\n",
    source="p",
)
_ENGINE: Final = Engine.of(load_scanner())
_SHIFTED: Final = re.compile(r"<date:(\d{4}-\d\d-\d\d):[a-z]{12}>")
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


def _masking() -> Masking:
    return Masking(_ENGINE, _SHIFTING, Surrogates(b"one export"))


def _moved(text: str, *days: str) -> list[int]:
    """By how many days each of these days was moved."""
    shown = [date.fromisoformat(day) for day in _SHIFTED.findall(text)]
    return [(new - date.fromisoformat(old)).days for new, old in zip(shown, days, strict=True)]


def test_dates_of_one_subject_keep_their_distance_in_records_wherever_they_stand() -> None:
    """In columns, in free text, in JSON within text and in lists, by one number of days; the next subject has another."""
    one = {
        "patient_id": "P-1",
        "date_of_birth": "1984-03-09",
        "visits": [{"date": "2021-03-14", "note": "seen 3/20/2021"}, '{"note": "again on March 1, 2021"}'],
    }
    other = {"note": "seen 3/20/2021", "patient_id": "P-2"}
    nested = {"subject": {"reference": "Patient/p1"}, "note": "seen 3/20/2021"}

    first, second, third = Records(_masking()).masked([json.dumps(each) for each in (one, other, nested)])

    (days,) = set(_moved(first, "1984-03-09", "2021-03-14", "2021-03-20", "2021-03-01"))
    assert days
    assert _moved(second, "2021-03-20") not in ([0], [days])
    assert _moved(third, "2021-03-20") == [days]


def test_a_record_that_names_no_subject_has_no_shifted_date() -> None:
    """Nor does an object beside the one that names it; a list of records may hold both."""
    record = [
        {"patient": {"patient_id": "1"}, "note": "seen 3/20/2021"},
        {"patient_id": "", "date": "2021-03-14"},
    ]

    (text,) = Records(_masking()).masked([json.dumps(record)])

    assert "20" not in text
    assert text.count("<date>") == 2


def test_rows_of_a_table_belong_to_their_subject() -> None:
    """Arrow columns, also a subject inside a struct, and cells of text: equal cells of two subjects differ."""
    rows = {"patient_id": [1, 2, 1, None], "note": ["seen 3/20/2021"] * 4, "born": ["1984-03-09"] * 4}
    table = Tables(_masking()).masked(pa.record_batch(rows)).to_pylist()
    struct = pa.record_batch({"subject": [{"reference": "Patient/1"}], "note": ["seen 3/20/2021"]})
    cells = Cells(Records(_masking()))
    cells.belong_to(["1", "2"])
    made = cells.add(("note",), Different(["seen 3/20/2021"] * 2, [1, 1], [0, 1], lambda: ([], [])))
    cells.masked()

    moved = [_moved(row["note"] + row["born"], "2021-03-20", "1984-03-09") for row in table[:3]]
    assert moved[0] == moved[2] != moved[1]
    assert all(one == other for one, other in moved)
    assert (table[3]["note"], table[3]["born"]) == ("seen <date>", "<birth-date>")
    assert Tables(_masking()).masked(struct).to_pylist()[0]["note"] == table[0]["note"]
    assert made() == [table[0]["note"], table[1]["note"]]


def test_an_export_with_every_operator_passes_the_look_at_its_bytes() -> None:
    """Shifted dates, pseudonyms, classes and years leave through `mask run` too, each proved."""
    profile = load_profile(
        "version: 1\nname: all\nextends: limited-data-set\nsubject: patient_id\ncolumns: {seen: date year, age: age}\n"
        "kinds: {date: shift, birth-date: year, record: pseudonym, zip: zip3, age: age-class, name: surrogate}\n",
        source="p",
    )
    surrogates = Surrogates(b"one export", pseudonym_key=_TENANT)
    record = {
        "patient_id": "MR-448-217", "dob": "1984-03-09", "seen": "2021-03-10", "age": "93", "zip": "03601",
        "name": "Jane Okafor", "note": "MRN: 448-217, okafor, was seen on 3/20/2021 and on March 24, 2021",
    }  # fmt: skip
    raw = json.dumps(record).encode()

    masked = mask("application/json", raw, profile, surrogates, _ENGINE, this_year=2026)

    assert isinstance(masked, Masked)
    assert second_look("application/json", raw, masked.body, profile, surrogates) == ()
    left = json.loads(masked.body)
    assert (left["dob"], left["seen"], left["age"], left["zip"]) == ("1984", "2021", "<age:90+>", "<zip:000>")
    assert left["patient_id"] == surrogates.pseudonym(Kind.RECORD, b"MR-448-217").decode()
    (days,) = set(_moved(left["note"], "2021-03-20", "2021-03-24"))
    assert days


@pytest.mark.parametrize(
    ("value", "named"),
    [("P-001", b"p001"), ("Patient/p 001", b"p001"), ("urn:uuid:a-1", b"a1"), (" - ", None), ("a/", None)],
)
def test_a_subject_has_one_spelling(value: str, named: bytes | None) -> None:
    """References of FHIR and punctuation do not make another person; nothing names nobody."""
    assert plain(value) == named
