"""Train the start-up cache: one broker run that records which classes a start needs."""

import tempfile
from dataclasses import replace
from pathlib import Path

from sluicegate.schemas.errors import SluicegateError
from sluicegate.streams.private_cache import is_own, make_private
from sluicegate.streams.state_folder import StateFolder

from .embedded import EmbeddedBroker, Lifetime
from .java import Java

RECORDING_LIMIT_S = 60.0


def train_start_cache(java: Java) -> bool:
    """Make the start-up cache unless it is there (about 10 s, once per machine); whether there is one now.

    Never an error: without it a broker starts too, about 1 s later.
    """
    target = java.start_cache
    try:
        make_private(target.parent)
        if not is_own(target):
            _record(java, target)
    except (SluicegateError, OSError):
        return False
    return is_own(target)


def _record(java: Java, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".training-") as scratch:
        recorded = Path(scratch) / "recorded.aot"
        broker = EmbeddedBroker.start(
            StateFolder(Path(scratch) / "state"),
            lifetime=Lifetime.WITH_PARENT,
            java=replace(java, recording=recorded),
        )
        # Java writes the cache when it ends, which takes a few seconds.
        broker.stop(RECORDING_LIMIT_S)
        if recorded.exists():
            recorded.replace(target)
