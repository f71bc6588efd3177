"""Standing streams: data that pipelines send through the masking processor without any action, because a policy says so."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stream:
    """What an operator's policy lets pipelines send, and how it is masked.

    Attributes:
        id: the name batches carry as `stream`.
        pipelines: who may feed it; never empty.
        mask: the masking profile.
        policy: name of the policy that says so.
    """

    id: str
    pipelines: tuple[str, ...]
    mask: str
    policy: str


def by_id(streams: Iterable[Stream]) -> Mapping[str, Stream]:
    """Streams by id, without those that several policies name: none of them can be said to be the one that holds."""
    found: dict[str, Stream | None] = {}
    for stream in streams:
        found[stream.id] = None if stream.id in found else stream
    return {name: stream for name, stream in found.items() if stream is not None}
