"""Bodies that want to break the masking or to slip through it."""

import base64
import json
from typing import Any

import pytest

from sluicegate.processors.masking.engine.surrogates import Surrogates
from sluicegate.processors.masking.identifiers import Kind
from sluicegate.processors.masking.masking import MAX_BYTES, Masked, Unmaskable, mask
from sluicegate.processors.masking.profile import BUILT_IN
from sluicegate.processors.masking.second_look import second_look
from sluicegate.streams.masking_engine import load_engine

PROFILE = BUILT_IN["pii-basic"]
SURROGATES = Surrogates(b"k" * 32)
ENGINE = load_engine()


@pytest.mark.parametrize(
    ("media_type", "body", "code"),
    [
        ("image/png", b"{}", "media-type"),
        ("application/json; charset=utf-8", b"{}", "media-type"),
        ("text/plain", b"\xff", "not-utf-8"),
        ("text/plain", b" " * (MAX_BYTES + 1), "too-large"),
        ("application/json", b"", "unreadable-json"),
        ("application/json", b'{"a": NaN}', "unreadable-json"),
        ("application/json", b'{"a": 1, "a": 2}', "unreadable-json"),
        ("application/json", b'{"a": "\\ud800"}', "unreadable-json"),
        ("application/json", b'{"a": 1e999}', "unreadable-json"),
        ("application/json", b"[" * 65 + b"]" * 65, "unreadable-json"),
        ("application/json", b"[" * 1_000_000, "unreadable-json"),
        ("application/json", b"{}{}", "unreadable-json"),
        ("application/x-ndjson", b"{}\n\n{}", "unreadable-json"),
        ("application/x-ndjson", b'{"a":\n1}', "unreadable-json"),
    ],
)
def test_what_cannot_be_masked_has_a_code(media_type: str, body: bytes, code: str) -> None:
    """Fail closed, and say which of a few things it was."""
    assert mask(media_type, body, PROFILE, SURROGATES, ENGINE) == Unmaskable((code,))


def out(value: Any) -> Any:
    """The value after masking and a check that found nothing."""
    raw = json.dumps(value).encode()
    result = mask("application/json", raw, PROFILE, SURROGATES, ENGINE)
    assert isinstance(result, Masked)
    assert second_look("application/json", raw, result.body, PROFILE, SURROGATES) == ()
    return json.loads(result.body)


@pytest.mark.parametrize(
    "hidden",
    [
        base64.b64encode(b"mail bob@example.com").decode(),
        base64.urlsafe_b64encode(b"Tamara Jones, room 4").decode().rstrip("="),
        base64.b64encode(base64.b64encode(b"mail bob@example.com")).decode(),
        b"bob@example.com".hex(),
        "bob%40example.com",
        "&#98;ob&#64;example.com",
        "bob\\u0040example.com",
        "b\u200bob\uff20example.com",
        json.dumps({"e_mail": "bob"}),
        json.dumps({"x": json.dumps({"firstName": "bob"})}),
        json.dumps(["bob@example.com"]),
        base64.b64encode(bytes(range(200, 250))).decode(),
        "000\u200b-00-\uff10\uff10\uff10\uff10",
        "\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667",
    ],
)
def test_h4_no_disguise_gets_through(hidden: str) -> None:
    """Base64, hexadecimal, references, escapes, JSON in text, full-width and invisible characters; unknown binary too."""
    masked = out({"about": hidden})["about"]
    assert "<" in masked
    assert "bob" not in masked


def test_keys_are_data() -> None:
    """A key that identifies is masked, the name of a field is not, and equal keys elsewhere stay equal."""
    masked = out(
        {
            "mia_li_3668": {"email": "a@b.example"},
            "seen": {"a@b.example": 1, "555-0100": 2},
            "first_name": "Bo",
        }
    )
    (user, seen, field) = masked
    assert user.startswith("<user:")
    assert (seen, field) == ("seen", "first_name")
    assert masked[user]["email"] == next(iter(masked["seen"]))
    assert list(masked["seen"].values()) == [1, 2]


