"""Masking engine: free text to masked text by stages, on drawn notes; the usual analyser beside it where it is installed.

Seconds of processor time of one thread per megabyte of text. Rows of about 750 bytes, 1,024 a batch. `all` is from bytes of rows to
bytes of masked rows with surrogates. The other analyser (presidio-analyzer, its default recognisers, its small language model) is looked
for in the environment that SLUICEGATE_PRESIDIO names (a Python with it; SLUICEGATE_PRESIDIO_MODEL names another model, or its folder);
where there is none, its row is missing and a line says so.
"""

import gc
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final

import pyarrow as pa

from sluicegate.processors.masking.engine.batch import TextBatch
from sluicegate.processors.masking.engine.closed_world import closed_world
from sluicegate.processors.masking.engine.engine import Engine, replaced
from sluicegate.processors.masking.engine.kinds import KINDS
from sluicegate.processors.masking.engine.lexicon import Lexicon
from sluicegate.processors.masking.engine.scan import Re2Scanner, scan
from sluicegate.processors.masking.engine.scoring import GoldText, Score, code_points
from sluicegate.processors.masking.engine.span_table import SpanTable
from sluicegate.processors.masking.engine.surrogates import Surrogates
from sluicegate.processors.masking.engine.treatments import Replacing, Treatment, Treatments
from sluicegate.processors.masking.profile import BUILT_IN
from sluicegate.processors.masking.verifier import Claim, Expected, Verifier
from sluicegate.streams.masking_engine import load_engine

from .measuring import Effort, Measure
from .notes import Note, notes

_BATCH: Final = 1024
_NOTES: Final = 4096
_OTHER_NOTES: Final = 60
_CORPORA: Final = (("dense", 0.55), ("sparse", 0.9))
_EVERY: Final = Treatments(dict.fromkeys(KINDS, Treatment.SURROGATE))
"""The dearest treatment, for every kind."""
_SECRET: Final = b"a secret of the measurement only"
_OTHER: Final = "SLUICEGATE_PRESIDIO"
_OTHER_PROGRAM: Final = """
import json, os, sys, time
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider
texts = json.load(sys.stdin)
model = {"lang_code": "en", "model_name": os.environ.get("SLUICEGATE_PRESIDIO_MODEL", "en_core_web_sm")}
words = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": [model]}).create_engine()
engine = AnalyzerEngine(nlp_engine=words)
engine.analyze(texts[0], language="en")
began = time.thread_time()
found = [[(one.start, one.end) for one in engine.analyze(text, language="en")] for text in texts]
json.dump({"seconds": time.thread_time() - began, "found": found}, sys.stdout)
"""


def measure(effort: Effort) -> Iterator[Measure]:
    """Rows of the table."""
    engine = load_engine()
    for name, prose in _CORPORA:
        drawn = list(notes(effort.of(_NOTES), prose=prose))
        texts = [one.text.encode() for one in drawn]
        size = sum(map(len, texts)) / 1e6
        spans = sum(len(one.spans) for one in drawn) / size / 1000
        batches = [texts[first : first + _BATCH] for first in range(0, len(texts), _BATCH)]
        corpus = f"{name}, {spans:.0f} identifiers per KB"
        ours = _speed(f"all, {corpus}", size, effort, _whole(engine, batches))
        yield ours
        yield _speed(f"all and verifier, {corpus}", size, effort, _verified(engine, batches))
        yield from _stages(engine, corpus, size, effort, [TextBatch.of(rows) for rows in batches])
        yield from _quality(engine, corpus, drawn)
        yield from _other(corpus, drawn[:_OTHER_NOTES], ours)


def _whole(engine: Engine, batches: Sequence[list[bytes]]) -> Callable[[], object]:
    surrogates = Surrogates(b"a secret of the measurement only")
    replacing = Replacing(_EVERY, surrogates)

    def work() -> None:
        for rows in batches:
            engine.masked(TextBatch.of(rows), replacing, surrogates)

    return work


def _verified(engine: Engine, batches: Sequence[list[bytes]]) -> Callable[[], object]:
    surrogates = Surrogates(_SECRET)
    replacing = Replacing(_EVERY, surrogates)
    expected = Expected.of(BUILT_IN["hipaa-safe-harbor"])
    # Arrow columns are what comes in; what leaves is made anew each time.
    columns = [pa.record_batch({"note": pa.array([row.decode() for row in rows])}) for rows in batches]

    def work() -> None:
        verifier = Verifier(expected, _SECRET)
        objections = Counter[str]()
        for rows, before in zip(batches, columns, strict=True):
            batch = TextBatch.of(rows)
            masked = engine.masked(batch, replacing, surrogates)
            after = pa.record_batch({"note": pa.array(list(masked.rows), pa.binary()).cast(pa.string())})
            places = batch.to_original(masked.spans.start), batch.to_original(masked.spans.end)
            claim = Claim.of_places(*places, batch.original_offsets)
            objections.update(verifier.verify(before, after, {"note": claim}).reasons)
        if objections:
            sys.stdout.write(f"NOTE: the verifier objects: {dict(objections)} of {len(batches)} batches\n")

    return work


