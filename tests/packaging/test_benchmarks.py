"""The benchmarks of the checkout still run; what they say is nobody's test."""

import json
import os
import subprocess
import sys
from pathlib import Path

TREE = Path(os.environ.get("SLUICEGATE_TREE", Path(__file__).parents[2]))


def test_the_part_without_a_broker_runs_and_writes_what_it_prints(tmp_path: Path) -> None:
    """With next to no work, every row is printed and stands in the JSON, with a ratio where there is a baseline."""
    told = tmp_path / "told.json"
    command = [sys.executable, "-m", "benchmarks", "--only", "pure", "--scale", "0.001", "--json", str(told)]
    ran = subprocess.run(command, cwd=TREE, capture_output=True, text=True, timeout=60, check=True)
    measures = json.loads(told.read_text("utf-8"))["sections"]["pure"]["measures"]
    assert all(measure["name"] in ran.stdout and measure["median"] > 0 for measure in measures)
    assert any(measure.get("ratio") for measure in measures)


def test_the_readme_shows_what_was_measured() -> None:
    """README's figures are those of the results in the repository: nobody writes a number by hand."""
    command = [sys.executable, "-m", "benchmarks.publish", "--check"]
    ran = subprocess.run(command, cwd=TREE, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
