"""Text as people see it: identifiers are tags, what a decision needs stays readable."""

from pathlib import Path

import pytest
import yaml

from sluicegate.processors.masking.profile import BUILT_IN
from sluicegate.processors.masking.text import mask_json, mask_text
from sluicegate.schemas.errors import RecordError

CASES = yaml.safe_load((Path(__file__).parents[1] / "cases/masking/texts.yaml").read_text(encoding="utf-8"))
PROFILE = BUILT_IN["pii-basic"]
STRICT = BUILT_IN["hipaa-safe-harbor"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [pytest.param(*case, id=f"{group}: {case[0]}") for group in CASES for case in CASES[group]],
)
def test_a_text_is_masked_like_this(text: str, wanted: str) -> None:
    """Each case of the table gives its text."""
    assert mask_text(text, PROFILE)[0] == wanted


@pytest.mark.parametrize("text", [case[0] for group in CASES for case in CASES[group]])
def test_masking_again_changes_nothing(text: str) -> None:
    """A masked text is its own masked text."""
    once = mask_text(text, PROFILE)[0]
    assert mask_text(once, PROFILE) == (once, {})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("seen on 2024-05-20", "seen on 2024"),
        ("seen on May 3rd, 2023.", "seen on 2023."),
        ("seen on May 3", "seen on <date>"),
        ("a 92-year-old and a 61-year-old", "a <age> and a 61-year-old"),
    ],
)
def test_safe_harbor_takes_dates_to_the_year_and_great_ages_away(text: str, wanted: str) -> None:
    """45 CFR 164.514(b)(2)(i)(C)."""
    assert mask_text(text, STRICT)[0] == wanted


def test_a_booking_keeps_what_a_reviewer_needs() -> None:
    """No name, birth date or payment; flights, dates, amounts and codes as they are; the text between finds the names too."""
    booking = {
        "reservation_id": "FQ8APE",
        "user_id": "omar_rossi_1241",
        "passengers": [{"first_name": "Omar", "last_name": "Rossi", "dob": "1990-01-02"}],
        "flights": [{"flight_number": "HAT136", "date": "2024-05-20", "origin": "JFK", "price": 152}],
        "payment_methods": [{"payment_id": "gift_card_1642017", "amount": 250}],
        "summary": "OMAR rossi, born Jan 2, 1990; rossi, omar; omar.rossi; flight HAT136",
    }
    masked, counts = mask_json(booking, PROFILE)
    assert masked == {
        "reservation_id": "FQ8APE",
        "user_id": "<user>",
        "passengers": [{"first_name": "<name>", "last_name": "<name>", "dob": "<birth-date>"}],
        "flights": [{"flight_number": "HAT136", "date": "2024-05-20", "origin": "JFK", "price": 152}],
        "payment_methods": [{"payment_id": "<account>", "amount": 250}],
        "summary": "<name>, born <birth-date>; <name>; <name>; flight HAT136",
    }
    assert counts == {"user": 1, "name": 5, "birth-date": 2, "account": 1}


def test_keys_stay_different() -> None:
    """Tags of keys are numbered, also beside a key that looks like one."""
    masked, _ = mask_json({"a@b.example": 1, "<email-1>": 2, "c@d.example": 3}, PROFILE)
    assert masked == {"<email-2>": 1, "<email-1>": 2, "<email-3>": 3}


def test_what_is_no_strict_json_is_an_error_without_a_value() -> None:
    """NaN has no place in a view."""
    with pytest.raises(RecordError):
        mask_json({"a": float("nan")}, PROFILE)
