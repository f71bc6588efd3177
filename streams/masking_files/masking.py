"""Mask one file: read a batch, mask it, check it, write it; the file gets its name when all of it passed."""

import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from sluicegate.processors.masking.engine.engine import Engine
from sluicegate.processors.masking.engine.fields import Masking
from sluicegate.processors.masking.engine.surrogates import Surrogates
from sluicegate.processors.masking.identifiers import Operator
from sluicegate.processors.masking.profile import Profile
from sluicegate.schemas.errors import ConfigurationError

from .checking import Checker
from .described import described
from .formats import FileFormat, format_of, look_at_whole, reader_of
from .report import Report, counts_of, profile_digest, rules_digest, shown

Progress = Callable[[int, int], None]
"""Told how many bytes of how many are read."""

_SECRET_BYTES: Final = 32


def report_path(target: Path) -> Path:
    """Where the report of a masked file lies."""
    return target.with_name(target.name + ".report.json")


def mask_file(
    source: Path,
    target: Path,
    *,
    engine: Engine,
    profile: Profile,
    file_format: FileFormat | None = None,
    secret: bytes | None = None,
    pseudonym_key: bytes | None = None,
    replace: bool = False,
    progress: Progress = lambda _read, _size: None,
) -> Report:
    """Mask `source` into `target` and write the report beside it.

    Surrogates derive from `secret`; without one it is drawn, and forgotten when the file is written: nobody can make the same again.
    Pseudonyms derive from `pseudonym_key`, so that they are the same in every file masked with it.

    Raises `RefusedError` when something cannot be read or did not pass the check; then no file is there under either name.
    """
    file_format = file_format or format_of(source)
    _usable(source, target, replace=replace)
    try:
        surrogates = _surrogates(profile, secret, pseudonym_key)
        return _masked(source, target, engine, profile, file_format, surrogates, progress)
    except OSError as error:
        reason = (error.strerror or "unusable").lower()
        raise ConfigurationError(f"`{source}` cannot be masked into `{target}`: {reason}") from None


def _masked(
    source: Path,
    target: Path,
    engine: Engine,
    profile: Profile,
    file_format: FileFormat,
    surrogates: Surrogates,
    progress: Progress,
) -> Report:
    profile = file_format_profile(profile, file_format)
    masking = Masking(engine, profile, surrogates, datetime.now(UTC).year)
    checker = Checker(profile, surrogates, names=engine.lexicon is not None)
    size = source.stat().st_size
    records = read = batches = 0
    with source.open("rb") as reading, _new_file(target) as (writing, keep):
        for batch in reader_of(file_format)(masking, reading):
            checker.look(batch)
            writing.write(batch.masked)
            records, read, batches = records + batch.records, batch.read, batches + 1
            progress(read, size)
        written = writing.tell()
        look_at_whole(file_format, writing)
        report = Report(
            profile=profile.name,
            file_format=file_format.value,
            records=records,
            bytes_read=size,
            bytes_written=written,
            batches=batches,
            counts=counts_of(masking),
            unknown=tuple(sorted(shown(path) for path in masking.unknown)),
            columns=tuple(described(masking)),
            digests=_digests(engine, masking),
        )
        with _new_file(report_path(target)) as (account, keep_report):
            account.write(json.dumps(report.to_json(), indent=2).encode() + b"\n")
            # INVARIANT: the report is there before the file is; a file without one was not finished here.
            keep_report()
        try:
            keep()
        except BaseException:
            report_path(target).unlink(missing_ok=True)
            raise
    return report


def _surrogates(profile: Profile, secret: bytes | None, pseudonym_key: bytes | None) -> Surrogates:
    if not profile.uses(Operator.PSEUDONYM):
        # What is proved under the key of pseudonyms tells that two files have one owner: only where it must.
        pseudonym_key = None
    elif pseudonym_key is None:
        raise ConfigurationError(
            f"`{profile.name}` makes pseudonyms, which need a key that outlives the file: give --pseudonym-key FILE"
        )
    return Surrogates(secret or secrets.token_bytes(_SECRET_BYTES), pseudonym_key=pseudonym_key)


def file_format_profile(profile: Profile, file_format: FileFormat) -> Profile:
    """The profile with what a format itself says about its fields."""
    if file_format is not FileFormat.FHIR:
        return profile
    from .fhir import with_fhir_fields  # noqa: PLC0415 - reads YAML

    return with_fhir_fields(profile)


def _digests(engine: Engine, masking: Masking) -> dict[str, str | None]:
    return {
        "rules": rules_digest(engine),
        "lexicon": engine.lexicon.digest.hex() if engine.lexicon else None,
        "profile": profile_digest(masking),
    }


def _usable(source: Path, target: Path, *, replace: bool) -> None:
    if not source.is_file():
        raise ConfigurationError(f"there is no file `{source}`")
    if not target.parent.is_dir():
        raise ConfigurationError(f"there is no folder `{target.parent}`")
    for path in (target, report_path(target)):
        if not path.exists():
            continue
        if path.is_dir():
            raise ConfigurationError(f"`{path}` is a folder: name a file")
        if path.samefile(source):
            raise ConfigurationError(
                f"`{path}` is what is to be masked: choose another name for the masked file"
            )
        if not replace:
            raise ConfigurationError(f"`{path}` is there already: choose another name, or give --replace")


@contextmanager
def _new_file(target: Path) -> "Iterator[tuple[BinaryIO, Callable[[], None]]]":
    """A file of another name beside the target, for its owner alone; the function moves it into place, an error removes it."""
    number, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".partial")
    kept = False
    with os.fdopen(number, "w+b") as file:

        def keep() -> None:
            nonlocal kept
            file.flush()
            os.fsync(file.fileno())
            Path(name).replace(target)
            kept = True

        try:
            yield file, keep
        finally:
            if not kept:
                with suppress(FileNotFoundError):
                    Path(name).unlink()
