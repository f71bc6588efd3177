"""Show what was measured: the tables of README.md and the plots, from `benchmarks/results.json` and nothing else.

`python -m benchmarks.publish` writes them, `--check` says whether README.md is in step.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from . import publish_masking
from .machine import TREE

FOLDER: Final = TREE / "benchmarks"
RESULTS: Final = FOLDER / "results.json"
README: Final = TREE / "README.md"
BEGIN: Final = "<!-- measured: written by `make bench-keep` -->"
END: Final = "<!-- measured: end -->"

OWN_LOAD: Final = 4.0
"""What a section leaves behind for the next: generator, worker, broker and a little; more is the work of others."""

Row = Mapping[str, Any]


class Results:
    """The rows of a run, found by what they are about."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._sections = told["sections"]

    @property
    def names(self) -> list[str]:
        """The sections that were run; masking has a table of its own."""
        return [name for name in self._sections if name != "masking"]

    def section(self, name: str) -> Mapping[str, Any]:
        """One section; empty when it was not run."""
        found: Mapping[str, Any] = self._sections.get(name, {})
        return found

    def all(self, section: str, **labels: str | int) -> list[Row]:
        """Every row with these labels."""
        rows = self.section(section).get("measures", ())
        return [row for row in rows if labels.items() <= row.get("labels", {}).items()]

    def one(self, section: str, **labels: str | int) -> Row | None:
        """The first row with these labels."""
        return next(iter(self.all(section, **labels)), None)


def read() -> Results:
    """What stands in the repository."""
    return Results(json.loads(RESULTS.read_text("utf-8")))


def text(results: Results) -> str:
    """Everything that README.md shows between the two marks."""
    parts = (_wanted(results), _steps(results), _latency(results), _others(results), _figures(results))
    return "\n\n".join([_where(results), *("\n".join(part) for part in parts if part)])


def shown(readme: str, results: Results) -> str:
    """README.md with what was measured in its place; ValueError when the marks are gone."""
    masked = publish_masking.text(results.section("masking"))
    readme = _between(readme, publish_masking.BEGIN, masked, publish_masking.END)
    return _between(readme, BEGIN, text(results), END)


def _between(readme: str, begin: str, shown: str, end: str) -> str:
    before, _, rest = readme.partition(begin)
    _, mark, after = rest.partition(end)
    if not mark:
        raise ValueError("README.md has lost the marks between which the figures stand")
    return f"{before}{begin}\n\n{shown}\n\n{end}{after}"


def _where(results: Results) -> str:
    run = (results.section(name) for name in ("latency", "throughput", "pure"))
    machine: Mapping[str, str] = next((found["machine"] for found in run if found), {})
    names = ("processor", "system", "Python", "librdkafka")
    said = "; ".join(f"{name} {machine[name]}" for name in names if name in machine)
    least = min((results.section(name)["scale"] for name in results.names), default=1)
    reasons = [f"{least:g} of the work"] if least < 1 else []
    if any(_load(results.section(name)) > OWN_LOAD for name in results.names):
        reasons.append("on a machine busy with other things, whose load stands below")
    preliminary = f"**Preliminary: {', '.join(reasons)}.** " if reasons else ""
    return f"{preliminary}Measured on: {said}. {_states(results)}"


def _load(section: Mapping[str, Any]) -> float:
    """How many processes wanted to run before it began."""
    return float(section["machine"]["load before"].split()[0])


def _states(results: Results) -> str:
    """Sections may be run one by one: of which code each is, and how busy the machine was then with other things."""
    runs = ", ".join(
        f"{name} {results.section(name)['machine']['commit']} ({_load(results.section(name)):g})"
        for name in results.names
    )
    return f"Section, commit and load before it: {runs}."


