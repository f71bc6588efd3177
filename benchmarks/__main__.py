"""Run the measurements, print a table as they are ready, and write them as JSON when told to."""

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from . import __doc__ as method
from . import (
    lake,
    latency,
    masking,
    others,
    profile,
    pure,
    rebalance,
    restore,
    starts,
    state,
    steady,
    throughput,
)
from .machine import describe
from .measuring import Effort, Measure

SECTIONS: Final[Mapping[str, Callable[[Effort], Iterator[Measure]]]] = {
    "pure": pure.measure,
    "throughput": throughput.measure,
    "latency": latency.measure,
    "state": state.measure,
    "restore": restore.measure,
    "rebalance": rebalance.measure,
    "starts": starts.measure,
    "steady": steady.measure,
    "others": others.measure,
    "profile": profile.measure,
    "lake": lake.measure,
    "masking": masking.measure,
}


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0, or 1 when a section did not work at all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", metavar="SECTION,...", default=",".join(SECTIONS), help=f"of {', '.join(SECTIONS)}"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the results there; sections not run stay as they are"
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="multiply the work; figures stay per operation"
    )
    parser.add_argument(
        "--minutes", type=float, default=1.0, help="how long memory is watched; 30 for the long one"
    )
    chosen = parser.parse_args(arguments)
    names = chosen.only.split(",")
    if unknown := set(names) - set(SECTIONS):
        parser.error(f"no section `{min(unknown)}`: choose from {', '.join(SECTIONS)}")
    failed: list[str] = []
    _say(f"{method}")
    for number, name in enumerate(names, start=1):
        machine = describe()
        if number == 1:
            _say("\n".join(f"{what}: {value}" for what, value in machine.items()))
        began = time.monotonic()
        _say(f"\n[{number} of {len(names)}] {name}: {_first_line(SECTIONS[name])}\n{HEADING}")
        measures = []
        try:
            for measure in SECTIONS[name](Effort(scale=chosen.scale, minutes=chosen.minutes)):
                measures.append(measure)
                _say(row(measure))
        except Exception:  # noqa: BLE001  # hours of other sections must not be lost to one
            _say(f"{traceback.format_exc()}!! {name} FAILED and is not stored; the other sections go on")
            failed.append(name)
            continue
        seconds = time.monotonic() - began
        _say(f"{name}: {seconds:.0f} s")
        if chosen.json:
            section = {
                "machine": dict(machine),
                "scale": chosen.scale,
                "seconds": round(seconds),
                "measures": [measure.to_json() for measure in measures],
            }
            store(chosen.json, name, section)
    if failed:
        _say(f"\n!! FAILED: {', '.join(failed)}")
    return 1 if failed else 0


HEADING: Final = f"{'':74}{'median':>11}{'lowest':>11}{'highest':>11} unit {'per s':>10}  ratio"


def row(measure: Measure) -> str:
    """One line of the table."""
    ratio = "" if measure.ratio is None else f"  {measure.ratio:.2f} x {measure.baseline}"
    numbers = f"{measure.median:11,.2f}{measure.lowest:11,.2f}{measure.highest:11,.2f}"
    often = "" if measure.per_second is None else f"{measure.per_second:,.0f}"
    return f"{measure.name:74}{numbers} {measure.unit:4} {often:>10}{ratio}"


def store(path: Path, name: str, section: Mapping[str, Any]) -> None:
    """Put a section into the results, in the order of the sections; the others stay."""
    told: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    found = {**told.get("sections", {}), name: section}
    told = {
        "method": " ".join((method or "").split()),
        "sections": {each: found[each] for each in SECTIONS if each in found},
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


def _first_line(section: Callable[[Effort], Iterator[Measure]]) -> str:
    return (sys.modules[section.__module__].__doc__ or "").partition("\n")[0]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
