"""Rounds added up: the integers of a promise, a table, and the JSON that is kept in the repository."""

import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from platform import machine, python_version, release, system
from typing import Any, Final

from confluent_kafka import libversion

from sluicegate.streams.kafka.jars import KAFKA_VERSION

from .schedule import Kind

INTEGERS: Final = (
    "actions", "kills", "rebalances", "stalls", "broker_kills", "proxy_faults", "in_open_transaction",
    "lost", "doubled", "ungranted", "torn",
)  # fmt: skip
WRONGS: Final = ("lost", "doubled", "ungranted", "torn")
PROMISED: Final = {
    "kills": 100,
    "rebalances": 100,
    "stalls": 30,
    "broker_kills": 10,
    "proxy_faults": 200,
    "in_open_transaction": 100,
}
"""What a full run must have done at least."""
_LIBRARIES: Final = ("sluicegate", "confluent-kafka", "fastavro", "pydantic", "pynacl")


def summary(rounds: Sequence[Mapping[str, Any]], seed: int, tree: Path) -> dict[str, Any]:
    """Everything that is kept of a run."""
    totals = {name: sum(one[name] for one in rounds) for name in INTEGERS}
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "commit": commit_of(tree),
        "versions": versions(),
        "duration_s": round(sum(one["seconds"] for one in rounds)),
        **totals,
        "everything_ended": all(one["ended"] for one in rounds),
        "verifier_ok": all(one["verifier"]["ok"] for one in rounds),
        "held_readers": [held for one in rounds for held in one.get("held_readers", ())],
        "findings": [finding for one in rounds for finding in one["findings"]],
        "details": {
            "faults": _added(one["details"]["faults"] for one in rounds),
            "missed": dict(sum((Counter(one["details"]["missed"]) for one in rounds), Counter())),
            "workload": {
                part: dict(sum((Counter(one["workload"][part]) for one in rounds), Counter()))
                for part in ("sent", "tallies", "troubles")
            },
            "restarts": dict(sum((Counter(one["restarts"]) for one in rounds), Counter())),
            "records": sum(one["records"] for one in rounds),
            "effects": sum(one["effects"] for one in rounds),
        },
        "rounds": [
            {
                name: one[name]
                for name in ("seed", "brokers", "seconds", "end_seconds", "scheduled", *INTEGERS)
            }
            for one in rounds
        ],
    }


def is_good(told: Mapping[str, Any]) -> bool:
    """Whether nothing is wrong, and in every round something was done that could have gone wrong."""
    has_worked = min((one["actions"] for one in told["rounds"]), default=0) > 0 < told["details"]["effects"]
    ended_well = told["everything_ended"] and told["verifier_ok"]
    return has_worked and ended_well and not any(told[name] for name in WRONGS)


def missing(told: Mapping[str, Any]) -> list[str]:
    """Of what a full run must have done, what it has not: so many of each, and every kind of fault at least once."""
    few = [f"{name}: {told[name]} of {least}" for name, least in PROMISED.items() if told[name] < least]
    return few + [f"{kind}: never" for kind in Kind if kind.value not in told["details"]["faults"]]


def table(told: Mapping[str, Any]) -> str:
    """For people."""
    lines = [f"{'fault':46}{'happened':>10}{'met an open transaction':>26}"]
    for name, one in told["details"]["faults"].items():
        lines.append(f"{name:46}{one['happened']:10}{one['in_open_transaction']:26}")
    lines += ["", *(f"{name.replace('_', ' '):30}{told[name]:10,}" for name in INTEGERS)]
    lines += [f"held up: {one}" for one in told["held_readers"][:20]]
    lines += [f"finding: {finding}" for finding in told["findings"][:20]]
    return "\n".join(lines)


def versions() -> dict[str, str]:
    """Of everything that could make a difference."""
    return {
        "kafka": KAFKA_VERSION,
        "librdkafka": str(libversion()[0]),
        "python": python_version(),
        "system": f"{system()} {release()} {machine()}",
        **{name: version(name) for name in _LIBRARIES},
    }


def commit_of(tree: Path) -> str:
    """The commit of the checkout, with a mark when tracked files differ from it."""

    def git(*arguments: str) -> str:
        ran = subprocess.run(  # noqa: S603  # our own words
            ["git", "-C", str(tree), *arguments],  # noqa: S607  # whichever git there is
            capture_output=True,
            text=True,
            check=False,
        )
        return ran.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return (git("rev-parse", "HEAD") or "unknown") + ("-changed" if changed else "")
    except OSError:
        return "unknown"


def _added(every: Iterable[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for one in every:
        for name, numbers in one.items():
            total = found.setdefault(name, dict.fromkeys(numbers, 0))
            for part, number in numbers.items():
                total[part] += number
    return dict(sorted(found.items()))
