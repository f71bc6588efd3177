"""Masking engine: speed of each stage and of all with the verifier, tables, processes, vocabulary; then scores, beside another analyser.

Megabytes of text per second of processor time of one thread. Notes of about 750 bytes are drawn here, 1,024 a batch; each round is an
export of its own, with surrogates for every identifier, so nothing is remembered from one round to the next. `all` is from bytes of rows
to bytes of masked rows; `all and verifier` goes on until the verifier has passed the Arrow batches that would leave. Two processes are
compared with one by the clock on the wall. What is scored, and how: `benchmarks/masking_scores.py`.
"""

import gc
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from sluicegate.processors.masking.engine.batch import TextBatch
from sluicegate.processors.masking.engine.closed_world import closed_world
from sluicegate.processors.masking.engine.engine import Engine, replaced
from sluicegate.processors.masking.engine.fields import Masking
from sluicegate.processors.masking.engine.kinds import KINDS
from sluicegate.processors.masking.engine.scan import Re2Scanner, scan
from sluicegate.processors.masking.engine.surrogates import Surrogates
from sluicegate.processors.masking.engine.tables import Tables
from sluicegate.processors.masking.engine.treatments import Replacing, Treatment, Treatments
from sluicegate.processors.masking.profile import BUILT_IN, load_profile
from sluicegate.processors.masking.verifier import Claim, Expected, Holds, Verifier
from sluicegate.streams.lexicon import building, cache
from sluicegate.streams.masking_engine import load_engine
from sluicegate.streams.masking_files import mask_file

from .masking_scores import scores
from .measuring import Effort, Measure
from .notes import notes, people

_BATCH: Final = 1024
_NOTES: Final = 4096
_CORPORA: Final = (("dense", 0.55), ("sparse", 0.9))
_ROWS: Final = 32_768
_TABLE_BATCH: Final = 8192
_SHORT: Final = 200
_SHORT_BYTES: Final = 150
_EVERY: Final = Treatments(dict.fromkeys(KINDS, Treatment.SURROGATE))
"""The dearest treatment, for every kind."""
_HARBOR: Final = BUILT_IN["hipaa-safe-harbor"]
_CUSTOMERS: Final = load_profile(
    "version: 1\nname: measured\nextends: pii-basic\nkinds: {name: surrogate, phone: surrogate, street: surrogate}\n",
    source="benchmark",
)
_SECRET: Final = b"a secret of the measurement only"


def measure(effort: Effort) -> Iterator[Measure]:
    """Rows of the table."""
    yield from _vocabulary()
    engine = load_engine()
    for name, prose in _CORPORA:
        drawn = list(notes(effort.of(_NOTES), prose=prose))
        texts = [one.text.encode() for one in drawn]
        size = sum(map(len, texts)) / 1e6
        spans = sum(len(one.spans) for one in drawn) / size / 1000
        batches = [texts[first : first + _BATCH] for first in range(0, len(texts), _BATCH)]
        corpus = f"{name}, {spans:.0f} identifiers per KB"
        whole, verified = _whole(engine, batches), _verified(engine, batches)
        yield _speed(f"all, {corpus}", size, effort, whole, what="all", corpus=name)
        yield _speed(f"all and verifier, {corpus}", size, effort, verified, what="verified", corpus=name)
        yield from _stages(engine, corpus, size, effort, [TextBatch.of(rows) for rows in batches])
    yield _short(engine, effort)
    yield _file(engine, effort)
    yield from _tables(engine, effort)
    yield from _processes(effort)
    yield from scores()


def _vocabulary() -> Iterator[Measure]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "measured.lexicon"
        began = time.process_time()
        cache.save(building.build(), path)
        spent = time.process_time() - began
        yield Measure.values("vocabulary, built from its packages", "s", [spent], what="lexicon build")
        size = path.stat().st_size / 1e6
        yield Measure.values("vocabulary, its file", "MB", [size], what="lexicon size")
        seconds = []
        for _ in range(5):
            began = time.perf_counter()
            cache.load(path)
            seconds.append(1000 * (time.perf_counter() - began))
        yield Measure.values("vocabulary, mapped", "ms", seconds, what="lexicon load")