def _wanted(results: Results) -> list[str]:
    gate: dict[str, str | int] = {"partitions": 6, "workers": 1, "rules": 50, "clock": "cpu"}
    at: dict[str, str | int] = {"what": "gate", "rate": 1_000}
    asked: list[tuple[str, str, Row | None, str, float, bool]] = [
        ("allowed action at 1,000/s, submit to outcome, p50", "≤ 10 ms", results.one("latency", **at, share="p50"), "median", 10, False),
        ("the same, p99", "≤ 50 ms", results.one("latency", **at, share="p99"), "median", 50, False),
        ("allowed actions per second and core, 50 rules, signatures not verified", "≥ 10,000", results.one("throughput", what="gate without verification", **gate), "per_second", 10_000, True),
        ("the same, every action signed and verified", "≥ 5,000", results.one("throughput", what="gate", **gate), "per_second", 5_000, True),
        ("CPU of the runtime with pass-through, against the bare transactional loop", "≤ 2.5 x", results.one("throughput", what="runtime with pass-through", partitions=6, workers=1, clock="cpu"), "ratio", 2.5, False),
        ("worker start with 1,000,000 pending", "< 10 s", results.one("restore", what="worker start with", pending=1_000_000, markers=0), "median", 10, False),
        ("longest wait on partitions that do not move, when a worker joins", "< 1,000 ms", results.one("rebalance", what="join", moved=0), "median", 1_000, False),
        ("policy of 200 rules, verdicts per second and core", "≥ 12,000", results.one("pure", what="policy", rules=200), "per_second", 12_000, True),
        ("development broker, warm, until it has answered a transaction", "≤ 3 s", results.one("starts", what="broker", kind="again"), "median", 3, False),
    ]  # fmt: skip
    lines = [
        f"| {what} | {goal} | {_number(row[field])}{_unit(row, field)} | {'yes' if (row[field] >= limit if least else row[field] <= limit) else 'no'} |"
        for what, goal, row, field, limit, least in asked
        if row is not None and field in row
    ]
    return ["| what | wanted | measured | reached |", "| --- | --- | --- | --- |", *lines] if lines else []


def _steps(results: Results) -> list[str]:
    lines = []
    for wall in results.all("throughput", clock="wall"):
        labels = wall["labels"]
        same = {name: value for name, value in labels.items() if name != "clock"}
        cpu, broker = (_exact(results, {**same, "clock": clock}) for clock in ("cpu", "broker"))
        rules = f", {labels['rules']} rules" if "rules" in labels else ""
        base = results.one(
            "throughput",
            what="bare transactional loop",
            partitions=labels["partitions"],
            workers=labels["workers"],
            clock="cpu",
        )
        ratio = f"{cpu['median'] / base['median']:.1f}" if base else ""
        lines.append(
            f"| {labels['what']}{rules} | {labels['partitions']} | {labels['workers']} | {_number(wall['per_second'])} "
            f"| {_spread(cpu)} | {ratio} | {_number(broker['median'])} |"
        )
    head = "| a backlog through | partitions | workers | per second, wall | CPU µs each (lowest to highest) | x bare loop | broker's CPU µs |"
    return [head, "| --- | --- | --- | --- | --- | --- | --- |", *lines] if lines else []


def _exact(results: Results, labels: Mapping[str, str | int]) -> Row:
    return next(row for row in results.all("throughput", **labels) if row["labels"] == labels)


def _latency(results: Results) -> list[str]:
    rates = sorted({row["labels"]["rate"] for row in results.all("latency", what="gate")})
    lines = []
    for rate in rates:
        shares = [
            results.one("latency", what="gate", rate=rate, share=share) for share in ("p50", "p95", "p99")
        ]
        worst = results.one("latency", what="gate", rate=rate, share="worst")
        cells = " | ".join(_spread(row) for row in shares if row)
        lines.append(f"| {rate:,} | {cells} | {_number(worst['highest']) if worst else ''} |")
    head = "| actions per second | p50 ms | p95 ms | p99 ms | worst of all ms |"
    return [head, "| --- | --- | --- | --- | --- |", *lines] if lines else []


