"""`mask file` and `mask check`: mask a file, and see beforehand what would happen to it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .bars import bar
from .invocation import invocation
from .mask_trials import ProfileName, profile_named
from .options import AsJson
from .screen import fields, note, print_json, rows

Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="csv, jsonl, parquet, text or fhir (an R4 bundle). Default: what the name of IN says.",
    ),
]


def file(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="IN", help="The file to mask; it is only read.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The masked file; it must not exist.")],
    *,
    profile: ProfileName = "hipaa-safe-harbor",
    file_format: Format = None,
    rules_only: Annotated[
        bool, typer.Option("--rules-only", help="Rules alone: no vocabulary, so no names and places in text.")
    ] = False,
    pseudonym_key: Annotated[
        Path | None,
        typer.Option(
            "--pseudonym-key",
            metavar="FILE",
            help="32 random bytes or more, for profiles with `pseudonym`: the same key, the same pseudonyms.",
        ),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Write over OUT and its report.")] = False,
    as_json: AsJson = False,
) -> None:
    """Mask a file of any size: CSV, JSON lines, Parquet, text, or a FHIR R4 bundle.

    Every batch is looked at once more before it is written. OUT appears when all of it passed, with OUT.report.json beside it: counts,
    columns and digests, no values. Exit status 1, and no file, when something cannot be read or did not pass.

    Example: sluicegate mask file notes.jsonl masked.jsonl --profile hipaa-safe-harbor
    """
    from sluicegate.streams.masking_engine import load_engine  # noqa: PLC0415 - `mask run` does without numpy
    from sluicegate.streams.masking_files import mask_file, named_format  # noqa: PLC0415 - as above
    from sluicegate.streams.masking_files.pseudonym_key import read_pseudonym_key  # noqa: PLC0415 - as above

    key = None if pseudonym_key is None else read_pseudonym_key(pseudonym_key)
    with bar() as shown:
        shown.say("reading the vocabulary")
        engine = load_engine(words=not rules_only, lexicon_file=invocation(ctx).settings.lexicon)
        report = mask_file(
            source,
            target,
            engine=engine,
            profile=profile_named(profile),
            file_format=named_format(file_format),
            pseudonym_key=key,
            replace=replace,
            progress=lambda read, size: shown.update("masking", read, size),
        )
    if as_json:
        print_json(report.to_json())
        return
    said = "1 record" if report.records == 1 else f"{report.records:,} records"
    note(f"`{target}` is written and passed the check: {said}")
    rows(
        ("masked", "by", "count"),
        [(kind, stage, f"{count}") for kind, by in report.counts.items() for stage, count in by.items()],
    )
    if report.unknown:
        fields({"read as free text": ", ".join(report.unknown[:20])})


def check(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="A built-in profile, or a file.")],
    schema: Annotated[
        Path,
        typer.Argument(
            metavar="SCHEMA",
            exists=True,
            dir_okay=False,
            help="A file of records (CSV, JSON lines, Parquet), Avro (.avsc), JSON Schema (.json), or paths, one a line.",
        ),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Say what a profile would do to each field, before anything is masked.

    Warns of fields that leave as they are though their names identify, of fields the profile does not know, and of those that single
    out a person together. Of a file of records only names and types are read.

    Example: sluicegate mask check hipaa-safe-harbor patients.csv
    """
    from sluicegate.streams.masking_files.foreseen import foresee  # noqa: PLC0415 - `mask run` does without numpy
    from sluicegate.streams.masking_files.schemas import read_fields  # noqa: PLC0415 - as above

    lines, warnings = foresee(profile_named(profile), read_fields(schema))
    if as_json:
        print_json({"fields": [asdict(line) for line in lines], "warnings": warnings})
        return
    rows(
        ("field", "type", "holds", "done"), [(line.field, line.type, line.holds, line.done) for line in lines]
    )
    for warning in warnings:
        note(f"careful: {warning}")
