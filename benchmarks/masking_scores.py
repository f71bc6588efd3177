"""How much of the identifiers in labelled texts is masked, and how much else: ours, and the usual analyser on the same texts.

Labelled texts are no part of this project. SLUICEGATE_CORPORA names a folder of `.jsonl` files (`{"text": ..., "spans": [[start, end,
"LABEL"], ...]}` a line, as `mask score` reads them); without it only notes that are drawn here are scored, and that is said.
"""

import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from sluicegate.processors.masking.engine.batch import TextBatch
from sluicegate.processors.masking.engine.engine import Engine
from sluicegate.processors.masking.engine.scoring import GoldText, Score, code_points
from sluicegate.streams.lexicon.sources import first_names, surnames
from sluicegate.streams.mask_trials import read_gold
from sluicegate.streams.masking_engine import load_engine

from .analyser import Analysed, analysed
from .measuring import Measure
from .notes import notes

_CORPORA: Final = "SLUICEGATE_CORPORA"
_DRAWN: Final = (("dense notes", 0.55), ("sparse notes", 0.9))
_NOTES: Final = 60
_FEWEST_OF_A_LABEL: Final = 40
_NAMES: Final = {"NAME", "PERSON", "PATIENT", "DOCTOR"}
_NO_IDENTIFIERS: Final = {"ORGANIZATION", "TITLE", "NRP", "AGE", "PREFIX"}
"""Labels that 45 CFR 164.514(b)(2) does not name."""
_SYLLABLES: Final = [
    "ba",
    "be",
    "bo",
    "cha",
    "da",
    "dre",
    "du",
    "fa",
    "gri",
    "ha",
    "io",
    "ja",
    "ki",
    "klu",
    "la",
    "lo",
    "ma",
    "mi",
    "na",
    "nu",
    "o",
    "pa",
    "qui",
    "ra",
    "ri",
    "sa",
    "sho",
    "ta",
    "u",
    "va",
    "vi",
    "wo",
    "xa",
    "ye",
    "zu",
]
_LEAST_SECONDS: Final = 0.5


def scores() -> Iterator[Measure]:
    """Rows of the table."""
    engine = load_engine()
    corpora = dict(_corpora())
    others = analysed({name: [one.text for one in gold] for name, gold in corpora.items()})
    if isinstance(others, str):
        sys.stdout.write(f"NOT MEASURED: {others}\n")
    for name, gold in corpora.items():
        size = sum(len(one.text.encode()) for one in gold) / 1e6
        own = _speed(engine, gold, size)
        yield from _rows("sluicegate", name, gold, _found(engine, gold), own, size)
        if not isinstance(others, str):
            yield from _others(others.name, others.texts[name], name, gold, own, size)
    for name, gold in corpora.items():
        if any(label in _NAMES for one in gold for _, _, label in one.spans) and name not in dict(_DRAWN):
            yield from _changed(engine, name, gold)


def _corpora() -> Iterator[tuple[str, Sequence[GoldText]]]:
    for name, prose in _DRAWN:
        yield name, [GoldText(one.text, tuple(one.spans)) for one in notes(_NOTES, prose=prose, seed=11)]
    folder = os.environ.get(_CORPORA)
    if folder is None:
        sys.stdout.write(f"NOT MEASURED: labelled texts of others; {_CORPORA} names no folder with them\n")
        return
    for file in sorted(Path(folder).glob("*.jsonl")):
        yield file.stem, list(read_gold(file))


def _found(engine: Engine, gold: Sequence[GoldText]) -> Iterator[list[tuple[int, int]]]:
    batch = TextBatch.of_texts([one.text for one in gold])
    return code_points(batch, engine.spans(batch))


def _scored(gold: Sequence[GoldText], found: Iterator[Sequence[tuple[int, int]]]) -> Score:
    counted = Score()
    for one, places in zip(gold, found, strict=True):
        counted.add(one, places)
    return counted


