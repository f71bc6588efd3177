"""Write the twins, the lock file and the golden bytes anew: `python tests/cases/schemas/regenerate.py [golden]`.

Without an argument: twins and lock file. With `golden`: the Avro bytes of every record in `golden.json`, whose `record` is
written by hand (two per kind: every field set, and only what must be there). Run it after a change of a model and read the difference it makes. A schema that a release contains (`"released"` in the lock
file names that release) stays: its twin is kept as `<kind>.<id>.avsc` and the changed model gets the next id.
"""

import json
import sys
from pathlib import Path
from typing import Any

from fastavro.schema import fingerprint, to_parsing_canonical_form

from sluicegate.schemas.avro_from_model import avro_schema
from sluicegate.schemas.kinds import MODELS
from sluicegate.schemas.released import LOCK_FILE

SCHEMAS = Path(__file__).parents[3] / "schemas"
GOLDEN = Path(__file__).with_name("golden.json")


def rabin(schema: dict[str, Any]) -> str:
    """CRC-64-AVRO over the parsing canonical form, as the hex digits of the number."""
    little_endian = fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")
    return bytes.fromhex(little_endian)[::-1].hex()


def write_twins_and_lock() -> None:
    """Bring every twin and the lock file up to their models."""
    path = SCHEMAS / LOCK_FILE
    lock = json.loads(path.read_text()) if path.exists() else {"kinds": {}}
    for kind, model in MODELS.items():
        _bring_up(lock["kinds"], kind, avro_schema(model))
    path.write_text(json.dumps(lock, indent=2) + "\n")


def _bring_up(kinds: dict[str, list[dict[str, Any]]], kind: str, schema: dict[str, Any]) -> None:
    versions = kinds.setdefault(kind, [])
    twin = SCHEMAS / f"{kind}.avsc"
    text = json.dumps(schema, indent=2) + "\n"
    if twin.exists() and twin.read_text() == text:
        return
    if not versions or versions[-1]["released"]:
        if versions:
            kept = f"{kind}.{versions[-1]['id']}.avsc"
            twin.rename(SCHEMAS / kept)
            versions[-1]["file"] = kept
        ids = [version["id"] for every in kinds.values() for version in every]
        versions.append({"id": max(ids, default=0) + 1, "file": twin.name, "released": None})
    versions[-1]["fingerprint"] = rabin(schema)
    twin.write_text(text)


def write_golden_bytes() -> None:
    """Encode every golden record with the newest schema."""
    # Imported here: the codec reads the twins and the lock file that the other half of this script writes.
    from sluicegate.schemas import codec  # noqa: PLC0415

    golden = json.loads(GOLDEN.read_text())
    for kind, cases in golden.items():
        for case in cases:
            model = MODELS[kind].model_validate_json(json.dumps(case["record"]))
            encoded = codec.encode(model)
            case |= {"payload_type": encoded.payload_type, "avro": encoded.value.hex()}
    GOLDEN.write_text(json.dumps(golden, indent=2) + "\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["golden"]:
        write_golden_bytes()
    else:
        write_twins_and_lock()
