"""What is marked `once` runs in CI exactly once: not in the run on the built wheel, and in the run on the checkout."""

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


def test_the_checkout_runs_it_and_the_wheel_does_not() -> None:
    """Two runs of the suite, one of them with the long fault run; nothing is skipped."""
    assert selections("test") == ["not slow and not docker"]
    assert selections("wheel-test") == ["not slow and not docker and not once"]


def test_ci_runs_both() -> None:
    """`make check` has the run on the wheel in it, `make test` is the run on the checkout."""
    steps = [line.strip() for line in (TREE / ".ci" / "run").read_text("utf-8").splitlines()]
    assert {"make check", "make test"} <= set(steps)
    makefile = (TREE / "Makefile").read_text("utf-8")
    assert re.search(r"^check:.*\bwheel-test\b", makefile, re.MULTILINE)
