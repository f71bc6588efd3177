"""What the agents of one principal share: a producer, a reader of outcomes, a reader of results."""

from typing import Self

from sluicegate.streams.kafka.connection import Connection

from .outcome_feed import OutcomeFeed
from .results_feed import ResultFeed
from .sending import Sender


class AgentLink:
    """One connection for any number of agents; `with` closes it after all of them."""

    def __init__(self, connection: Connection, *, lane: str | None = None) -> None:
        """Connect. With `lane` only its partition of `outcomes` and `exports.masked` is read, else all of them."""
        self.connection = connection
        self.sender = Sender(connection)
        self.feed = OutcomeFeed(connection, lane)
        self.results = ResultFeed(connection, self.feed, lane)

    def close(self) -> None:
        """Deliver what is on its way, then leave; safe to call twice."""
        self.sender.close()
        self.feed.close()
        self.results.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
