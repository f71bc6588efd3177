"""Every scenario of the gate, on the driver."""

from collections.abc import Iterator

import pytest
from driver_world import DriverWorld
from gate_scenarios import GateScenarios


@pytest.fixture
def world() -> Iterator[DriverWorld]:
    """A world in memory whose audit log verifies in the end."""
    world = DriverWorld()
    yield world
    report = world.verify()
    assert [str(finding) for finding in report.findings] == []
    assert report.ok


class TestOnTheDriver(GateScenarios):
    """The scenarios, in milliseconds."""