def _stages(
    engine: Engine, corpus: str, size: float, effort: Effort, batches: Sequence[TextBatch]
) -> Iterator[Measure]:
    portable = Re2Scanner.of()
    rules = [scan(batch, engine.scanner).within(batch).merged() for batch in batches]
    found = [engine.spans(batch) for batch in batches]
    surrogates = Surrogates(b"a secret of the measurement only")
    every = Replacing(_EVERY, surrogates)
    lexicon = engine.lexicon
    rows = [[batch.original[a : b - 1] for a, b in _bounds(batch)] for batch in batches]
    stages: list[tuple[str, Callable[[int], object]]] = [
        ("join and fold", lambda number: TextBatch.of(rows[number])),
        ("triggers alone", lambda number: engine.scanner.matches(batches[number].text)),
        ("rules", lambda number: scan(batches[number], engine.scanner)),
        ("rules, RE2", lambda number: scan(batches[number], portable)),
        ("merge", lambda number: rules[number].within(batches[number]).merged()),
        ("surrogates and splice", lambda number: replaced(batches[number], found[number], every)),
    ]
    if lexicon is not None:
        stages.append(("closed world", _closed_world(batches, lexicon, rules)))
    for name, stage in stages:
        yield _speed(f"  {name}, {corpus}", size, effort, _for_each(stage, len(batches)))


def _closed_world(
    batches: Sequence[TextBatch], lexicon: Lexicon, rules: Sequence[SpanTable]
) -> Callable[[int], object]:
    return lambda number: closed_world(batches[number], lexicon, rules[number])


def _for_each(stage: Callable[[int], object], batches: int) -> Callable[[], object]:
    def work() -> None:
        for number in range(batches):
            stage(number)

    return work


def _bounds(batch: TextBatch) -> Iterator[tuple[int, int]]:
    places = batch.original_offsets.tolist()
    return pairwise(places)


def _quality(engine: Engine, corpus: str, drawn: Sequence[Note]) -> Iterator[Measure]:
    batch = TextBatch.of_texts([one.text for one in drawn])
    told = _scored(drawn, code_points(batch, engine.spans(batch)))
    yield Measure.values(f"  leak recall, {corpus}", "%", [100 * told["recall"]])
    yield Measure.values(f"  over-redaction, {corpus}", "%", [100 * told["over"]])


def _scored(drawn: Sequence[Note], found: Iterator[list[tuple[int, int]]]) -> dict[str, float]:
    counted = Score()
    for one, places in zip(drawn, found, strict=True):
        counted.add(GoldText(one.text, tuple(one.spans)), places)
    return counted.to_json()


def _other(corpus: str, drawn: Sequence[Note], ours: Measure) -> Iterator[Measure]:
    python = os.environ.get(_OTHER)
    if python is None:
        sys.stdout.write(
            f"NOT MEASURED: presidio-analyzer on {corpus}; {_OTHER} names no Python that has it\n"
        )
        return
    texts = [one.text for one in drawn]
    size = sum(len(text.encode()) for text in texts) / 1e6
    done = subprocess.run(  # noqa: S603 (what the operator of this run named)
        [python, "-c", _OTHER_PROGRAM], input=json.dumps(texts), capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    found = iter([[(start, end) for start, end in places] for places in told["found"]])
    theirs = Measure.values(f"presidio-analyzer, {corpus}", "MB/s", [size / told["seconds"]])
    yield theirs
    yield Measure.values(f"  all against it, {corpus}", "x", [ours.median / theirs.median])
    quality = _scored(drawn, found)
    yield Measure.values(f"  its leak recall, {corpus}", "%", [100 * quality["recall"]])
    yield Measure.values(f"  its over-redaction, {corpus}", "%", [100 * quality["over"]])


def _speed(name: str, size: float, effort: Effort, work: Callable[[], object]) -> Measure:
    work()
    speeds = []
    for _ in range(effort.rounds):
        gc.collect()
        began = time.thread_time()
        work()
        speeds.append(size / (time.thread_time() - began))
    return Measure.values(name, "MB/s", speeds)
