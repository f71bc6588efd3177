"""The verifier on serialised documents: planted bugs of the masking are told, and what the engine itself makes passes."""

import base64
import copy
import csv
import json
import os
import random
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from sluicegate.processors.masking.engine.engine import Engine
from sluicegate.processors.masking.engine.fields import UNKNOWN, Masking
from sluicegate.processors.masking.engine.records import Records
from sluicegate.processors.masking.engine.surrogates import Surrogates
from sluicegate.processors.masking.profile import BUILT_IN, Profile, load_profile
from sluicegate.processors.masking.verifier import Expected, Report, Verifier
from sluicegate.streams.masking_engine import load_engine, load_scanner

TREE: Final = Path(os.environ.get("SLUICEGATE_TREE", Path(__file__).resolve().parents[2]))
"""The checkout, also when the tests are a copy beside the wheel."""
DATA: Final = TREE.parent / "shared" / "data"

_SECRET: Final = b"a secret of one export, 32 bytes"
_JSON: Final = "application/json"
_LINES: Final = "application/x-ndjson"
_TEXT: Final = "text/plain"
_CRM: Final = load_profile(
    "version: 1\nname: crm\nextends: hipaa-safe-harbor\nkinds: {email: surrogate, account: surrogate}\n"
    'columns: {plan: keep, codes: keep, nick: drop, status: plain, "*_note": text}\n',
    source="crm",
)
_RECORD: Final[dict[str, Any]] = {
    "first_name": "Tamara",
    "last_name": "Okafor",
    "email": "tamara.okafor@example.com",
    "mrn": "AB-99123",
    "dob": "1990-04-05",
    "nick": {"said": ["Tam"]},
    "plan": "gold",
    "codes": ["NO6JO3"],
    "amount": 12.50,
    "account_number": 7714203311,
    "status": "admitted",
    "age": 41,
    "visit_note": "Björn\u2019s friend, tamara okafor, came on 2024-05-20; write to tamara.okafor@example.com or call (555) 010-4477. SSN 078-05-1120.",
    "answers": '{"ssn": "078-05-1120", "list": [{"phone": "(555) 010-4477"}], "ward": "west"}',
    "payment_methods": {"gift_card_5309492": {"amount": 5}},
}


@cache
def _rules() -> Engine:
    return Engine.of(load_scanner())


def _lines(records: Sequence[dict[str, Any]]) -> str:
    return "\n".join(json.dumps(record, ensure_ascii=False) for record in records)


def _masked(
    media_type: str,
    text: str,
    profile: Profile = _CRM,
    *,
    engine: Engine | None = None,
    secret: bytes = _SECRET,
) -> str:
    """What the engine makes of a document."""
    masking = Masking(engine or _rules(), profile, Surrogates(secret))
    if media_type == _TEXT:
        batch = masking.batch()
        group, first = batch.add_column(UNKNOWN, text.split("\n"), range(text.count("\n") + 1))
        batch.masked()
        return "\n".join(line or "" for line in group.results[first:])
    records = Records(masking)
    return "\n".join(records.masked([text] if media_type == _JSON else text.split("\n")))


def _report(media_type: str, before: str, after: str, profile: Profile = _CRM) -> Report:
    return Verifier(Expected.of(profile), _SECRET).verify_document(
        media_type, before.encode(), after.encode()
    )


def _sound() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(_masked(_JSON, json.dumps(_RECORD)))
    return made


def _reasons(after: dict[str, Any], before: dict[str, Any] = _RECORD) -> tuple[str, ...]:
    return _report(_JSON, json.dumps(before), json.dumps(after)).reasons


@pytest.mark.parametrize("profile", [_CRM, *BUILT_IN.values()], ids=lambda profile: profile.name)
@pytest.mark.parametrize("media_type", [_JSON, _LINES, _TEXT])
def test_what_the_engine_makes_passes(profile: Profile, media_type: str) -> None:
    """Typed columns, numbers, dropped objects, keys, JSON within strings, text: no reason without a leak."""
    text = _lines([_RECORD]) if media_type != _TEXT else f"{_RECORD['visit_note']}\n\nA second line.\n"

    report = _report(media_type, text, _masked(media_type, text, profile), profile)

    assert report.reasons == ()
    assert report.objections == ()
    assert report.forms
    assert report.residual.rows


