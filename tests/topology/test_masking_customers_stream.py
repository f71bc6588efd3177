"""500 real customer profiles as a standing stream: what stands on `exports.masked` identifies none of them and is still useful."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from sluicegate.schemas import document
from sluicegate.schemas.document import DocumentKind
from sluicegate.schemas.export import MaskedBatch
from sluicegate.streams.testing import MaskingDriver
from sluicegate.streams.testing.masking_driver import SentBatch

TREE = Path(os.environ.get("SLUICEGATE_TREE", Path(__file__).resolve().parents[2]))
"""The checkout, also when the tests are a copy beside the wheel."""
CUSTOMERS = TREE.parent / "shared/data/agent-runs/customers.json"
POLICY = """
version: 1
name: nightly
default: deny
streams:
  - {id: customers, from: [crm-pipeline], mask: customers}
rules:
  - {id: reads-pass, on: [crm.read], effect: allow}
"""
PROFILE = "version: 1\nname: customers\nextends: pii-basic\ncolumns: {membership: keep, reservations: keep}\n"

pytestmark = pytest.mark.skipif(
    not CUSTOMERS.exists() and "CI" not in os.environ, reason="the shared data are not beside the checkout"
)


def test_no_customer_is_found_on_the_masked_topic() -> None:
    """Ten batches, one record per customer with its key: nothing that identifies, the same records in the same order."""
    known: dict[str, Any] = json.loads(CUSTOMERS.read_text())
    world = MaskingDriver(POLICY)
    world.gate.publish(DocumentKind.PROFILE, "customers", document.ProfileText(text=PROFILE))
    world.pipeline("crm-pipeline")
    world.run()
    sent: SentBatch | None = None
    entries = list(known.items())
    for start in range(0, len(entries), 50):
        part = entries[start : start + 50]
        body = b"".join(json.dumps({name: customer}).encode() + b"\n" for name, customer in part)
        batch = world.stream_batch("crm-pipeline", "customers", body, sent, media_type="application/x-ndjson")
        sent = world.send(batch)
    world.run()
    masked = [batch for batch in world.masked() if isinstance(batch, MaskedBatch)]
    assert [batch.sequence for batch in masked] == list(range(10))
    text = b"".join(batch.body for batch in masked).decode()
    records = [next(iter(json.loads(line).values())) for line in text.splitlines()]
    for kept in ("membership", "reservations"):
        assert [one[kept] for one in records] == [customer[kept] for customer in known.values()]
        for line, customer in zip(text.splitlines(), known.values(), strict=True):
            assert f'"{kept}": {json.dumps(customer[kept])}' in line  # the very bytes
    assert identified(text, known) == []
    report = world.gate.report()
    assert [str(finding) for finding in report.findings] == []


def identified(text: str, known: dict[str, Any]) -> list[str]:
    """Customers of whom a literal is left: compared as bare letters and digits, whatever joins them."""
    # A surrogate's digits are random: what they spell by chance is nobody's.
    bare = squeezed(re.sub(r"<([a-z-]+):[a-z2-7]{24}>", r"<\1>", text))
    return [name for name, customer in known.items() if any(one in bare for one in literals(name, customer))]


def literals(name: str, customer: dict[str, Any]) -> list[str]:
    """Name in both orders, street, e-mail, birth date, payment methods and user id, squeezed."""
    first, last = customer["name"]["first_name"], customer["name"]["last_name"]
    found = [
        first + last,
        last + first,
        customer["address"]["address1"],
        customer["email"],
        customer["dob"],
        name,
    ]
    return [squeezed(one) for one in (*found, *customer["payment_methods"])]


def squeezed(text: str) -> str:
    """Letters and digits alone, lower case."""
    return re.sub(r"[^a-z0-9]", "", text.lower())
