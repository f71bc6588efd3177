"""`quarantine`: batches that did not pass masking, sealed to the privacy office."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.clients.privacy_key import privacy_key_path, private_key_text
from sluicegate.streams.clients.quarantine import Quarantined, QuarantineReader, opened

from .failures import Commands, reason_of
from .invocation import invocation
from .options import AsJson
from .screen import clean, clock, fields, note, print_json, rows
from .times import since_ms

app = typer.Typer(name="quarantine", cls=Commands, no_args_is_help=True)

BatchId = Annotated[
    str,
    typer.Argument(metavar="ID", help="The batch's id, or the first 12 or more hex digits of its digest."),
]


@app.callback()
def quarantine() -> None:
    """Look at batches that did not pass masking, with the privacy office's rights. They are sealed: opening needs its key."""


@app.command("list")
def list_(
    ctx: typer.Context,
    *,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Such as 2h, or 2026-01-31T08:00.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what is sealed: whose, of what, and why; never what it says. `release` is the action by which people may let it leave.

    Example: sluicegate quarantine list --since 2h
    """
    found = list(QuarantineReader.connect(settings=invocation(ctx).settings).list(since_ms=since_ms(since)))
    if as_json:
        print_json([_described(one) for one in found])
        return
    if found:
        rows(
            ("batch", "of", "appended", "profile", "reasons", "release"),
            [
                (
                    clean(one.batch.batch_id),
                    clean(_of(one)),
                    clock(one.append_ms),
                    one.batch.profile,
                    ", ".join(one.batch.reasons),
                    one.batch.release_id or "",
                )
                for one in found
            ],
        )
    note(f"{len(found)} batches")


@app.command()
def show(ctx: typer.Context, batch_id: BatchId, *, as_json: AsJson = False) -> None:
    """Show one batch: where it came from, under which profile it did not pass, and why; it stays sealed.

    Example: sluicegate quarantine show ba-4f7k
    """
    found = QuarantineReader.connect(settings=invocation(ctx).settings).show(batch_id)
    described = _described(found)
    if as_json:
        print_json(described)
        return
    named = {name.replace("_", " "): value for name, value in described.items() if value is not None}
    fields(
        {
            **{name: clean(str(value)) for name, value in named.items()},
            "append ms": clock(found.append_ms),
            "reasons": ", ".join(found.batch.reasons),
        }
    )


@app.command("open")
def open_(
    ctx: typer.Context,
    batch_id: BatchId,
    *,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Where the raw bytes go, mode 0600; must not exist.")
    ],
    key: Annotated[
        Path | None,
        typer.Option(
            "--key", metavar="FILE", help="The private key, mode 0600. Default: keys/privacy.x25519."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Open one batch with the privacy office's private key and write its raw bytes to a file: they may identify people.

    Example: sluicegate quarantine open ba-4f7k --out batch.json
    """
    called = invocation(ctx)
    private = private_key_text(key or privacy_key_path(called.state))
    found = QuarantineReader.connect(settings=called.settings).show(batch_id)
    batch = opened(found.batch, private)
    if not _write_new(out, batch.body):
        raise typer.BadParameter("the file exists; nothing was written", param_hint="--out")
    done = {**_described(found), "media_type": batch.media_type, "bytes": len(batch.body), "file": str(out)}
    if as_json:
        print_json(done)
    else:
        note(
            f"{len(batch.body)} bytes of {clean(batch.media_type)} in `{out}`: unmasked, delete it when you are done"
        )


def _write_new(path: Path, content: bytes) -> bool:
    # Not `write_private`: that makes the folder private too, and this one is the user's.
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise ConfigurationError(f"`{path}` cannot be written: {reason_of(error)}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except OSError as error:
        # Half of what identifies people helps nobody.
        path.unlink(missing_ok=True)
        raise ConfigurationError(f"`{path}` cannot be written: {reason_of(error)}") from None
    return True


def _of(one: Quarantined) -> str:
    batch = one.batch
    return batch.stream or f"{batch.agent} {batch.action_id}"


def _described(one: Quarantined) -> dict[str, Any]:
    batch = one.batch
    return {
        "position": str(one.position),
        "append_ms": one.append_ms,
        **batch.model_dump(mode="json", exclude={"kind", "sealed"}),
        "sealed_bytes": len(batch.sealed),
    }
