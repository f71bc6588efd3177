"""What the figures were measured on, and what a process uses."""

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from confluent_kafka import libversion

TREE: Final = Path(__file__).parents[1]
_LIBRARIES: Final = (
    "sluicegate", "confluent-kafka", "fastavro", "pydantic", "pynacl", "cel-expr-python",
    "numpy", "pyarrow", "hyperscan", "google-re2",
)  # fmt: skip


def describe() -> Mapping[str, str]:
    """Processor, system, versions, commit, and how busy the machine was with other things."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "processor": f"{_processor()}, {os.cpu_count()} logical CPUs",
        "load before": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "librdkafka": str(libversion()[0]),
        **{name: _version(name) for name in _LIBRARIES},
    }


def cpu_seconds(process: int) -> float:
    """CPU time that another process has used so far, all its threads; FileNotFoundError where there is no /proc."""
    # proc(5): fields 14 and 15 in clock ticks; the name before them may hold anything but is in parentheses.
    fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(process: int | str = "self") -> float:
    """Memory of a process that is in RAM, in megabytes (10^6 bytes)."""
    pages = int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "unknown")


def _commit() -> str:
    asked = ["git", "-C", str(TREE), "describe", "--always", "--dirty"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603  # our own words
    return found.stdout.strip() or "unknown"
