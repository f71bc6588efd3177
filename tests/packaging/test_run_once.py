"""What is marked `once` or `thorough` runs in CI exactly once: in the run on the checkout, or in that on the built wheel."""

import os
import re
from pathlib import Path

TREE = Path(os.environ.get("SLUICEGATE_TREE", Path(__file__).parents[2]))


def selections(target: str) -> list[str]:
    """The `-m` expressions of pytest in the recipe of a target."""
    text = (TREE / "Makefile").read_text("utf-8")
    recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", text, re.MULTILINE)
    assert recipe is not None
    return re.findall(r'pytest -m "([^"]+)"', recipe[1])


def test_each_of_them_has_one_of_the_two_runs() -> None:
    """Two runs of the suite: one with the long fault run, one with the deaths one by one; nothing is skipped."""
    assert selections("test") == ["not slow and not docker and not thorough"]
    assert selections("wheel-test") == ["not slow and not docker and not once"]


def test_ci_runs_both() -> None:
    """`make check` has the run on the wheel in it, `make test` is the run on the checkout."""
    steps = [line.strip() for line in (TREE / ".ci" / "run").read_text("utf-8").splitlines()]
    assert {"make check", "make test"} <= set(steps)
    makefile = (TREE / "Makefile").read_text("utf-8")
    assert re.search(r"^check:.*\bwheel-test\b", makefile, re.MULTILINE)
