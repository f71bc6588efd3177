"""Break the gate for real, for as long as wanted, and judge what is left: `make faults`, or the short run of `make test`."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from sluicegate.streams.logs import configure_logging

from .disk import why_not
from .report import commit_of, is_good, missing, summary, table
from .rounds import own_error_output
from .runs import Kept, Run, fails, play, shrink
from .schedule import Kind
from .screen import Screen

TREE: Final = Path(os.environ.get("SLUICEGATE_TREE", Path(__file__).parents[1]))
SEED: Final = 20_261_124
FULL: Final = Run(seed=SEED, rounds=9, seconds=210.0, disk_round=2)
SHORT: Final = Run(seed=SEED, rounds=1, seconds=40.0, pace=2.2, three_every=0)


def main(arguments: list[str]) -> int:
    """The exit code: 0 when nothing is wrong, and a full run has done what it must."""
    asked = _parser().parse_args(arguments)
    run = _run(asked)
    if run.disk_round is not None and (reason := why_not()) is not None:
        _say(f"WITHOUT THE FULL DISK: {reason}")
        run = replace(run, disk_round=None)
    if asked.print:
        for number, plan in enumerate(run.plans()):
            _say(f"round {number}, seed {plan.seed}, {plan.brokers} brokers")
            _say("\n".join(map(str, plan.faults)))
        return 0
    folder: Path = asked.folder
    folder.mkdir(parents=True, exist_ok=True)
    _say(
        f"seed {run.seed}, commit {commit_of(TREE)}, about {run.expected_s / 60:.0f} minutes; log: {folder / 'log'}"
    )
    with own_error_output(folder / "log") as terminal, Screen(terminal, run.expected_s) as screen:
        configure_logging(level=logging.INFO)
        if asked.shrink:
            return _shrink(run, folder, screen.said)
        told = _play_all(run, folder, screen, resume=asked.resume, keep=asked.keep)
    _say(table(told))
    if asked.json:
        asked.json.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    short = (
        missing(told) if not (asked.short or asked.round is not None or asked.rounds or asked.kinds) else []
    )
    for line in short:
        _say(f"not done often enough: {line}")
    good = is_good(told)
    _say("nothing lost, doubled, ungranted or torn" if good else f"SOMETHING IS WRONG: see {folder}")
    return 0 if good and not short else 1


def _play_all(run: Run, folder: Path, screen: Screen, *, resume: bool, keep: bool) -> dict[str, object]:
    kept = Kept(folder / "rounds.jsonl", run, commit_of(TREE))
    rounds = kept.take_up() if resume else []
    if not rounds:
        kept.begin()
    for number, plan in enumerate(run.plans()):
        if number < len(rounds):
            continue
        screen.begin(f"round {number + 1} of {run.rounds}")
        result = play(plan, folder / f"round-{number}", screen.said, keep=keep)
        kept.add(result)
        rounds.append(result)
    return summary(rounds, run.seed, TREE)


def _shrink(run: Run, folder: Path, said: Callable[[str], None]) -> int:
    """Of the first round: which faults are enough."""

    def still_fails(dropped: frozenset[int]) -> bool:
        said(f"without {len(dropped)} faults")
        return fails(play(replace(run, dropped=run.dropped | dropped).plan(0), folder / "shrinking", said))

    plan = run.plan(0)
    dropped = shrink(plan.faults, still_fails)
    left = replace(run, dropped=run.dropped | dropped).plan(0)
    _say("these faults are enough:\n" + "\n".join(map(str, left.faults)))
    _say(f"--drop {','.join(map(str, sorted(run.dropped | dropped)))}")
    return 0


def _run(asked: argparse.Namespace) -> Run:
    run = SHORT if asked.short else FULL
    given = {
        "seed": asked.seed,
        "rounds": asked.rounds,
        "seconds": asked.seconds,
        "pace": asked.pace,
        "rate": asked.rate,
        "workers": asked.workers,
        "three_every": {None: None, 1: 0, 3: 1}[asked.brokers],
        "kinds": asked.kinds,
        "dropped": asked.drop,
    }
    run = replace(run, **{name: value for name, value in given.items() if value is not None})
    if asked.kinds or asked.brokers or asked.rounds:
        run = replace(run, disk_round=0 if Kind.DISK_FULL in run.kinds else None)
        if Kind.DISK_FULL in run.kinds:
            run = replace(run, three_every=1)
    if asked.round is None:
        return run
    plan = run.plan(asked.round)
    disk = 0 if asked.round == run.disk_round else None
    return replace(run, seed=plan.seed, rounds=1, three_every=0 if plan.brokers == 1 else 1, disk_round=disk)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--short", action="store_true", help="one round of a minute and a half")
    parser.add_argument("--seed", type=int, help="what workload and faults follow from")
    parser.add_argument("--rounds", type=int, metavar="N", help="how many, each on fresh brokers")
    parser.add_argument(
        "--round", type=int, metavar="N", help="only this one of the run, from 0: to repeat it"
    )
    parser.add_argument("--seconds", type=float, metavar="S", help="of faults in each round")
    parser.add_argument("--pace", type=float, metavar="X", help="times the usual number of faults per minute")
    parser.add_argument("--rate", type=float, metavar="R", help="actions per second")
    parser.add_argument("--workers", type=int, metavar="N", help="of the gate")
    parser.add_argument("--brokers", type=int, choices=(1, 3), help="in every round")
    parser.add_argument("--kinds", type=_kinds, metavar="A,B", help=f"only these faults: {', '.join(Kind)}")
    parser.add_argument("--drop", type=_numbers, metavar="12,17", help="leave these faults out")
    parser.add_argument(
        "--shrink", action="store_true", help="leave out faults as long as the round still fails"
    )
    parser.add_argument("--print", action="store_true", help="print the schedule and do nothing")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was cut off")
    parser.add_argument(
        "--keep", action="store_true", help="keep the history of every round, not only of failed ones"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything there")
    parser.add_argument(
        "--folder", type=Path, default=TREE / ".faults", metavar="DIR", help="where rounds leave things"
    )
    return parser


def _kinds(text: str) -> tuple[Kind, ...]:
    try:
        return tuple(map(Kind, text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(f"`{text}` names no faults: choose from {', '.join(Kind)}") from None


def _numbers(text: str) -> frozenset[int]:
    try:
        return frozenset(map(int, text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(f"`{text}` is no list of numbers: write for example 12,17") from None


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