def _whole(engine: Engine, batches: Sequence[list[bytes]]) -> Callable[[], object]:
    def work() -> None:
        surrogates = Surrogates(_SECRET)
        replacing = Replacing(_EVERY, surrogates)
        for rows in batches:
            engine.masked(TextBatch.of(rows), replacing, surrogates)

    return work


def _verified(engine: Engine, batches: Sequence[list[bytes]]) -> Callable[[], object]:
    expected = Expected.of(_HARBOR)
    # Arrow columns are what comes in; what leaves is made anew each time.
    columns = [pa.record_batch({"note": pa.array([row.decode() for row in rows])}) for rows in batches]

    def work() -> None:
        surrogates, verifier = Surrogates(_SECRET), Verifier(expected, _SECRET)
        replacing = Replacing(_EVERY, surrogates)
        objections = Counter[str]()
        for rows, before in zip(batches, columns, strict=True):
            batch = TextBatch.of(rows)
            masked = engine.masked(batch, replacing, surrogates)
            after = pa.record_batch({"note": pa.array(list(masked.rows), pa.binary()).cast(pa.string())})
            places = batch.to_original(masked.spans.start), batch.to_original(masked.spans.end)
            claim = Claim.of_places(*places, batch.original_offsets)
            objections.update(verifier.verify(before, after, {"note": claim}).reasons)
        _say(objections, len(batches))

    return work


def _say(objections: Counter[str], batches: int) -> None:
    if objections:
        sys.stdout.write(f"NOTE: the verifier objects: {dict(objections)} of {batches} batches\n")


def _stages(
    engine: Engine, corpus: str, size: float, effort: Effort, batches: Sequence[TextBatch]
) -> Iterator[Measure]:
    portable = Re2Scanner.of()
    rules = [scan(batch, engine.scanner).within(batch).merged() for batch in batches]
    found = [engine.spans(batch) for batch in batches]
    rows = [[batch.original[a : b - 1] for a, b in _bounds(batch)] for batch in batches]

    def replacing() -> None:
        export = Replacing(_EVERY, Surrogates(_SECRET))
        for batch, spans in zip(batches, found, strict=True):
            replaced(batch, spans, export)

    stages: list[tuple[str, Callable[[int], object]]] = [
        ("join and fold", lambda number: TextBatch.of(rows[number])),
        ("triggers alone", lambda number: engine.scanner.matches(batches[number].text)),
        ("rules", lambda number: scan(batches[number], engine.scanner)),
        ("rules, RE2", lambda number: scan(batches[number], portable)),
        ("merge", lambda number: rules[number].within(batches[number]).merged()),
    ]
    lexicon = engine.lexicon
    if lexicon is not None:
        stages.append(("closed world", lambda number: closed_world(batches[number], lexicon, rules[number])))
    for name, stage in stages:
        yield _speed(f"  {name}, {corpus}", size, effort, _for_each(stage, len(batches)))
    yield _speed(f"  surrogates and splice, {corpus}", size, effort, replacing)


def _for_each(stage: Callable[[int], object], batches: int) -> Callable[[], object]:
    def work() -> None:
        for number in range(batches):
            stage(number)

    return work


def _bounds(batch: TextBatch) -> Iterator[tuple[int, int]]:
    places = batch.original_offsets.tolist()
    return pairwise(places)


def _short(engine: Engine, effort: Effort) -> Measure:
    """One text at a time, as `mask explain` and a small result have them; each another one."""
    texts = [one.text[:_SHORT_BYTES].encode() for one in notes(effort.of(_SHORT), prose=0.55, seed=3)]
    surrogates = Surrogates(_SECRET)
    replacing = Replacing(_EVERY, surrogates)
    engine.masked(TextBatch.of([b"Jane Roe"]), replacing, surrogates)
    seconds = []
    for text in texts:
        began = time.thread_time()
        engine.masked(TextBatch.of([text]), replacing, surrogates)
        seconds.append(1000 * (time.thread_time() - began))
    return Measure.values(f"one text of {_SHORT_BYTES} bytes", "ms", seconds, what="short")


