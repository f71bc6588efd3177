"""Canonical bytes: one spelling per value, on every machine and in every process."""

import hashlib
import os
import subprocess
import sys
from typing import Any

import pytest

from sluicegate.schemas.canonical import canonical_json, parse_json, pre_authentication_encoding, sha256
from sluicegate.schemas.errors import RecordError


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        (b"{}", b"{}"),
        (b' { "b" : 1 , "a" : 2 } ', b'{"a":2,"b":1}'),
        (b'{"a": 1}', b'{"a":1}'),
        (b'{"a": 1.0}', b'{"a":1.0}'),
        (b'{"a": -0}', b'{"a":0}'),
        (b'{"a": -0.0}', b'{"a":-0.0}'),
        (b'{"a": 1e2}', b'{"a":100.0}'),
        (b'{"a": 1e16}', b'{"a":1e+16}'),
        (b'{"a": 0.1}', b'{"a":0.1}'),
        (b'{"a": 9223372036854775807}', b'{"a":9223372036854775807}'),
        (b'{"a": -9223372036854775808}', b'{"a":-9223372036854775808}'),
        (b'{"a": "\\u00e9\\/\\n"}', '{"a":"é/\\n"}'.encode()),
        (b'{"a": "\\ud83d\\ude00"}', '{"a":"😀"}'.encode()),
        (b'{"a": "\\u0000"}', b'{"a":"\\u0000"}'),
        (b'{"10": 1, "9": 2, "A": 3, "a": 4}', b'{"10":1,"9":2,"A":3,"a":4}'),
    ],
)
def test_p4_value_has_one_spelling(text: bytes, spelled: bytes) -> None:
    """Strict parsing and canonical JSON together give exactly these bytes."""
    assert canonical_json(parse_json(text)) == spelled


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (0, -0.0), (0.0, -0.0), (1, True), (0, False)])
def test_p4_twins_that_python_calls_equal_are_spelled_apart(one: Any, other: Any) -> None:
    """Values that compare equal in Python but differ in JSON never share their bytes."""
    assert one == other
    assert canonical_json({"a": one}) != canonical_json({"a": other})


@pytest.mark.parametrize("text", [b'{"a":"e\\u0301"}', b'{"a":"\\u00e9"}'])
def test_p5_normal_forms_are_kept_apart(text: bytes) -> None:
    """NFC and NFD twins stay what they were: bytes are hashed, not looks."""
    assert parse_json(canonical_json(parse_json(text))) == parse_json(text)
    assert canonical_json(parse_json(b'{"a":"e\\u0301"}')) != canonical_json(parse_json(b'{"a":"\\u00e9"}'))


@pytest.mark.parametrize("depth", [64, 65])
def test_p6_nesting_ends_at_64_levels(depth: int) -> None:
    """64 levels are read, 65 are refused."""
    text = b"[" * depth + b"]" * depth
    if depth <= 64:
        assert parse_json(text)
    else:
        with pytest.raises(RecordError, match="nested deeper"):
            parse_json(text)


def test_brackets_inside_strings_are_no_nesting() -> None:
    """Text full of brackets and escaped quotes is not taken for depth, and many flat arrays are fine."""
    assert parse_json(b'["' + b"[" * 1000 + b'\\"[[\\\\"]') == ["[" * 1000 + '"[[\\']
    assert parse_json(b"[" + b"[],{}," * 1000 + b"[]]")


def test_nothing_depends_on_the_hash_seed() -> None:
    """Two processes with different hash seeds spell the same value alike, whatever order its keys arrive in."""
    program = (
        "from sluicegate.schemas.canonical import canonical_json as c;"
        "print(c({k: {k, } and [k] for k in {'b', 'a', 'zz', 'y', 'é'}}))"
    )
    spelled = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(spelled) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_value_that_json_does_not_have_is_not_spelled(value: Any) -> None:
    """Canonical JSON never writes NaN, an infinity, or half a character."""
    with pytest.raises(ValueError, match=r"not JSON compliant|surrogates not allowed"):
        canonical_json({"a": value})


def test_pre_authentication_encoding_is_that_of_dsse() -> None:
    """The example of DSSE's protocol.md comes out byte for byte."""
    encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_sha256_runs_over_the_concatenation() -> None:
    """Parts are hashed as one; `abc` gives the digest of FIPS 180-4."""
    wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(b"a", b"", b"bc").hex() == sha256(b"abc").hex() == wanted
    assert sha256() == hashlib.sha256().digest()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"a": "\\ud800"}', "well-formed"),
        (b'{"\\uDFFF": 1}', "well-formed"),
        (b'["\\ud83d \\ude00"]', "well-formed"),
        (b'{"a": 1, "a": 1}', "twice"),
        (b"[NaN]", "NaN"),
        (b"[1e999]", "double"),
        (b"[" + b"9" * 20 + b"]", "64 bits"),
        (b"[" + b"9" * 1_000_000 + b"]", "64 bits"),
        (b"[9223372036854775808]", "64 bits"),
        (b"\xef\xbb\xbf{}", "well-formed"),
    ],
)
def test_p2_p3_strict_json_says_what_is_wrong(text: bytes, message: str) -> None:
    """What strict JSON refuses, it refuses by itself and with a reason, whatever other parser comes after it."""
    with pytest.raises(RecordError, match=message):
        parse_json(text)
