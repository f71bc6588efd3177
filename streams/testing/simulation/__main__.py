"""Run seeds, show how one of them fails, or make a failing one shorter.

python -m sluicegate.streams.testing.simulation --seeds 0:1000
python -m sluicegate.streams.testing.simulation --seeds 0:1000 --mode liveness --json
python -m sluicegate.streams.testing.simulation --seed 17 --trace
python -m sluicegate.streams.testing.simulation --seed 17 --shrink
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from typing import Final

from rich.progress import Progress

from .events import events_of
from .shrinking import shrink
from .simulator import EVENTS, Mode, Result, be_silent, simulate

MOST_FAILURES: Final = 10
"""Failing seeds after which a run ends."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when everything held, 1 when something did not."""
    asked = _parser().parse_args(arguments)
    be_silent()
    mode = Mode(asked.mode)
    if asked.seed is not None:
        return _one(asked.seed, mode, asked.events, trace=asked.trace, shorter=asked.shrink)
    began_s = time.monotonic()
    results = _run(asked.seeds, mode, asked.events, asked.workers, quiet=asked.json)
    spent_s = time.monotonic() - began_s
    if asked.json:
        sys.stdout.write(json.dumps(_summary(results, mode, spent_s)) + "\n")
    else:
        _say(results, mode, spent_s)
    return 0 if all(result.ok for result in results) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sluicegate.streams.testing.simulation", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seeds", type=_seeds, default="0:200", help="a half-open range, such as 0:1000")
    parser.add_argument("--seed", type=int, help="one seed")
    parser.add_argument("--mode", choices=[mode.value for mode in Mode], default=Mode.SAFETY.value)
    parser.add_argument("--events", type=int, default=EVENTS, help="how many events a seed has")
    parser.add_argument("--workers", type=int, default=1, help="how many processes share the seeds")
    parser.add_argument("--trace", action="store_true", help="tell what happens, with --seed")
    parser.add_argument("--shrink", action="store_true", help="drop events that do not matter, with --seed")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    return parser


def _seeds(text: str) -> range:
    first, _, last = text.partition(":")
    try:
        return range(int(first), int(last or int(first) + 1))
    except ValueError:
        raise argparse.ArgumentTypeError(f"`{text}` is no range of seeds: write for example 0:1000") from None


def _run(seeds: range, mode: Mode, length: int, workers: int, *, quiet: bool) -> list[Result]:
    results: list[Result] = []
    one = partial(simulate, mode=mode, length=length)
    with ExitStack() as stack:
        running: Iterable[Result] = map(one, seeds)
        if workers > 1:
            pool = stack.enter_context(get_context("spawn").Pool(workers, be_silent))
            running = pool.imap(one, seeds, chunksize=10)
        progress = stack.enter_context(Progress(disable=quiet or not sys.stderr.isatty(), transient=True))
        for result in progress.track(running, total=len(seeds), description=mode.value):
            results.append(result)
            if sum(not result.ok for result in results) >= MOST_FAILURES:
                break
    return results


def _one(seed: int, mode: Mode, length: int, *, trace: bool, shorter: bool) -> int:
    events = events_of(seed, length)
    result = simulate(seed, mode, events=events)
    if shorter and not result.ok:
        wanted = result.broken[0].invariant
        events = shrink(
            events,
            lambda some: any(b.invariant == wanted for b in simulate(seed, mode, events=some).broken),
        )
        _write(f"{len(events)} events are enough")
    if trace or (shorter and not result.ok):
        result = simulate(seed, mode, events=events, note=_write)
    _say_failure(result)
    return 0 if result.ok else 1


def _summary(results: Sequence[Result], mode: Mode, spent_s: float) -> dict[str, object]:
    return {
        "mode": mode.value,
        "seeds": len(results),
        "failing": [{"seed": r.seed, "broken": [asdict(b) for b in r.broken]} for r in results if not r.ok],
        "seeds_per_minute": round(60 * len(results) / spent_s) if spent_s else None,
        **{
            name: sum(getattr(result, name) for result in results)
            for name in ("actions", "acts", "records", "faults", "in_open_transaction")
        },
    }


def _say(results: Sequence[Result], mode: Mode, spent_s: float) -> None:
    for result in results:
        if not result.ok:
            _say_failure(result)
            _write(f"  repeat it: --seed {result.seed} --mode {mode.value} --trace, or --shrink")
    told = _summary(results, mode, spent_s)
    _write(
        f"{told['seeds']} seeds ({mode.value}), {told['seeds_per_minute']} per minute: {told['actions']} actions, "
        f"{told['acts']} acts, {told['records']} records, {told['faults']} faults, "
        f"{told['in_open_transaction']} of them in an open transaction"
    )


def _say_failure(result: Result) -> None:
    _write(f"seed {result.seed}: " + ("everything held" if result.ok else f"{len(result.broken)} broken"))
    for broken in result.broken[:5]:
        _write(f"  {broken}")


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