def test_bytes_taken_for_code_points() -> None:
    """Planted 1: places that count characters are used as places in bytes."""
    note = _RECORD["visit_note"]
    at = note.index("tamara okafor")
    moved = note.encode()[:at].decode() + "<name>" + note.encode()[at + len("tamara okafor") :].decode()
    after = {**_sound(), "visit_note": moved}

    assert "torn" in _reasons(after)


def test_one_column_forgotten() -> None:
    """Planted 2: a column is not masked, typed or of text."""
    for name in ("first_name", "email", "mrn", "dob", "account_number"):
        assert "column" in _reasons({**_sound(), name: _RECORD[name]})
    assert {"email", "known-value"} <= set(_reasons({**_sound(), "visit_note": _RECORD["visit_note"]}))
    assert _reasons({**_sound(), "nick": _RECORD["nick"]}) == ("dropped", "structure")


def test_wrong_order_of_records() -> None:
    """Planted 3: two masked records changed places."""
    records = [_RECORD, {**_RECORD, "status": "dismissed", "visit_note": "nothing was said"}]
    one, other = _masked(_LINES, _lines(records)).split("\n")

    assert {"structure", "kept-changed"} & set(_report(_LINES, _lines(records), f"{other}\n{one}").reasons)
    assert _report(_LINES, _lines(records), one).reasons == ("rows",)


@pytest.mark.parametrize(
    "left",
    [
        "okafor, tamara",
        "TAMARA OKAFOR was here",
        "tamaraokafor",
        "xxtamaraokaforyy",
        "t a m a r a o k a f o r",
        "T.a.m.a.r.a.O.k.a.f.o.r",
        "seen: Tamara",
        "Tamara was seen",
        "ab 99123",
        "tamara okafor at example",
        "555 0104477",
        "account 77-142-033-11",
    ],
)
def test_a_missed_normal_form(left: str) -> None:
    """Planted 4: what is masked in one place stands in another, in another spelling."""
    assert "known-value" in _reasons({**_sound(), "visit_note": left}, {**_RECORD, "visit_note": left})


@pytest.mark.parametrize(
    ("left", "reason"),
    [
        ("write to a@b", "email"),
        ("call 5550199", "digits"),
        ("000-00-0000", "digits"),
        ("at 10.0.0.1", "ip"),
        ("see http://a", "url"),
        ("on 3/4/2021", "date"),
        ("with Dr. Huang", "name"),
    ],
)
@pytest.mark.parametrize("name", ["visit_note", "status", "unknown"])
def test_a_disabled_rule(name: str, left: str, reason: str) -> None:
    """Planted 5: a kind is not looked for, in text, in a column of codes, or in one that nobody knows."""
    before = {**_RECORD, name: left}
    after = {**_sound(), name: left}

    assert reason in _reasons(after, before)


def test_a_surrogate_of_another_export() -> None:
    """Planted 6: surrogates that another secret made."""
    other = _masked(_JSON, json.dumps(_RECORD), secret=b"the secret of another export ...")

    assert _report(_JSON, json.dumps(_RECORD), other).reasons == ("surrogate",)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: {name: body[name] for name in reversed(body)},
        lambda body: {name: body[name] for name in list(body)[1:]},
        lambda body: {**body, "more": 1},
        lambda body: {("renamed" if name == "status" else name): value for name, value in body.items()},
        lambda body: {**body, "amount": 13},
        lambda body: {**body, "amount": "12.5"},
        lambda body: {**body, "status": None},
        lambda body: {**body, "status": "dismissed"},
        lambda body: {**body, "plan": "silver"},
        lambda body: {**body, "codes": ["NO6JO3", "NO6JO4"]},
        lambda body: {**body, "payment_methods": {}},
        lambda body: {**body, "payment_methods": ["<account>"]},
        lambda body: {**body, "payment_methods": {"somebody": {"amount": 5}}},
        lambda body: {**body, "answers": "<ssn>"},
        lambda body: {**body, "answers": body["answers"].replace('"ward": ', '"ward":')},
        lambda body: {**body, "answers": body["answers"].replace("west", "east")},
        lambda body: [body],
    ],
)
def test_a_dropped_key_and_other_changes(change: Callable[[Any], Any]) -> None:
    """Planted 7: keys, their order, types, and all that is no identifier are the same; a string of JSON keeps its shape."""
    told = set(_reasons(change(_sound())))

    assert told & {"structure", "untouched-changed", "kept-changed"}