def test_fields_of_a_list_of_records_keep_their_names() -> None:
    """What the profile says of the keys of `patients` is about a map by identifier, in a list too, not about fields."""
    masked = out(
        {"patients": [{"first_name": "Bo", "remark": "calm"}], "users": [{"mia_li_3668": {"seats": 2}}]}
    )
    assert masked["patients"][0] == {"first_name": "<name>", "remark": "calm"}
    assert next(iter(masked["users"][0])).startswith("<user:")


def test_what_is_not_masked_keeps_its_bytes() -> None:
    """White space, escapes and the way numbers are written stay."""
    raw = b'{ "amount" : 1.50e1,\r\n\t"city":"K\\u00f6ln" ,"first_name": "Bo"}'
    result = mask("application/json", raw, PROFILE, SURROGATES, ENGINE)
    assert result == Masked(raw.replace(b'"Bo"', b'"<name>"'), {"name": 1}, 0)


def test_unknown_fields_are_read_as_text_and_reported() -> None:
    """Each unknown place counts once, whatever the number of records."""
    raw = b'{"hue":"x y","deep":{"er":[1,2]}}\n{"hue":"z","city":"A"}'
    result = mask("application/x-ndjson", raw, PROFILE, SURROGATES, ENGINE)
    assert isinstance(result, Masked)
    assert result.reported == 2


def test_h5_a_field_that_nobody_knows_is_read_as_text_wherever_it_is() -> None:
    """Not even a map that the profile knows speaks for the new fields in it; a kind does."""
    masked = out(
        {"passengers": [{"companion": "Tamara Jones"}], "name": {"called": "bo"}, "city": "Mr. Huang"}
    )
    assert masked == {"passengers": [{"companion": "<name>"}], "name": {"called": "<name>"}, "city": "<name>"}


@pytest.mark.parametrize("kind", [Kind.EMAIL, Kind.NAME, Kind.USER])
def test_a_surrogate_that_another_export_made_does_not_stay(kind: Kind) -> None:
    """In its column and in text; it would link both exports."""
    foreign = Surrogates(b"o" * 32).surrogate(kind, b"somebody").decode()
    for record in ({"note": f"by {foreign} and <name>"}, {kind.value: foreign}, {foreign: 1}):
        assert foreign not in json.dumps(out(record))


def test_no_error_or_repr_shows_a_body() -> None:
    """A masked batch in a log line is numbers only."""
    result = mask("application/json", b'{"city": "Canary"}', PROFILE, SURROGATES, ENGINE)
    assert "Canary" not in repr(result)
    assert "Canary" not in repr(mask("application/json", b'{"city": "Canary"', PROFILE, SURROGATES, ENGINE))


PERSON: dict[str, Any] = {
    "name": {"first_name": "Isabella", "last_name": "Ito"},
    "user_id": "isabella_ito_4711",
    "dob": "1990-04-05",
}


@pytest.mark.parametrize(
    "about",
    [
        "isabella\\nito",
        "first: isabella, last: ito",
        "isabella</b> <i>ito",
        "isabella of the ito family",
        "ISABELLAITO4711 isabellaito_4711",
        "isabella\u3164ito",
        "5th of April 1990",
        "5th april, 1990",
    ],
)
def test_what_the_batch_knows_is_found_however_it_is_joined(about: str) -> None:
    """Anything between two names of one person, an account name without its underscores, a birthday as it is spoken."""
    masked = out({**PERSON, "remarks": about})["remarks"]
    assert "<" in masked
    assert not {"isabella", "ito", "1990"} & set(masked.casefold().replace("ito4711", "ito").split())


def test_a_name_of_the_batch_is_no_key() -> None:
    """Single names too, which only the batch itself gives away; a tag for each, and the next number for the next."""
    masked = out({**PERSON, "isabella": {"ito": 1}, "q=isabella&r=ito": 2, "colour": 3})
    assert list(masked)[3:] == ["<name-1>", "<name-2>", "colour"]
    assert list(masked["<name-1>"]) == ["<name-1>"]


@pytest.mark.parametrize(
    "about",
    [
        "Mia_Jackson",
        "Mia\nJackson",
        "Mia;Jackson",
        "Mia|Jackson",
        "Mia (Jackson) called",
        "MiaJackson asked",
        "Mia, Jackson",
        "MAGGIE JACKSON",
        "It is for MAGGIE JACKSON",
        "112 lakeview drive",
    ],
)
def test_a_stranger_is_found_by_capitals(about: str) -> None:
    """A name that is in no column of the batch: whatever joins its words; in capitals; a street in lower case."""
    masked = out({"remarks": about})["remarks"]
    assert not any(part in masked.casefold() for part in ("mia", "jackson", "lakeview"))


