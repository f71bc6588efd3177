"""What README.md says to operators is the code's: metrics, reasons against readiness."""

import re

from readme_text import readme, rows

from sluicegate.streams.health import Why
from sluicegate.streams.health.metrics import METRICS


def test_the_metrics_are_those_of_the_code() -> None:
    """Every metric with its labels, in its order, in the same words."""
    shown = rows("metric", "labels besides `processor`", "tells")
    assert [tuple(row) for row in shown] == [
        (known.shown, ", ".join(known.labels) or "-", known.said.replace("`", "")) for known in METRICS
    ]


def test_every_reason_against_readiness_is_explained() -> None:
    """Whoever sees a reason in `/readyz` finds it in README.md."""
    line = next(line for line in readme().splitlines() if "Reasons against readiness" in line)
    assert set(re.findall(r"`([a-z-]+)`", line.partition("Reasons")[2])) == {why.value for why in Why}