def test_an_identifier_left_in_a_key() -> None:
    """Planted 8: of a map whose keys are identifiers, and a key that has the shape of one or is one of the document's own."""
    assert "key" in _reasons({**_sound(), "payment_methods": _RECORD["payment_methods"]})
    for key, reason in (
        ("a@b.example", "email"),
        ("078-05-1120", "digits"),
        ("okafor_tamara", "known-value"),
    ):
        before = {**_RECORD, "seen": {key: 1}}
        assert reason in _reasons({**_sound(), "seen": {key: 1}}, before)


def test_a_key_of_nothing_is_no_identifier() -> None:
    """An empty key stays, in a map whose keys are identifiers too."""
    said = json.dumps({"payment_methods": {"": None}})

    assert _report(_JSON, said, _masked(_JSON, said)).reasons == ()


def test_an_identifier_left_in_json_within_a_string() -> None:
    """Planted 9: a typed value, a shape, and a known value inside a string of JSON, at any depth."""
    for inner in ({"ssn": "078-05-1120"}, {"x": ["078-05-1120"]}, {"x": "okafor tamara"}):
        once, twice = json.dumps(inner), json.dumps({"y": json.dumps(inner)})
        for said in (once, twice):
            before = {**_RECORD, "more": said}
            assert {"column", "digits", "known-value"} & set(_reasons({**_sound(), "more": said}, before))


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
        lambda text: text.encode().hex(),
        lambda text: "".join(f"%{code:02X}" for code in text.encode()),
    ],
)
@pytest.mark.parametrize("name", ["visit_note", "status", "plan"])
def test_an_identifier_left_in_base64(name: str, encode: Callable[[str], str]) -> None:
    """Planted 10: a known value, encoded, in text, in a column of codes, and in one that is said to identify nobody."""
    left = encode("Tamara Okafor")

    assert {"known-value-encoded", "known-value-in-kept"} & set(
        _reasons({**_sound(), name: left}, {**_RECORD, name: left})
    )


def test_an_identifier_split_over_fields() -> None:
    """What follows each other in the document spells a known value, whatever is between."""
    split = {"a": "tam", "b": "araok", "c": ["afor"]}

    assert "known-value" not in _reasons({**_sound(), "a": "tam"}, {**_RECORD, "a": "tam"})
    assert "known-value" in _reasons({**_sound(), **split}, {**_RECORD, **split})


@pytest.mark.parametrize("plan", ["gold for tamara.okafor@example.com", "Okafor, Tamara", "xxtamaraokaforyy"])
def test_a_kept_column_that_holds_an_identifier_of_the_document(plan: str) -> None:
    """The operator's word is believed, but not against the evidence."""
    told = _reasons({**_sound(), "plan": plan}, {**_RECORD, "plan": plan})

    assert {"known-value-in-kept", "known-value"} & set(told)


def test_where_it_is() -> None:
    """Path and number of the record, and no value; a key that may be data is a star."""
    records = [copy.deepcopy(_RECORD) for _ in range(3)]
    records[2]["seen"] = {"078-05-1120": {"x": "call 5550199"}}
    lines = _masked(_LINES, _lines(records)).split("\n")
    lines[1] = json.dumps({**json.loads(lines[1]), "mrn": "AB-99123"})
    lines[2] = json.dumps({**json.loads(lines[2]), "seen": records[2]["seen"]})

    report = _report(_LINES, _lines(records), "\n".join(lines))

    assert ("column", "mrn", 1) in report.objections
    assert ("digits", "seen/*/x", 2) in report.objections
    assert "99123" not in repr(report)
    assert "1120" not in repr(report)


