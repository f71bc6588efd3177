"""`mask`: run masking, and look at what it finds."""

import typer

from sluicegate.streams.masking_workers import masking_spec

from . import mask_file, mask_lexicon, mask_trials
from .failures import Commands
from .invocation import invocation
from .options import FirstSlot, HttpAddress, LogAsJson, Quiet, Shared, Workers
from .working import run_workers, start_logging

app = typer.Typer(name="mask", cls=Commands, no_args_is_help=True)
app.command()(mask_file.file)
app.command()(mask_file.check)
app.command()(mask_lexicon.lexicon)
app.command()(mask_trials.score)
app.command()(mask_trials.explain)


@app.callback()
def mask() -> None:
    """Run masking: everything an action returns, and every standing stream, passes it before anybody else sees it."""


@app.command()
def run(
    ctx: typer.Context,
    *,
    workers: Workers = None,
    first_slot: FirstSlot = 0,
    log_json: LogAsJson = False,
    quiet: Quiet = False,
    http: HttpAddress = None,
    shared: Shared = False,
) -> None:
    """Run worker processes until SIGTERM or Ctrl-C, which let each finish its transaction; a second one ends them at once.

    Reads `exports.raw`. What passes goes to `exports.masked`; what does not is sealed to the privacy office on
    `exports.quarantine` (see `sluicegate quarantine`). Needs keys/masking.ed25519, under which the secrets of open exports are kept:
    every machine of one deployment needs the same file.

    Example: sluicegate mask run --workers 2
    """
    settings = invocation(ctx).settings
    level = start_logging(as_json=log_json, quiet=quiet)
    spec = masking_spec(
        settings, before_building=mask_trials.say_building, log_json=log_json, log_level=level
    )
    run_workers(
        "masking", spec, settings.masking, workers=workers, first_slot=first_slot, http=http, shared=shared
    )
