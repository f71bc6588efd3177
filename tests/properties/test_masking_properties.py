"""Masking of anything: it answers, it hides what was planted, and doing it twice changes nothing."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.processors.masking.engine.surrogates import Surrogates
from sluicegate.processors.masking.masking import Masked, Unmaskable, mask
from sluicegate.processors.masking.profile import BUILT_IN
from sluicegate.processors.masking.second_look import second_look
from sluicegate.streams.masking_engine import load_engine

SURROGATES = Surrogates(b"k" * 32)
ENGINE = load_engine()
PROFILES = st.sampled_from(list(BUILT_IN))
MEDIA_TYPES = st.sampled_from(["application/json", "application/x-ndjson", "text/plain"])
CANARIES = st.sampled_from(
    [
        "canary.bird@example.com",
        "+44 20 7946 0958",
        "(512) 555-0100",
        "078-05-1120",
        "4111 1111 1111 1111",
        "DE89 3704 0044 0532 0130 00",
        "MRN: 7734512",
        "https://example.com/canary",
        "192.0.2.17",
        "2001:db8::17",
        "00:1b:44:11:3a:b7",
        "Mr. Canary Birdson",
        "born 1990-04-05",
        "canary_bird_3668",
        "17 Canary Street",
        "passport X1234567",
    ]
)
NAMES = st.sampled_from(
    ["first_name", "email", "note", "x", "city", "payment_methods", "amount", "userId", "membership", "é", ""]
)
TEXTS = st.text(max_size=20) | st.sampled_from(
    ["Mia Li", "mia.li@example.com", "<name>", "HAT136", "{}", "[1]", "TWlhIExpIGNhbWU="]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(MEDIA_TYPES, st.binary(max_size=200) | st.text(max_size=200).map(str.encode), PROFILES)
def test_masking_answers_for_any_bytes(media_type: str, body: bytes, profile: str) -> None:
    """A masked body or a code; never an exception, never the code for a defect of our own."""
    result = mask(media_type, body, BUILT_IN[profile], SURROGATES, ENGINE)
    assert isinstance(result, Masked) or (
        isinstance(result, Unmaskable) and result.reasons != ("engine-error",)
    )
    assert "failed" not in second_look(
        media_type, body, result.body if isinstance(result, Masked) else body, BUILT_IN[profile], SURROGATES
    )


@given(VALUES, PROFILES)
@settings(deadline=None)
def test_masking_twice_is_masking_once(value: Any, profile: str) -> None:
    """What masking wrote it leaves alone; shape and order stay."""
    once = mask("application/json", json.dumps(value).encode(), BUILT_IN[profile], SURROGATES, ENGINE)
    assert isinstance(once, Masked)
    again = mask("application/json", once.body, BUILT_IN[profile], SURROGATES, ENGINE)
    assert isinstance(again, Masked)
    assert _shape(json.loads(once.body)) == _shape(value)
    assert _without_tags(again.body) == _without_tags(once.body)


@given(
    CANARIES,
    st.lists(NAMES, max_size=3),
    st.text("abc .,;\n", max_size=20),
    st.text("abc .,;\n", max_size=20),
    PROFILES,
)
@settings(deadline=None)
def test_a_planted_canary_never_survives(
    canary: str, path: list[str], before: str, after: str, profile: str
) -> None:
    """Whatever the text around it, and wherever it is: in a value or in a key."""
    text = f"{before} {canary} {after}"
    for value in (text, {text: 1}):
        nested = value
        for name in reversed(path):
            nested = {name: [nested]}
        result = mask("application/json", json.dumps(nested).encode(), BUILT_IN[profile], SURROGATES, ENGINE)
        assert isinstance(result, Masked)
        assert _core(canary) not in _core(_without_tags(result.body))


def _core(text: str) -> str:
    return (
        "".join(char for char in text if char.isdigit()) or text if sum(map(str.isdigit, text)) > 4 else text
    )


def _without_tags(body: bytes) -> str:
    pieces = body.decode().split("<")
    return pieces[0] + "".join(piece.partition(">")[2] for piece in pieces[1:])


def _shape(value: Any) -> Any:
    match value:
        case dict():
            return [_shape(inner) for inner in value.values()]
        case list():
            return [_shape(inner) for inner in value]
        case _:
            return None
