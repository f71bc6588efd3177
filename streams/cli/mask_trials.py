"""`mask score` and `mask explain`: look at what the masking engine finds, and measure it."""

import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from sluicegate.processors.masking.engine.recognition import Recognition
from sluicegate.processors.masking.profile import BUILT_IN, Profile, load_profile
from sluicegate.processors.masking.visible import visible
from sluicegate.schemas.errors import ConfigurationError

from .invocation import invocation
from .options import AsJson
from .screen import fields, note, print_json, rows, say

ProfileName = Annotated[
    str, typer.Option("--profile", "-p", metavar="PROFILE", help="A built-in profile, or a file.")
]
WithoutWords = Annotated[
    bool, typer.Option("--rules-only", help="Rules alone: no vocabulary, so no names and places.")
]

WithModel = Annotated[
    Recognition,
    typer.Option(
        "--ner", help="Sentences a token classifier reads: none, those the vocabulary is unsure of, or all."
    ),
]
ModelFolder = Annotated[
    Path | None,
    typer.Option(
        "--ner-model",
        metavar="FOLDER",
        exists=True,
        file_okay=False,
        help="model.onnx, tokenizer.json and config.json of another classifier. Default: that of the extra `ner`.",
    ),
]

_COLOURS: Final = {
    "rules": "black on yellow",
    "known": "black on green",
    "closed-world": "black on cyan",
    "ner": "black on magenta",
}


def score(
    ctx: typer.Context,
    gold: Annotated[
        Path, typer.Argument(metavar="GOLD.jsonl", exists=True, dir_okay=False, help="Labelled texts.")
    ],
    *,
    profile: ProfileName = "hipaa-safe-harbor",
    ner: WithModel = Recognition.OFF,
    ner_model: ModelFolder = None,
    rules_only: WithoutWords = False,
    as_json: AsJson = False,
) -> None:
    """Mask labelled texts and say how many of their identifiers are gone, what else was taken, and how fast it went.

    GOLD.jsonl has one JSON object a line: `text`, and `spans` as lists of start, end (in characters) and label. `recall` counts
    spans of which every letter and digit is masked, `over` the share of other letters and digits that is, `clean_touched` the texts
    without identifiers in which something is. Prints figures only, nothing of the texts.

    Example: sluicegate mask score labelled.jsonl --profile hipaa-safe-harbor --json
    """
    from sluicegate.streams import mask_trials  # noqa: PLC0415 - `mask run` does without numpy

    told = mask_trials.score(_engine(ctx, rules_only, ner, ner_model), profile_named(profile), gold)
    if as_json:
        print_json(told)
        return
    labels = told.pop("per_label")
    fields({name: f"{value}" for name, value in told.items()})
    rows(["label", "recall"], [[label, f"{share:.3f}"] for label, share in labels.items()])


def explain(
    ctx: typer.Context,
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="What to look at; standard input without it.")
    ] = None,
    *,
    profile: ProfileName = "hipaa-safe-harbor",
    ner: WithModel = Recognition.OFF,
    ner_model: ModelFolder = None,
    rules_only: WithoutWords = False,
    as_json: AsJson = False,
) -> None:
    """Show what of a text identifies somebody: each span with its type, the stage that found it, and what takes its place.

    Surrogates are drawn anew at each call. The text appears on your terminal, and nowhere else.

    Example: sluicegate mask explain "Ms. Jane Roe, MRN 448-21, seen 3/14/2021"
    """
    from sluicegate.streams import mask_trials  # noqa: PLC0415 - `mask run` does without numpy

    read = sys.stdin.read() if text is None else text
    spans, masked = mask_trials.explain(
        _engine(ctx, rules_only, ner, ner_model), profile_named(profile), read
    )
    if as_json:
        print_json({"spans": [one.to_json() for one in spans], "masked": masked})
        return
    say(_coloured(read, [(one.start, one.end, one.stage) for one in spans]))
    rows(["type", "stage", "confidence", "operator", "text", "output"], [_row(one, read) for one in spans])
    say(visible(masked))


def _engine(ctx: typer.Context, rules_only: bool, ner: Recognition, ner_model: Path | None) -> Any:  # noqa: FBT001 - as the option
    from sluicegate.streams.masking_engine import load_engine  # noqa: PLC0415 - `mask run` does without numpy

    return load_engine(
        words=not rules_only,
        lexicon_file=invocation(ctx).settings.lexicon,
        before_building=say_building,
        ner=ner,
        ner_folder=ner_model,
        before_converting=_say_model,
    )


def _row(span: Any, text: str) -> list[str | Text]:
    shown = Text(visible(text[span.start : span.end]), _COLOURS[span.stage])
    return [span.type, span.stage, f"{span.confidence} %", span.operator, shown, span.output]


def _coloured(text: str, spans: list[tuple[int, int, str]]) -> Text:
    shown, place = Text(), 0
    for start, end, stage in spans:
        shown.append(visible(text[place:start])).append(visible(text[start:end]), _COLOURS[stage])
        place = end
    return shown.append(visible(text[place:]))


def say_building() -> None:
    """Said before something that takes seconds, once."""
    note("the vocabulary is built from its packages; this is done once and takes some seconds")


def _say_model() -> None:
    note("the token classifier is made ready; this is done once and takes some seconds")


def profile_named(name: str) -> Profile:
    """The built-in profile of this name, or the one in this file."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    path = Path(name)
    if not path.is_file():
        raise ConfigurationError(
            f"there is no profile `{name}`: name a file, or one of {', '.join(BUILT_IN)}"
        )
    return load_profile(path.read_text(encoding="utf-8"), source=name)
