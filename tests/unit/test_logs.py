"""Log lines cannot hold raw values."""

from collections.abc import Iterator

import pytest
import structlog

from sluicegate.schemas.errors import PolicyError
from sluicegate.streams.logs import configure_logging


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    """Leave logging as it was: what is set up here writes to a stream that goes with the test."""
    yield
    structlog.reset_defaults()


RAW = "Jane Doe, born 1970-01-01"


@pytest.mark.parametrize(
    "fields",
    [
        {"record": RAW},
        {"reason": RAW},
        {"arguments": {"name": RAW}},
        {"anything": [RAW]},
        {"anything": RAW.encode()},
        {"anything": "x" * 300 + RAW},
    ],
)
def test_what_could_carry_content_is_replaced_by_its_type_and_size(
    fields: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    """Containers, bytes, long text and fields named for content do not pass."""
    configure_logging(as_json=True)
    structlog.get_logger().warning("consumed", partition=3, **fields)
    line = capsys.readouterr().err
    assert RAW not in line
    assert '"partition": 3' in line


def test_of_a_foreign_exception_only_the_type_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """The message of somebody else's exception may quote data; ours never do."""
    configure_logging(as_json=True)
    for error in (ValueError(RAW), PolicyError("`rules.yaml` line 3: no such effect")):
        try:
            raise error
        except (ValueError, PolicyError):
            structlog.get_logger().exception("failed")
    lines = capsys.readouterr().err
    assert RAW not in lines
    assert "ValueError" in lines
    assert "no such effect" in lines
