"""Where the allow path spends its CPU time: sampled stacks, the widest parts as a table, a flame graph.

Writes `.bench/allow-path.collapsed` (stacks and samples, the format of most flame graph tools) and `.bench/allow-path.svg`.
"""

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from .flame import flame_graph
from .machine import TREE
from .measuring import Effort, Measure

SECONDS: Final = 40.0
PER_SECOND: Final = 200
WIDEST: Final = 15
FOLDER: Final = TREE / ".bench"
_ROOT: Final = "allow_path"

Stack = tuple[str, ...]


def measure(effort: Effort) -> Iterator[Measure]:
    """The widest functions, by the share of samples they are in and by the share they are on top of."""
    sampler = _sampler()
    if sampler is None:
        sys.stdout.write("!! NOT MEASURED: py-spy is not installed; `make bench-others` installs it\n")
        return
    FOLDER.mkdir(exist_ok=True)
    raw = FOLDER / "allow-path.raw"
    command = [sampler, "record", "-r", str(PER_SECOND), "-F", "-f", "raw", "-o", str(raw), "--"]
    worked = [sys.executable, "-m", "benchmarks.allow_path", str(max(2.0, SECONDS * effort.scale))]
    subprocess.run([*command, *worked], cwd=TREE, check=True, capture_output=True)  # noqa: S603  # our own words
    stacks = below_root(raw.read_text("utf-8"))
    raw.unlink()
    lines = [f"{';'.join(stack)} {count}" for stack, count in sorted(stacks.items())]
    (FOLDER / "allow-path.collapsed").write_text("\n".join(lines) + "\n", "utf-8")
    (FOLDER / "allow-path.svg").write_text(flame_graph(stacks, "allow path, 50 rules, signed"), "utf-8")
    yield from _widest(stacks)


def below_root(raw: str) -> dict[Stack, int]:
    """Samples per stack, from the outermost function of the allow path inwards; signing the actions is left out."""
    stacks: Counter[Stack] = Counter()
    for line in raw.splitlines():
        frames, _, count = line.rpartition(" ")
        names = [_short(frame) for frame in frames.split(";")]
        if _ROOT in names:
            stacks[tuple(names[names.index(_ROOT) + 1 :])] += int(count)
    return {stack: count for stack, count in stacks.items() if stack}


def _short(frame: str) -> str:
    """`process (sluicegate/processors/gate/topology.py)` as `gate/topology.process`; our root frame as its name."""
    name, _, place = frame.partition(" (")
    parts = Path(place.rstrip(")").partition(":")[0].removesuffix(".py")).parts[-2:]
    if parts == ("benchmarks", _ROOT):
        return name.rpartition(".")[2]
    return f"{'/'.join(parts)}.{name}" if parts else name


def _widest(stacks: Mapping[Stack, int]) -> Iterator[Measure]:
    total = sum(stacks.values())
    within: Counter[str] = Counter()
    on_top: Counter[str] = Counter()
    for stack, count in stacks.items():
        on_top[stack[-1]] += count
        for frame in set(stack):
            within[frame] += count
    for what, found in (("with what it calls", within), ("itself", on_top)):
        for frame, count in found.most_common(WIDEST):
            share = count * 100 / total
            yield Measure.values(f"{frame}, {what}", "%", [share], what=what, frame=frame)


def _sampler() -> str | None:
    own = TREE / ".venv-bench" / "bin" / "py-spy"
    return str(own) if own.exists() else shutil.which("py-spy")
