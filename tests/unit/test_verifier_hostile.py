"""What wants to get past the verifier: every disguise here was let through once."""

import base64
import json
from typing import Any, Final

import pyarrow as pa
import pytest

from sluicegate.processors.masking.profile import BUILT_IN
from sluicegate.processors.masking.verifier import Claim, Expected, Holds, Report, Verifier
from sluicegate.processors.masking.verifier.places import Places

_SECRET: Final = b"a secret of one export, 32 bytes"
_HARBOR: Final = Expected.of(BUILT_IN["hipaa-safe-harbor"])
_PERSON: Final = {"first_name": "Tamara", "last_name": "Okafor", "mrn": "AB-99123", "phone": "(555) 010-4477"}
_MASKED: Final = {"first_name": "<name>", "last_name": "<name>", "mrn": "<record>", "phone": "<phone>"}


def _document(left: Any, name: str = "note", person: dict[str, str] = _PERSON) -> set[str]:
    """What is said when this is left beside a person whose columns are masked."""
    before, after = ({**one, name: left} for one in (person, _MASKED))
    old, new = (json.dumps(one, ensure_ascii=False).encode() for one in (before, after))
    return set(Verifier(_HARBOR, _SECRET).verify_document("application/json", old, new).reasons)


def _table(left: str) -> Report:
    """The same in a table: the name was in another row."""
    rows, masked = ([f"seen by {name} today", left] for name in ("Tamara Okafor", "<name>"))
    before, after = (pa.record_batch({"note": pa.array(one)}) for one in (rows, masked))
    return Verifier(_HARBOR, _SECRET).verify(before, after, {"note": Claim.of([0], [8], [21])})


_DISGUISES: Final = {
    "full width": "seen: \uff54\uff41\uff4d\uff41\uff52\uff41 \uff4f\uff4b\uff41\uff46\uff4f\uff52",
    "mathematical": "seen: \U0001d413\U0001d41a\U0001d426\U0001d41a\U0001d42b\U0001d41a \U0001d40e\U0001d424\U0001d41a\U0001d41f\U0001d428\U0001d42b",
    "zero width": "seen: tama\u200bra oka\u2060for",
    "soft hyphen": "seen: ta\u00admara oka\u00adfor",
    "combining": "seen: tama\u0301ra oka\u0308for",
    "accents": "seen: támara ökafor",
    "references": "seen: &#116;amara&nbsp;okaf&#x6f;r",
    "backslashes": "seen: \\u0074amara okaf\\x6fr",
    "percent": "seen: %74amara+okaf%6Fr",
    "quoted-printable": "seen: =74amara okaf=6Fr",
    "markup": "seen: ta<b>mara</b> <i>oka</i>for",
    "a letter a word": "seen: t a m a r a  o k a f o r",
    "base64 with a line end": base64.b64encode(b"seen:\nTamara Okafor\n").decode(),
    "base64 twice": base64.b64encode(base64.b64encode(b"it is Tamara Okafor")).decode(),
    "hexadecimal": b"tamara okafor".hex(),
    "unpadded": base64.urlsafe_b64encode(b"Tamara Okafor?").decode().rstrip("="),
}


@pytest.mark.parametrize("left", _DISGUISES.values(), ids=_DISGUISES.keys())
def test_a_known_name_in_disguise(left: str) -> None:
    """Unicode forms, invisible characters, references, escapes, markup and encodings, in documents and in tables."""
    assert {"known-value", "known-value-encoded"} & _document(left)
    assert {"known-value", "known-value-encoded"} & set(_table(left).reasons)


@pytest.mark.parametrize(
    ("left", "reason"),
    [
        ("ssn \uff10\uff17\uff18-\uff10\uff15-\uff11\uff11\uff12\uff10", "digits"),
        ("at \u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667", "digits"),
        ("078\u200b05\u200b1120", "digits"),
        ("roe\uff20example.org", "email"),
        ("0&#55;8-05-1120", "known-value-encoded"),
        ("078%2D05%2D1120", "known-value-encoded"),
        ("roe&#64;example.org", "known-value-encoded"),
        ("on May 20th he came", "date"),
        ("the 3rd of March he came", "date"),
        ("a 93-year-old", "age"),
        ("aged 101", "age"),
    ],
)
def test_a_shape_in_disguise(left: str, reason: str) -> None:
    """Shapes are looked for in what is read, not in the bytes; a day is a date without its year, an age over 89 is one too."""
    assert reason in _document(left)
    assert reason in _table(left).reasons


