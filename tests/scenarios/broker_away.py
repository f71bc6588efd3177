"""Take a broker away for a while, in the two ways that happen: it stands still, or it dies and is started again."""

import os
import signal
import time
from collections.abc import Callable
from typing import Final

from sluicegate.streams.kafka.embedded import EmbeddedBroker, Lifetime


class BrokerOfOurOwn:
    """One broker that a test may stop; `running` is the present process."""

    def __init__(self, running: EmbeddedBroker) -> None:
        self.running = running

    def freeze(self, seconds: float) -> None:
        """Every connection stays open and nothing is answered."""
        pid = self.running.mark.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)

    def kill(self, seconds: float) -> None:
        """SIGKILL, then nobody listens, then a new process on the same data and port, which takes its session."""
        before = self.running
        os.kill(before.mark.pid, signal.SIGKILL)
        before.stop()
        time.sleep(seconds)
        self.running = EmbeddedBroker.start(
            before.state, port=before.ports.client, lifetime=Lifetime.WITH_PARENT
        )

    def close(self) -> None:
        """End it."""
        self.running.stop()


WAYS: Final[dict[str, Callable[[BrokerOfOurOwn, float], None]]] = {
    "frozen": BrokerOfOurOwn.freeze,
    "killed": BrokerOfOurOwn.kill,
}
