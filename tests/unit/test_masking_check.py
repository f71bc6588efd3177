"""The check of views, and of sampled rows: every reason is given for a planted leak, and every planted defect is found."""

import base64
import json
from typing import Any

import pytest

from sluicegate.processors.masking import records
from sluicegate.processors.masking.check import check
from sluicegate.processors.masking.detectors import Detection
from sluicegate.processors.masking.known_values import KnownValues
from sluicegate.processors.masking.names import Names
from sluicegate.processors.masking.operators import Operators
from sluicegate.processors.masking.profile import BUILT_IN, load_profile
from sluicegate.processors.masking.records import Records
from sluicegate.processors.masking.text import mask_json

PROFILE = load_profile(
    'version: 1\nname: crm\nextends: pii-basic\ncolumns: {plan: keep, codes: keep, nick: drop, "*_note": text}\n',
    source="crm",
)
HARBOR = BUILT_IN["hipaa-safe-harbor"]
RECORD: dict[str, Any] = {
    "first_name": "Tamara",
    "last_name": "Jones",
    "email": "tj@example.com",
    "mrn": "AB-99123",
    "dob": "1990-04-05",
    "nick": "Tam",
    "plan": "gold",
    "codes": ["NO6JO3"],
    "amount": 12.50,
    "city": "Austin",
    "visit_note": "Tamara Jones came on 2024-05-20 by HAT136",
    "payment_methods": {"gift_card_5309492": {"amount": 5}},
}
RAW = json.dumps(RECORD).encode()


def masked(profile: Any = PROFILE, raw: bytes = RAW) -> Any:
    """The record as masking gives it."""
    return mask_json(json.loads(raw), profile)[0]


def reasons(body: Any, profile: Any = PROFILE, raw: bytes = RAW) -> tuple[str, ...]:
    """What the check says about a body."""
    return check("application/json", raw, json.dumps(body).encode(), profile)


@pytest.mark.parametrize("profile", [PROFILE, *BUILT_IN.values()], ids=lambda profile: profile.name)
def test_what_was_masked_well_passes(profile: Any) -> None:
    """No reason without a leak."""
    assert reasons(masked(profile), profile) == ()


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("first_name", "Tamara", "column"),
        ("email", "tj@example.com", "column"),
        ("mrn", "AB-99123", "column"),
        ("nick", "Tam", "column"),
        ("plan", "silver", "kept-changed"),
        ("codes", ["NO6JO3", "NO6JO4"], "kept-changed"),
        ("amount", 13, "structure"),
        ("city", "Boston", "structure"),
        ("city", 5, "structure"),
        ("visit_note", RECORD["visit_note"], "known-value"),
        ("visit_note", "jones, tamara", "known-value"),
        ("visit_note", "TAMARAJONES", "known-value"),
        ("visit_note", "Tamara", "known-value"),
        ("visit_note", "ab 99123", "known-value"),
        ("city", "tj.example-com", "known-value"),
        ("visit_note", base64.b64encode(b"Tamara Jones").decode(), "known-value-encoded"),
        ("visit_note", b"Tamara Jones".hex(), "known-value-encoded"),
        ("visit_note", "<name:aaaaaaaaaaaaaaaaaaaaaaaa>", "surrogate"),
        ("visit_note", "<name:aaaaaaaaaaaaaaaaaaaa>", "surrogate"),
        ("visit_note", "xxtamarajonesyy", "known-value"),
        ("visit_note", "t a m a r a j o n e s", "known-value"),
        ("visit_note", "T.a.m.a.r.a.J.o.n.e.s", "known-value"),
        ("visit_note", "<person>", "surrogate"),
        ("first_name", "<name:aaaaaaaaaaaaaaaaaaaaaaaa>", "surrogate"),
        ("visit_note", "a@b", "email"),
        ("visit_note", "a\uff20b", "email"),
        ("visit_note", "call 5550199", "digits"),
        ("visit_note", "\uff11\uff12\uff13\uff14\uff15", "digits"),
        ("visit_note", "000-00-0000", "digits"),
        ("visit_note", "4111 1111 1111 1111", "digits"),
        ("visit_note", "at 10.0.0.1", "ip"),
        ("visit_note", "http://a", "url"),
        ("visit_note", "born 05/04/90", "birth-date"),
        ("visit_note", "Dr. Huang", "name"),
        ("payment_methods", {"gift_card_5309492": {"amount": 5}}, "key"),
        ("payment_methods", {"somebody": {"amount": 5}}, "structure"),
        ("payment_methods", {}, "structure"),
        ("payment_methods", ["<account>"], "structure"),
    ],
)
def test_a_planted_leak_has_its_reason(field: str, value: Any, reason: str) -> None:
    """One value put back or exchanged in the masked body is found."""
    assert reason in reasons({**masked(), field: value})


