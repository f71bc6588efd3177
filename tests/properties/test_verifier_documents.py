"""What holds of the verifier for any document: the engine's own output keeps its shape, any other change is told, nothing is raised."""

import json
from typing import Any, Final

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sluicegate.processors.masking.engine.engine import Engine
from sluicegate.processors.masking.engine.fields import Masking
from sluicegate.processors.masking.engine.records import Records
from sluicegate.processors.masking.engine.scan import Re2Scanner
from sluicegate.processors.masking.engine.surrogates import Surrogates
from sluicegate.processors.masking.profile import load_profile
from sluicegate.processors.masking.verifier import Expected, Report, Verifier

_ENGINE: Final = Engine.of(Re2Scanner.of())
_SECRET: Final = b"a secret of one export, 32 bytes"
_PROFILE: Final = load_profile(
    "version: 1\nname: x\nextends: hipaa-safe-harbor\nkinds: {email: surrogate, record: surrogate}\n"
    "columns: {kept: keep, gone: drop, code: plain}\nkeys: {people: user}\n",
    source="x",
)
_SHAPE: Final = {
    "rows",
    "structure",
    "unreadable",
    "untouched-changed",
    "kept-changed",
    "dropped",
    "column",
    "key",
    "failed",
}

_PIECES: Final = "MRN: 48213377|SSN 078-05-1120|jo@example.org|on 03/14/2021|2021|(555) 010-4477|10.20.30.40|and|.| |\u00e9|\u200b|<name>|\x1f|Roe|12345"
_STRING: Final = st.lists(st.sampled_from(_PIECES.split("|")), max_size=5).map(" ".join) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=12
)
_NAMES: Final = st.sampled_from(
    ["first_name", "email", "mrn", "dob", "age", "zip", "note", "kept", "gone", "code", "people", "x", "a b"]
)
_SCALAR: Final = (
    _STRING
    | st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
)


def _within(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    objects = st.dictionaries(_NAMES | _STRING, inner, max_size=5)
    return objects | st.lists(inner, max_size=4) | objects.map(json.dumps)


_DOCUMENT: Final = st.recursive(_SCALAR, _within, max_leaves=15)


def _masked(text: str) -> str:
    (masked,) = Records(Masking(_ENGINE, _PROFILE, Surrogates(_SECRET))).masked([text])
    return masked


def _report(before: str, after: str) -> Report:
    return Verifier(Expected.of(_PROFILE), _SECRET).verify_document(
        "application/json", before.encode(), after.encode()
    )


@settings(max_examples=80, deadline=None)
@given(_DOCUMENT, st.sampled_from([None, 1]))
def test_what_the_engine_makes_keeps_its_shape(document: Any, indent: int | None) -> None:
    """Whatever the document, what the engine kept is found to be the same, and the look does not fail."""
    text = json.dumps(document, ensure_ascii=False, indent=indent)

    assert not _SHAPE & set(_report(text, _masked(text)).reasons)


@settings(max_examples=80, deadline=None)
@given(_DOCUMENT, st.data())
def test_any_other_character_is_told(document: Any, data: st.DataObject) -> None:
    """One character that is another, one more, or one less, outside what was replaced, and the document does not leave."""
    text = json.dumps(document, ensure_ascii=False)
    masked = _masked(text)
    assume("<" not in masked)
    at = data.draw(st.integers(0, len(masked)))
    changed = masked[:at] + data.draw(st.sampled_from(["", "x", "7", '"', ",", "}"])) + masked[at + 1 :]
    assume(changed != masked and '"gone"' not in masked)

    assert not _report(text, changed).passed


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode), st.binary(max_size=60))
def test_nothing_is_raised(before: bytes, after: bytes) -> None:
    """Bytes of any sort have a report for every media type."""
    verifier = Verifier(Expected.of(_PROFILE), _SECRET)
    for media_type in ("application/json", "application/x-ndjson", "text/plain", "x"):
        report = verifier.verify_document(media_type, before, after)
        assert "failed" not in report.reasons
        assert report.passed or report.reasons
