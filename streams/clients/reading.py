"""A consumed record as a model of the kinds expected there. Pure."""

from typing import TypeVar

from sluicegate.processors.contract import Record
from sluicegate.schemas import codec
from sluicegate.schemas.envelope import payload_type_of
from sluicegate.schemas.errors import RecordError
from sluicegate.schemas.fields import Wire

M = TypeVar("M", bound=Wire)


def read_record(record: Record, *models: type[M]) -> M:
    """Decode what the gate wrote, Avro or JSON; RecordError for anything that is none of these models."""
    kinds = {model.model_fields["kind"].default for model in models}
    found = codec.decode(payload_type_of(record.headers), record.value or b"", kinds)
    if not isinstance(found, models):
        raise RecordError("the record is of another kind than its headers say")
    return found
