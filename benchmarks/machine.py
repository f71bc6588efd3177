"""What the figures were measured on."""

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from confluent_kafka import libversion

_LIBRARIES: Final = ("sluicegate", "confluent-kafka", "fastavro", "pydantic", "pynacl", "cel-expr-python")


def describe() -> Mapping[str, str]:
    """Processor, system, versions, and how busy the machine was with other things."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": f"{_processor()}, {os.cpu_count()} logical CPUs",
        "load before": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "librdkafka": str(libversion()[0]),
        **{name: version(name) for name in _LIBRARIES},
    }


def cpu_seconds(process: int) -> float | None:
    """CPU time that another process has used so far; None where the system does not say (no /proc)."""
    try:
        # proc(5): fields 14 and 15 in clock ticks; the name before them may hold anything but is in parentheses.
        fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "unknown")