def test_a_name_with_accents_is_its_plain_one() -> None:
    """What is masked with accents and left without, and the other way round."""
    person = {**_PERSON, "first_name": "José", "last_name": "Núñez"}
    for left in ("jose nunez", "NUÑEZ, JOSE", "nun\u0303ez jose\u0301"):
        assert "known-value" in _document(left, person=person)


def test_the_local_part_of_a_known_number() -> None:
    """Seven digits of a phone number whose area code is known anyway."""
    assert "known-value" in _document("ring 010-4477")
    assert "known-value" in _document("ring 010 44 77")


@pytest.mark.parametrize(
    "left",
    ["born April 5, 1990", "5 Apr 1990", "4/5/1990", "05.04.1990", "the 5th of april 1990", "19900405"],
)
def test_a_known_birthday_in_other_words(left: str) -> None:
    """Where dates may stay, a birth date that is masked in its column may not, however it is written."""
    basic = Expected.of(BUILT_IN["pii-basic"])
    before, after = (
        json.dumps({"dob": dob, "note": left}).encode() for dob in ("1990-04-05", "<birth-date>")
    )

    assert (
        "known-value" in Verifier(basic, _SECRET).verify_document("application/json", before, after).reasons
    )


def test_a_name_over_the_end_of_a_line() -> None:
    """What is masked in one line of a text is spelt by the end of one and the beginning of the next."""
    before = b"seen: Dr. Tamara Okafor\n\nTamara\nOkafor came"
    after = b"seen: <name>\n\nTamara\nOkafor came"

    assert "known-value" in Verifier(_HARBOR, _SECRET).verify_document("text/plain", before, after).reasons


def test_a_short_known_number_in_base64() -> None:
    """Eight characters are worth encoding too."""
    assert {"known-value-encoded"} <= _document(base64.b64encode(b"AB-99123").decode())


def test_a_name_as_a_key() -> None:
    """One name alone, where a key has its capital."""
    before, after = (json.dumps({**one, "seen": {"Tamara": 1}}).encode() for one in (_PERSON, _MASKED))
    report = Verifier(_HARBOR, _SECRET).verify_document("application/json", before, after)

    assert "known-value" in report.reasons


def test_a_year_is_left_of_dates_alone() -> None:
    """The last four digits of a number are no year, in text or in a column that holds no dates."""
    rows, masked = ["SSN 078-05-1990 is his"], ["SSN 1990 is his"]
    before, after = (pa.record_batch({"note": pa.array(one)}) for one in (rows, masked))
    claim = {"note": Claim.of([0], [4], [15])}
    pins = pa.record_batch({"pin": pa.array(["1990"])})

    assert "kept-changed" in Verifier(_HARBOR, _SECRET).verify(before, after, claim).reasons
    assert "kept-changed" in Verifier(_HARBOR, _SECRET).verify(before, after).reasons
    expected = Expected.of(BUILT_IN["hipaa-safe-harbor"], {"pin": Holds.IDENTIFIER})
    assert Verifier(expected, _SECRET).verify(pins, pins).reasons == ("column",)


def test_honest_neighbours_pass() -> None:
    """Replacements that touch each other, repeated words around them, and times beside dates are no objection."""
    rows = ["by TamaraOkafor078-05-1120, ok", "Li, Li and Li, Li", "2021-03-14T10:22:33 and 2021"]
    masked = ["by <name><ssn>, ok", "<name> and <name>", "2021 and 2021"]
    before, after = (pa.record_batch({"note": pa.array(one)}) for one in (rows, masked))
    claim = Claim.of([0, 0, 1, 1, 2], [3, 15, 0, 11, 0], [15, 26, 6, 17, 19])

    assert Verifier(_HARBOR, _SECRET).verify(before, after, {"note": claim}).reasons == ()
    assert Verifier(_HARBOR, _SECRET).verify(before, after).reasons == ()


def test_many_places_are_forgotten() -> None:
    """Whoever writes documents chooses how many names fields have; what is remembered of them has an end."""
    places = Places(BUILT_IN["pii-basic"])
    for batch in range(3):
        for at in range(15_000):
            places.member(places.root, f"field_{batch}_{at}")

    assert len(places) < 30_000