def _others(results: Results) -> list[str]:
    lines = []
    for wall in results.all("others", clock="wall"):
        labels = wall["labels"]
        same = {"what": labels["what"]}
        cpu = results.one("others", **same, clock="cpu")
        shares = [results.one("others", **same, share=share) for share in ("p50", "p99")]
        name = f"{labels['what']} {labels['version']}".strip()
        cells = " | ".join(_number(row["median"]) for row in (cpu, *shares) if row)
        lines.append(f"| {name} | {labels['guarantee']} | {_number(wall['per_second'])} | {cells} |")
    head = "| the same routing on | guarantee | per second, wall | CPU µs each | p50 ms at 1,000/s | p99 ms |"
    return [head, "| --- | --- | --- | --- | --- | --- |", *lines] if lines else []


def _figures(results: Results) -> list[str]:
    lines = [
        f"| {row['name']} | {_spread(row)}{_unit(row, 'median')} |"
        for section in ("state", "restore", "rebalance", "starts", "steady")
        for row in results.all(section)
    ]
    return ["| what | median (lowest to highest) |", "| --- | --- |", *lines] if lines else []


def _spread(row: Row) -> str:
    return f"{_number(row['median'])} ({_number(row['lowest'])} to {_number(row['highest'])})"


def _unit(row: Row, field: str) -> str:
    return {"per_second": "/s", "ratio": " x"}.get(field, f" {row['unit']}" if row["unit"] else "")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004  # three digits


def plot(results: Results) -> Iterator[Path]:
    """Latency against rate, throughput against workers: small SVGs beside the results."""
    import matplotlib as mpl  # noqa: PLC0415  # only who draws needs it
    from matplotlib.figure import Figure  # noqa: PLC0415

    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "sluicegate", "font.size": 9})

    def new(title: str, across: str, up: str) -> tuple[Figure, Any]:
        figure = Figure(figsize=(6, 3.2), layout="constrained")
        axes = figure.subplots()
        axes.set(title=title, xlabel=across, ylabel=up)
        axes.grid(alpha=0.3)
        return figure, axes

    def save(figure: Figure, name: str) -> Path:
        path = FOLDER / name
        figure.savefig(path, format="svg", metadata={"Date": None})
        return path

    figure, axes = new("Submit to outcome, one worker, 2 partitions", "actions per second", "ms (log)")
    for share in ("p50", "p95", "p99", "worst"):
        rows = results.all("latency", what="gate", share=share)
        axes.plot([row["labels"]["rate"] for row in rows], [row["median"] for row in rows], "o-", label=share)
    axes.set_yscale("log")
    axes.legend()
    yield save(figure, "latency.svg")

    figure, axes = new(
        "A backlog through, 6 partitions, everything on one machine", "workers", "per second (log)"
    )
    for what in ("bare transactional loop", "runtime with pass-through", "gate", "gate without verification"):
        rules: dict[str, int] = {"rules": 50} if what.startswith("gate") else {}
        rows = results.all("throughput", what=what, partitions=6, clock="wall", **rules)
        label = f"{what}, 50 rules" if rules else what
        axes.plot(
            [row["labels"]["workers"] for row in rows], [row["per_second"] for row in rows], "o-", label=label
        )
    axes.set_yscale("log")
    axes.set_xticks([1, 2])
    axes.legend(fontsize=7)
    yield save(figure, "throughput.svg")


def main(arguments: Sequence[str]) -> int:
    """The exit code: 1 when README.md was not in step and `--check` was asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.publish", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    chosen = parser.parse_args(arguments)
    results, readme = read(), README.read_text("utf-8")
    wanted = shown(readme, results)
    if chosen.check:
        sys.stdout.write("in step\n" if readme == wanted else "README.md does not show results.json\n")
        return int(readme != wanted)
    README.write_text(wanted, "utf-8")
    for path in plot(results):
        sys.stdout.write(f"{path}\n")
    for name in ("allow-path.svg", "allow-path.collapsed"):
        if (made := TREE / ".bench" / name).exists():
            shutil.copyfile(made, FOLDER / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
