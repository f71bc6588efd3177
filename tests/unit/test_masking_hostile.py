"""Bodies that want to break the masking or to slip through it."""

import base64
import json
from typing import Any

import pytest

from sluicegate.processors.masking.check import check
from sluicegate.processors.masking.masking import MAX_BYTES, Masked, Unmaskable, mask
from sluicegate.processors.masking.profile import BUILT_IN

PROFILE = BUILT_IN["pii-basic"]
SECRET = b"k" * 32


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
    assert mask(media_type, body, PROFILE, SECRET) == Unmaskable((code,))


def out(value: Any) -> Any:
    """The value after masking and a check that found nothing."""
    raw = json.dumps(value).encode()
    result = mask("application/json", raw, PROFILE, SECRET)
    assert isinstance(result, Masked)
    assert check("application/json", raw, result.body, PROFILE, SECRET) == ()
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


def test_what_is_not_masked_keeps_its_bytes() -> None:
    """White space, escapes and the way numbers are written stay."""
    raw = b'{ "amount" : 1.50e1,\r\n\t"city":"K\\u00f6ln" ,"first_name": "Bo"}'
    result = mask("application/json", raw, PROFILE, SECRET)
    assert result == Masked(raw.replace(b'"Bo"', b'"<name>"'), {"name": 1}, 0)


def test_unknown_fields_are_read_as_text_and_reported() -> None:
    """Each unknown place counts once, whatever the number of records."""
    raw = b'{"hue":"x y","deep":{"er":[1,2]}}\n{"hue":"z","city":"A"}'
    result = mask("application/x-ndjson", raw, PROFILE, SECRET)
    assert isinstance(result, Masked)
    assert result.reported == 2


def test_h5_a_field_that_nobody_knows_is_read_as_text_wherever_it_is() -> None:
    """Not even a map that the profile knows speaks for the new fields in it; a kind does."""
    masked = out(
        {"passengers": [{"companion": "Tamara Jones"}], "name": {"called": "bo"}, "city": "Mr. Huang"}
    )
    assert masked == {"passengers": [{"companion": "<name>"}], "name": {"called": "<name>"}, "city": "<name>"}


def test_a_made_up_surrogate_becomes_a_tag() -> None:
    """Only what this export made stays."""
    assert out({"note": "<email:aaaaaaaaaaaaaaaaaaaaaaaa> <name>"})["note"] == "<email> <name>"


def test_no_error_or_repr_shows_a_body() -> None:
    """A masked batch in a log line is numbers only."""
    result = mask("application/json", b'{"city": "Canary"}', PROFILE, SECRET)
    assert "Canary" not in repr(result)
    assert "Canary" not in repr(mask("application/json", b'{"city": "Canary"', PROFILE, SECRET))