def _rows(
    by: str,
    corpus: str,
    gold: Sequence[GoldText],
    found: Iterator[Sequence[tuple[int, int]]],
    seconds: float,
    size: float,
) -> Iterator[Measure]:
    counted = _scored(gold, found)
    told = counted.to_json()
    if counted.total:
        yield _share(by, corpus, "masked whole", "recall", told["recall"])
        yield _share(by, corpus, "masked in part at least", "any", told["recall_any"])
        others = {label: counted.total[label] for label in _NO_IDENTIFIERS}
        caught = counted.caught.total() - sum(counted.caught[label] for label in others)
        if any(others.values()):
            share = caught / (counted.total.total() - sum(others.values()))
            yield _share(by, corpus, "of what Safe Harbor names masked whole", "named", share)
    yield _share(by, corpus, "of other letters and digits masked", "over", told["over"])
    if counted.total and told["clean_touched"] is not None:
        yield _share(by, corpus, "of texts without identifiers touched", "clean", told["clean_touched"])
    for label, share in told["per_label"].items():
        if counted.total[label] >= _FEWEST_OF_A_LABEL and corpus not in dict(_DRAWN):
            yield _share(by, corpus, f"{label} masked whole", label, share)
    yield Measure.values(
        f"{by}: {corpus}, speed", "MB/s", [size / seconds], by=by, corpus=corpus, what="speed"
    )


def _others(
    name: str, told: Analysed, corpus: str, gold: Sequence[GoldText], own: float, size: float
) -> Iterator[Measure]:
    yield from _rows(name, corpus, gold, iter(told.found), told.seconds, size)
    yield Measure.values(
        f"sluicegate is faster on {corpus}", "x", [told.seconds / own], by=name, corpus=corpus, what="times"
    )


def _share(by: str, corpus: str, said: str, what: str, share: float) -> Measure:
    return Measure.values(f"{by}: {corpus}, {said}", "%", [100 * share], by=by, corpus=corpus, what=what)


def _speed(engine: Engine, gold: Sequence[GoldText], size: float) -> float:
    """Seconds of this thread for finding everything in the texts once, told from so many times that it can be measured."""
    rows = [one.text.encode() for one in gold]
    engine.spans(TextBatch.of(rows))
    times, began = 0, time.thread_time()
    while time.thread_time() - began < _LEAST_SECONDS or not times:
        engine.spans(TextBatch.of(rows))
        times += 1
    return (time.thread_time() - began) / times if size else 1.0


def _changed(engine: Engine, corpus: str, gold: Sequence[GoldText]) -> Iterator[Measure]:
    """The same texts in other spellings, and with other people in them."""
    drawn = random.Random(5)  # noqa: S311 (data for a measurement)
    first, last = sorted(first_names()), sorted(surnames())
    listed: Callable[[], str] = lambda: drawn.choice(drawn.choice((first, last))).title()  # noqa: E731
    made_up: Callable[[], str] = lambda: "".join(drawn.choices(_SYLLABLES, k=3)).title()  # noqa: E731
    ways: Mapping[str, list[GoldText]] = {
        "in lower case": [_spelled(one, str.lower) for one in gold],
        "in capitals": [_spelled(one, str.upper) for one in gold],
        "with names from the census": [_renamed(one, listed) for one in gold],
        "with names that nobody has": [_renamed(one, made_up) for one in gold],
    }
    for way, texts in ways.items():
        told = _scored(texts, _found(engine, texts)).to_json()
        yield _share("sluicegate", f"{corpus} {way}", "masked whole", "recall", told["recall"])


def _spelled(one: GoldText, way: Callable[[str], str]) -> GoldText:
    # A letter that becomes two would move what follows.
    return GoldText("".join(way(char) if len(way(char)) == 1 else char for char in one.text), one.spans)


def _renamed(one: GoldText, name: Callable[[], str]) -> GoldText:
    """The text with another word for every word of its names; initials stay."""
    text, spans, at = "", [], 0
    for start, end, label in sorted(one.spans):
        if start < at:
            continue
        text += one.text[at:start]
        held = one.text[start:end]
        if label in _NAMES:
            held = " ".join(name() if len(word.strip(".,")) > 1 else word for word in held.split(" "))
        spans.append((len(text), len(text) + len(held), label))
        text += held
        at = end
    return GoldText(text + one.text[at:], tuple(spans))