@pytest.mark.parametrize(
    "about",
    [
        "JFK LAX",
        "HAT136 from JFK to LAX on 2024-05-20",
        "Cancelled; refund $1200.50",
        "<div>no <em>seat</em></div>",
        "Cancel the reservation with ID MZDDS4",
        "Sorry, I'd rather not miss an important meeting",
    ],
)
def test_what_identifies_nobody_stays(about: str) -> None:
    """Airport codes, flights, dates, amounts, and markup that looks a little like a tag."""
    assert out({"remarks": about})["remarks"] == about


@pytest.mark.parametrize(
    ("number", "wanted"),
    [
        ("-123456789.5", "-123456789.5"),
        ("123456789012", '"<number>"'),
        ("-123456789012", '"<number>"'),
        ("123456789012.0", '"<number>"'),
        ("1.23456789012e11", '"<number>"'),
        ("1.23456789012e-11", "1.23456789012e-11"),
        ("1234567890.25", "1234567890.25"),
        ("4711", '"<record:'),
        ("99", "99"),
    ],
)
def test_a_number_is_an_identifier_or_stays_as_it_is_written(number: str, wanted: str) -> None:
    """Long whole numbers, also as floats; numbers that the batch knows. Amounts keep sign, fraction and exponent."""
    raw = f'{{"mrn": "4711", "x": {number}}}'.encode()
    result = mask("application/json", raw, PROFILE, SURROGATES, ENGINE)
    assert isinstance(result, Masked)
    assert second_look("application/json", raw, result.body, PROFILE, SURROGATES) == ()
    assert result.body.decode().partition('"x": ')[2].startswith(wanted)


def test_many_keys_and_long_runs_cost_little() -> None:
    """One span for a run of signs; 20,000 keys of one kind have 20,000 tags, in linear time."""
    assert out("@" * 200_000).startswith("<email:")
    people = [{"user_id": f"aaaaaaaa{number}b", "note": "a" * 100} for number in range(1_000)]
    assert len(out(people)) == 1_000
    masked = out({f"k{number:05}": 1 for number in range(20_000)})
    assert (next(iter(masked)), list(masked)[-1]) == ("<number-1>", "<number-20000>")


@pytest.mark.parametrize("text", ["1973-10-28,1976-07-25", "999-45-3308,999-45-3309", "555-0100/555-0101"])
def test_what_stands_side_by_side_is_found(text: str) -> None:
    """The character between two identifiers belongs to none of them: no second one is missed."""
    raw = json.dumps({"note": text}).encode()
    result = mask("application/json", raw, BUILT_IN["hipaa-safe-harbor"], SURROGATES, ENGINE)
    assert isinstance(result, Masked)
    assert second_look("application/json", raw, result.body, BUILT_IN["hipaa-safe-harbor"], SURROGATES) == ()
    assert not any(piece in result.body.decode() for piece in ("-10", "-07", "33", "01"))


@pytest.mark.parametrize(
    "run", ["a.", "a-", "1.", "12 ", "@", "<", "ab_", "A", "a@b.", "Dr. ", "at ", "\u200ba", "%41", "\x1ea"]
)
def test_a_text_that_repeats_itself_is_answered(run: str) -> None:
    """No expression of masking or verifier goes over a long run again and again: a square of its length would take many minutes."""
    text = (run * 100_000)[:100_000].encode()
    result = mask("text/plain", text, PROFILE, SURROGATES, ENGINE)
    assert isinstance(result, Masked)
    second_look("text/plain", text, result.body, PROFILE, SURROGATES)


@pytest.mark.parametrize("street", ["Via Santa Teresa degli Scalzi 71", "Via Santa Teresa delightful"])
def test_no_word_is_torn(street: str) -> None:
    """A street ends where a word ends: `degli` begins with `de`, which is a part of names of streets too."""
    masked = out({"remarks": f"Pedestrians must enter on {street} in the first three months"})["remarks"]
    assert masked.startswith("Pedestrians must enter on <street> ")
