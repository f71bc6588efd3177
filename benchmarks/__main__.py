"""Run every measurement, print a table, write it as JSON when told to."""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from . import __doc__ as method
from . import broker, lake, pure
from .machine import describe
from .measuring import Effort, Measure


def main(arguments: list[str]) -> int:
    """The exit code: 0, or an exception when something did not work at all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything there as JSON")
    parser.add_argument("--pure", action="store_true", help="only what needs no broker")
    parser.add_argument("--lake", action="store_true", help="only the audit log as Parquet")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="multiply the work; figures stay per operation"
    )
    chosen = parser.parse_args(arguments)
    machine = describe()
    _say(f"{method}\n" + "\n".join(f"{name}: {value}" for name, value in machine.items()) + "\n")
    measures = []
    _say(f"{'':56}{'µs each':>10}{'fastest':>10}{'slowest':>10}{'per s':>10}  ratio")
    effort = Effort(scale=chosen.scale)
    for measure in lake.measure(effort) if chosen.lake else _all(effort, with_broker=not chosen.pure):
        measures.append(measure)
        _say(row(measure))
    if chosen.json:
        told = {"machine": machine, "measures": [asdict(measure) for measure in measures]}
        chosen.json.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    return 0


def row(measure: Measure) -> str:
    """One line of the table."""
    ratio = "" if measure.ratio is None else f"  {measure.ratio:.2f} x {measure.baseline}"
    numbers = (
        f"{measure.micros:10.2f}{measure.fastest:10.2f}{measure.slowest:10.2f}{measure.per_second:10,.0f}"
    )
    return f"{measure.name:56}{numbers}{ratio}"


def _all(effort: Effort, *, with_broker: bool) -> Iterator[Measure]:
    yield from pure.measure(effort)
    if with_broker:
        yield from broker.measure(effort)
        yield from lake.measure(effort)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
