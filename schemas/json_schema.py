"""JSON Schemas of every kind of record that may travel as JSON, made from the models (JSON Schema draft 2020-12).

They say what a reader accepts. A model may refuse more: sizes, text that is no Unicode, a key named twice.
"""

from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from .codec import JSON_KINDS
from .kinds import MODELS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def json_schema(kind: str) -> dict[str, Any]:
    """The schema of one kind, whole in itself."""
    return {"$schema": DIALECT, "$id": f"urn:sluicegate:{kind}:v1", **MODELS[kind].model_json_schema()}


def json_schemas() -> dict[str, dict[str, Any]]:
    """File name to schema, for every kind that may travel as JSON."""
    return {f"{kind}.schema.json": json_schema(kind) for kind in sorted(JSON_KINDS)}


def shared_schemas(prefix: str) -> dict[str, Any]:
    """The schemas of these kinds by the name of their model, with references that begin with `prefix`."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (MODELS[kind], "validation") for kind in sorted(JSON_KINDS)
    ]
    _, schemas = models_json_schema(models, ref_template=prefix + "{model}")
    found: dict[str, Any] = schemas["$defs"]
    return found