def test_words_that_hold_a_short_name_are_no_leak() -> None:
    """`Ava Li` is in `available`: what is written together with other letters counts only when it is long."""
    raw = json.dumps({"first_name": "Ava", "last_name": "Li", "note": "no seat available"}).encode()
    body = masked(raw=raw)
    assert body["note"] == "no seat available"
    assert reasons(body, raw=raw) == ()


def test_dates_are_a_leak_where_the_profile_says_so() -> None:
    """`date` is a reason under safe harbor only."""
    for text in ("on 2024-05-20", "on 5/20/24", "on May 20th", "on 20 May"):
        assert "date" in reasons({**masked(HARBOR), "visit_note": text}, HARBOR)
        assert "date" not in reasons({**masked(), "visit_note": text})


def test_a_kept_column_that_holds_an_identifier_of_the_batch_is_a_leak() -> None:
    """The operator's word is believed, but not against the evidence."""
    encoded = base64.b64encode(b"Tamara Jones").decode()
    for plan in ("gold for tj@example.com", "Jones, Tamara", "xxtamarajonesyy", encoded):
        raw = json.dumps({**RECORD, "plan": plan}).encode()
        assert reasons(masked(raw=raw), raw=raw) == ("known-value-in-kept",)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: {name: body[name] for name in reversed(body)},
        lambda body: {name: body[name] for name in list(body)[1:]},
        lambda body: {**body, "more": 1},
        lambda body: {("renamed" if name == "city" else name): value for name, value in body.items()},
        lambda body: [body],
    ],
)
def test_another_shape_is_not_what_was_asked_for(change: Any) -> None:
    """Order, number and names of fields are the raw ones."""
    assert "structure" in reasons(change(masked()))


def test_records_must_be_as_many_and_in_order() -> None:
    """A record that is missing, added or exchanged is a reason."""
    raw = b'{"city":"Austin","first_name":"Ann"}\n{"city":"Boston","first_name":"Bo"}\n'
    one, other = (json.dumps(masked(raw=line)) for line in raw.splitlines())
    sound = f"{one}\n{other}\n".encode()
    for lines in ([one], [one, other, other], [other, one]):
        assert check("application/x-ndjson", raw, "\n".join(lines).encode(), PROFILE) == ("structure",)
    assert check("application/x-ndjson", raw, sound, PROFILE) == ()


def test_what_cannot_be_read_cannot_leave() -> None:
    """Codes for bodies that are no text, no JSON, or of an unknown type."""
    assert check("application/json", RAW, b"{", PROFILE) == ("unreadable",)
    assert check("application/json", b"\xff", RAW, PROFILE) == ("unreadable",)
    assert check("application/json", RAW, b"[" * 100_000, PROFILE) == ("unreadable",)
    assert check("image/png", RAW, RAW, PROFILE) == ("media-type",)


def _nothing(*_: Any, **__: Any) -> Any:
    return iter(())


def _same(_self: Any, _kind: Any, literal: str, *_: Any) -> str:
    return literal


def _not_a_key(*_: Any, **__: Any) -> None:
    return None


@pytest.mark.parametrize(
    ("owner", "name", "defect", "wanted"),
    [
        (KnownValues, "find", _nothing, {"known-value"}),
        (Detection, "find", _nothing, {"email", "digits"}),
        (Names, "find", _nothing, {"name"}),
        (Operators, "replace", _same, {"column", "known-value"}),
        (Records, "_typed", lambda _self, _kind, value, _column: value, {"column"}),
        (Records, "_key_kind", _not_a_key, {"key"}),
        (records._Keys, "numbered", lambda _self, _kind: "ACCOUNT", {"structure"}),
        (Records, "learn", lambda *_, **__: [], {"known-value"}),
    ],
)
def test_a_planted_defect_of_the_masking_is_found(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, defect: Any, wanted: set[str]
) -> None:
    """The table of planted defects and the reasons that stop what they would let out."""
    raw = json.dumps({**RECORD, "free_note": "tamara jones, 5550199, x@y.example, Dr. Huang"}).encode()
    monkeypatch.setattr(owner, name, defect)
    assert wanted <= set(reasons(masked(raw=raw), raw=raw))