@pytest.mark.parametrize(
    ("media_type", "before", "after", "reason"),
    [
        ("image/png", b"{}", b"{}", "media-type"),
        (_JSON, b"{}", b"{", "unreadable"),
        (_JSON, b"\xff", b"{}", "unreadable"),
        (_TEXT, b"a", b"\xff", "unreadable"),
        (_JSON, b"{}", b"[" * 100_000, "unreadable"),
        (_JSON, b"[" * 100_000, b"[" * 100_000, "unreadable"),
        (_JSON, b'{"a": 1}', b'{"a": 1, "a": 1}', "unreadable"),
        (_JSON, b'{"a": NaN}', b'{"a": NaN}', "unreadable"),
        (_JSON, b'{"a": "\\ud800"}', b'{"a": "\\ud800"}', "unreadable"),
        (_JSON, b'{"a": 1}', b'{"a":  1}', "structure"),
        (_JSON, b'{"a": 1}', b'{"a": 1.0}', "structure"),
        (_JSON, b'{"a": true}', b'{"a": false}', "structure"),
        (_JSON, b'{"a": ""}', b'{"a": " "}', "structure"),
        (_LINES, b"{}\n{}", b"{}\n{}\n{}", "rows"),
        (_LINES, b"{}\n{}", b"{} {}", "unreadable"),
        (_TEXT, b"one\ntwo", b"two\none", "kept-changed"),
        (_JSON, None, b"{}", "failed"),
    ],
)
def test_in_doubt_nothing_leaves(media_type: str, before: Any, after: bytes, reason: str) -> None:
    """What cannot be read or does not go together has a code, and nothing is raised."""
    report = Verifier(Expected.of(_CRM), _SECRET).verify_document(media_type, before, after)

    assert reason in report.reasons


def _people(drawn: random.Random) -> Iterator[dict[str, Any]]:
    first, last = ("Ann", "Ava", "Grace", "Wei", "José"), ("Li", "Lee", "Baker", "Núñez", "Woods")
    for number in range(60):
        one, other = drawn.choice(first), drawn.choice(last)
        digits = f"{drawn.randrange(10**8, 10**9)}"
        yield {
            "id": number,
            "name": {"first": one, "last": other},
            "patient_id": f"P{digits}",
            "phone": f"({digits[:3]}) 555-{digits[3:7]}",
            "birthDate": f"19{drawn.randrange(20, 99)}-0{drawn.randrange(1, 9)}-1{drawn.randrange(9)}",
            "zip": digits[:5],
            "age": drawn.randrange(100),
            "amount": drawn.randrange(10**6) / 100,
            "codes": [{"system": "ICD-10", "code": "E11.9"}, None, True, []],
            "remarks": f"{one} {other} called from {digits[:3]}-555-{digits[3:7]}; no seat available on {drawn.randrange(1, 12)}/3/2021. {other}, {one}; ok",
            "text": f"Call {one}; grace was shown in the woods, P{digits} too, and CPT 99213 for $12345.",
            "by": {
                f"{one.lower()}_{other.lower()}_{digits[:4]}": {"seen": drawn.choice([None, "", " ", "x"])}
            },
            "raw": json.dumps({"mail": f"{one}.{other}@example.org".lower(), "n": [1, 2.50]}),
        }


@pytest.mark.parametrize("profile", BUILT_IN.values(), ids=lambda profile: profile.name)
def test_generated_records_pass(profile: Profile) -> None:
    """Records of every nesting, as the engine masks them, pass in both forms."""
    people = list(_people(random.Random(7)))  # noqa: S311 (records of a test)
    for media_type, text in ((_LINES, _lines(people)), (_JSON, json.dumps(people, indent=1))):
        assert _report(media_type, text, _masked(media_type, text, profile), profile).objections == ()


@pytest.mark.skipif(
    not DATA.exists() and "CI" not in os.environ, reason="the shared data are not beside the checkout"
)
@pytest.mark.parametrize("profile", ["pii-basic", "hipaa-safe-harbor"])
def test_real_records_pass(profile: str) -> None:
    """Customers as lines and as one object, patients, and the runs of an agent: no objection to what the engine makes."""
    customers = list(json.loads((DATA / "agent-runs" / "customers.json").read_text()).items())
    with (DATA / "phi-dev" / "synthea" / "patients.csv").open() as rows:
        patients = list(csv.DictReader(rows))
    runs = (DATA / "agent-runs" / "airline.jsonl").read_text().splitlines()[:80]
    documents = (
        (_LINES, _lines([{user: customer} for user, customer in customers[:150]])),
        (_JSON, json.dumps(dict(customers[150:220]), indent=2)),
        (_LINES, _lines(patients)),
        (_LINES, "\n".join(runs)),
    )
    engine = load_engine()
    for media_type, text in documents:
        after = _masked(media_type, text, BUILT_IN[profile], engine=engine)
        report = _report(media_type, text, after, BUILT_IN[profile])
        assert (report.reasons, report.objections) == ((), ())
