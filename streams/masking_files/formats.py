"""Which file is what."""

from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final

from sluicegate.schemas.errors import ConfigurationError

from .batches import MaskFile


class FileFormat(StrEnum):
    """A format that can be masked."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"
    TEXT = "text"
    FHIR = "fhir"


_BY_SUFFIX: Final = {
    ".csv": FileFormat.CSV,
    ".tsv": FileFormat.CSV,
    ".jsonl": FileFormat.JSON_LINES,
    ".ndjson": FileFormat.JSON_LINES,
    ".parquet": FileFormat.PARQUET,
    ".txt": FileFormat.TEXT,
    ".text": FileFormat.TEXT,
    ".fhir": FileFormat.FHIR,
    ".json": FileFormat.FHIR,
}


def format_of(path: Path) -> FileFormat:
    """The format that a name says; `ConfigurationError` when it says none."""
    try:
        return _BY_SUFFIX[path.suffix.lower()]
    except KeyError:
        raise ConfigurationError(
            f"the name of `{path}` says no format: give --format, one of {', '.join(FileFormat)}"
        ) from None


def reader_of(file_format: FileFormat) -> MaskFile:
    """What masks a format."""
    match file_format:
        case FileFormat.JSON_LINES:
            from .json_lines import masked_json_lines  # noqa: PLC0415 - each format with what it needs

            return masked_json_lines
        case FileFormat.CSV:
            from .delimited import masked_csv  # noqa: PLC0415 - as above

            return masked_csv
        case FileFormat.TEXT:
            from .plain_text import masked_text  # noqa: PLC0415 - as above

            return masked_text
        case FileFormat.FHIR:
            from .bundles import masked_bundle  # noqa: PLC0415 - as above

            return masked_bundle
        case FileFormat.PARQUET:
            from .parquet import masked_parquet  # noqa: PLC0415 - pyarrow is the extra `lake`

            return masked_parquet


def look_at_whole(file_format: FileFormat, target: BinaryIO) -> None:
    """Look at what a masked file holds beside its records; `RefusedError` when that must not leave."""
    if file_format is FileFormat.PARQUET:
        from .parquet import refuse_metadata  # noqa: PLC0415 - pyarrow is the extra `lake`

        target.flush()
        refuse_metadata(target)


def named_format(name: str | None) -> FileFormat | None:
    """The format of this name."""
    try:
        return None if name is None else FileFormat(name)
    except ValueError:
        raise ConfigurationError(f"there is no format `{name}`: one of {', '.join(FileFormat)}") from None