def _file(engine: Engine, effort: Effort) -> Measure:
    """`mask file`: read, known values of the batch, masked, verified, written, synchronised; a report too."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "notes.jsonl", Path(folder) / "masked.jsonl"
        drawn = notes(effort.of(_NOTES) // 2, prose=dict(_CORPORA)["dense"])
        source.write_text("".join(json.dumps({"note": one.text}) + "\n" for one in drawn))
        size = source.stat().st_size / 1e6
        return _speed(
            "mask file, JSON lines of dense notes",
            size,
            effort,
            lambda: mask_file(source, target, engine=engine, profile=_HARBOR, replace=True),
            what="file",
        )


def _tables(engine: Engine, effort: Effort) -> Iterator[Measure]:
    drawn = list(people(effort.of(_ROWS)))
    batches = [
        pa.RecordBatch.from_pylist(drawn[first : first + _TABLE_BATCH])
        for first in range(0, len(drawn), _TABLE_BATCH)
    ]
    holds = dict.fromkeys(drawn[0], Holds.IDENTIFIER) | dict.fromkeys(("plan", "visits"), Holds.UNTOUCHED)

    def work() -> None:
        tables = Tables(Masking(engine, _CUSTOMERS, Surrogates(_SECRET)))
        for batch in batches:
            tables.masked(batch)

    def verified() -> None:
        tables = Tables(Masking(engine, _CUSTOMERS, Surrogates(_SECRET)))
        verifier = Verifier(Expected.of(_CUSTOMERS, holds), _SECRET)
        objections = Counter[str]()
        for batch in batches:
            objections.update(verifier.verify(batch, tables.masked(batch)).reasons)
        _say(objections, len(batches))

    columns = f"rows of {len(drawn[0])} columns, {sum(one is Holds.IDENTIFIER for one in holds.values())} of them identifiers"
    for name, what, run in ((columns, "rows", work), (f"{columns}, and verifier", "rows verified", verified)):
        yield _speed(name, len(drawn), effort, run, unit="/s", what=what)


def _processes(effort: Effort) -> Iterator[Measure]:
    """The same work in one process and in two at once, each with an engine of its own."""
    single, pair = [], []
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        count = effort.of(_NOTES)
        list(pool.map(_timed, [count] * 2))
        for _ in range(max(2, effort.rounds - 2)):
            single.append(pool.submit(_timed, count).result()["seconds"])
            both = [pool.submit(_timed, count) for _ in range(2)]
            pair.append(max(one.result()["seconds"] for one in both))
        memory = [one["memory"] for one in pool.map(_timed, [count] * 2)]
    times = [2 * alone / together for alone, together in zip(single, pair, strict=True)]
    yield Measure.values("two processes against one, dense", "x", times, what="processes")
    yield Measure.values("memory of a process that masks, at most", "MB", memory, what="memory")


_LOADED: Final[dict[str, Any]] = {}


def _timed(count: int) -> dict[str, float]:
    """In a process of its own: seconds on the wall for the dense notes, and the most memory it ever had."""
    if "work" not in _LOADED:
        texts = [one.text.encode() for one in notes(count, prose=dict(_CORPORA)["dense"])]
        batches = [texts[first : first + _BATCH] for first in range(0, len(texts), _BATCH)]
        _LOADED["work"] = _whole(load_engine(), batches)
        _LOADED["work"]()
    began = time.perf_counter()
    _LOADED["work"]()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return {"seconds": time.perf_counter() - began, "memory": most}


def _speed(
    name: str, size: float, effort: Effort, work: Callable[[], object], unit: str = "MB/s", **labels: str
) -> Measure:
    work()
    speeds = []
    for _ in range(effort.rounds):
        gc.collect()
        began = time.thread_time()
        work()
        speeds.append(size / (time.thread_time() - began))
    return Measure.values(name, unit, speeds, **labels)
