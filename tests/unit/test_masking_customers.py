"""500 real customer profiles: nothing that identifies one of them is found by a search written for this test alone."""

import json
import os
import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sluicegate.processors.masking.engine.surrogates import Surrogates
from sluicegate.processors.masking.masking import Masked, mask
from sluicegate.processors.masking.profile import load_profile
from sluicegate.processors.masking.second_look import second_look
from sluicegate.streams.masking_engine import load_engine

TREE = Path(os.environ.get("SLUICEGATE_TREE", Path(__file__).resolve().parents[2]))
"""The checkout, also when the tests are a copy beside the wheel."""
CUSTOMERS = TREE.parent / "shared/data/agent-runs/customers.json"
PATIENTS = TREE.parent / "shared/data/phi-dev/synthea/patients.csv"
PROFILE = load_profile(
    "version: 1\nname: customers\nextends: pii-basic\ncolumns: {membership: keep, reservations: keep}\n",
    source="customers",
)
SURROGATES = Surrogates(bytes(range(32)))
ENGINE = load_engine()

pytestmark = pytest.mark.skipif(
    not CUSTOMERS.exists() and "CI" not in os.environ, reason="the shared data are not beside the checkout"
)


def customers() -> dict[str, Any]:
    """All of them, by user id."""
    found: dict[str, Any] = json.loads(CUSTOMERS.read_text())
    return found


def masked(media_type: str, body: bytes, *, objections: tuple[str, ...] = ()) -> str:
    """The body after masking, and what the second look says of it: nothing where it may leave."""
    result = mask(media_type, body, PROFILE, SURROGATES, ENGINE)
    assert isinstance(result, Masked)
    assert second_look(media_type, body, result.body, PROFILE, SURROGATES) == objections
    return result.body.decode()


def people(customer: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The customer and everybody who travels along."""
    yield customer["name"]["first_name"], customer["name"]["last_name"]
    for passenger in customer["saved_passengers"]:
        yield passenger["first_name"], passenger["last_name"]


def found(text: str, known: dict[str, Any]) -> list[str]:
    """Which customers' identifiers are in a text: every literal, any case, and names in any order with any joiner."""
    without_forms = re.sub(r"<[a-z-]+(?::[a-z]{24}|-\d+)?>", "|", text)
    folded = unicodedata.normalize("NFKC", without_forms).lower()
    squeezed = re.sub(r"[^a-z0-9|{}\[\],:]", "", folded)
    names = {
        (one.lower(), other.lower())
        for customer in known.values()
        for pair in people(customer)
        for one, other in (pair, pair[::-1])
    }
    joined = {one + other for one, other in names}
    numbers = set(re.findall(r"[0-9]+", folded))
    words = re.findall(r"[a-z]+|\|", folded)
    hits = [word for word in words if word in joined] + [
        f"{pair}" for pair in pairwise(words) if pair in names
    ]
    for user, customer in known.items():
        literals = [
            user,
            customer["email"],
            customer["address"]["address1"],
            customer["dob"],
            *customer["payment_methods"],
        ]
        literals += [passenger["dob"] for passenger in customer["saved_passengers"]]
        hits += [literal for literal in literals if literal.lower() in folded]
        hits += [
            user for part in (user, customer["email"]) if re.sub(r"[^a-z0-9]", "", part.lower()) in squeezed
        ]
        hits += [
            method["id"]
            for method in customer["payment_methods"].values()
            if method.get("last_four") in numbers
        ]
    return hits


def kept(record: dict[str, Any], source: str) -> None:
    """Membership and reservations stand in the source byte for byte."""
    for name in ("membership", "reservations"):
        assert f'"{name}": {json.dumps(record[name])}' in source


def test_one_record_a_line_leaves_without_any_identifier() -> None:
    """Nothing of any customer is found; kept columns are byte-identical; records and their order stay."""
    known = customers()
    lines = [json.dumps({user: customer}) for user, customer in known.items()]
    out = masked("application/x-ndjson", ("\n".join(lines) + "\n").encode())
    assert found(out, known) == []
    assert out.count("\n") == len(known)
    records = [json.loads(line) for line in out.splitlines()]
    assert [len(record) for record in records] == [1] * len(known)
    for line, customer in zip(out.splitlines(), known.values(), strict=True):
        kept(customer, line)
    assert len({key for record in records for key in record}) == len(known)


def test_one_object_of_all_leaves_without_any_identifier() -> None:
    """The same as one JSON object, white space included: what is not masked keeps its bytes."""
    known, text = customers(), CUSTOMERS.read_text()
    out = masked("application/json", text.encode())
    assert found(out, known) == []
    values = json.loads(out)
    assert len(values) == len(known)
    for customer, value in zip(known.values(), values.values(), strict=True):
        assert (value["membership"], value["reservations"]) == (
            customer["membership"],
            customer["reservations"],
        )
    assert re.findall(r'"(?:membership|reservations)":[^\]"]*[\]"]', out) == re.findall(
        r'"(?:membership|reservations)":[^\]"]*[\]"]', text
    )


@pytest.mark.parametrize("spelled", [str, str.lower, str.upper, str.title])
def test_free_text_about_a_customer_is_masked_in_every_case(spelled: Any) -> None:
    """A field that no profile knows, with names in both orders and with joiners, address, e-mail and phone.

    In Title Case every second pair of words may be a name: nothing is left, and in doubt nothing leaves.
    """
    known = dict(list(customers().items())[::8])
    lines = []
    for user, customer in known.items():
        first, last = next(people(customer))
        card = next(
            (method["last_four"] for method in customer["payment_methods"].values() if "last_four" in method),
            "x",
        )
        note = (
            f"{first} {last} called; {last}, {first}; {last}-{first}; {first}_{last}; {first}{last}. Mail {customer['email']}"
            f" or (512) 555-0199, lives at {customer['address']['address1']}, born {customer['dob']}, id {user},"
            f" card ending in {card}."
        )
        lines.append(
            json.dumps(
                {
                    user: {
                        **customer,
                        "remarks": spelled(note),
                        "more": {spelled(f"{last} {first}"): [spelled(note)]},
                    }
                }
            )
        )
    objections = ("names",) if spelled is str.title else ()
    out = masked("application/x-ndjson", "\n".join(lines).encode(), objections=objections)
    assert found(out, known) == []
    assert "555-0199" not in out


def test_patients_leave_without_any_identifier() -> None:
    """27 synthetic patients as records under the same profile: no name, number, birth date, street or position is left."""
    head, *rows = [line.split(",") for line in PATIENTS.read_text().splitlines()]
    records = [dict(zip(head, row, strict=False)) for row in rows]
    out = masked("application/x-ndjson", "\n".join(json.dumps(record) for record in records).encode())
    gone = (
        "Id",
        "BIRTHDATE",
        "SSN",
        "DRIVERS",
        "PASSPORT",
        "FIRST",
        "LAST",
        "MAIDEN",
        "ADDRESS",
        "ZIP",
        "LAT",
        "LON",
    )
    left = [record[name] for record in records for name in gone if record[name] and record[name] in out]
    assert left == []
