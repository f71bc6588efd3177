"""The files of `examples/` load as they stand."""

import os
from pathlib import Path
from typing import Final

from sluicegate.processors.masking.explained import warnings
from sluicegate.processors.masking.profile import load_profile
from sluicegate.processors.policy import load

EXAMPLES: Final = Path(os.environ.get("SLUICEGATE_TREE", Path(__file__).resolve().parents[2])) / "examples"


def test_the_airline_profile_keeps_exactly_what_it_says() -> None:
    """Two columns, which it warns of; everything else is that of `pii-basic`."""
    path = EXAMPLES / "airline-profile.yaml"
    profile = load_profile(path.read_text(encoding="utf-8"), source=path.name)
    assert profile.extends == "pii-basic"
    assert [warning.split("`")[1] for warning in warnings(profile)] == ["membership", "reservations"]


def test_the_airline_policy_names_the_airline_profile() -> None:
    """For its stream; its rules name none, so that a play needs nothing published."""
    policy = load((EXAMPLES / "airline-policy.yaml").read_text(encoding="utf-8"))
    assert policy.profiles == {"airline-customers"}
    assert [stream.mask for stream in policy.streams] == ["airline-customers"]
