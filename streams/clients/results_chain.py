"""Put a masked result together from its batches, and believe it only when the chain ends where the outcome says. Pure.

A batch counts only when it names this agent, this action and this grant. They are put in the order of their numbers; each
must name the digest of the one before it, only the last may say how many there are, and its digest must be the one in the
outcome: the executor's own word, which came by way of the gate. Anything else is refused, not repaired.

One thing may take the place of another: a notice that people decide on a release is followed by the released batch, or by the notice
that it is gone.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise, takewhile
from typing import Any

from sluicegate.schemas.canonical import parse_json
from sluicegate.schemas.errors import InvariantError, RecordError
from sluicegate.schemas.export import MaskedBatch, WithheldBatch
from sluicegate.schemas.outcome import Outcome

from .results_slices import JSON, JSON_LINES

Arrived = MaskedBatch | WithheldBatch


@dataclass(frozen=True, slots=True)
class Result:
    """What came back. `value` is None when a batch was withheld; `masked` counts replaced spans per type.

    `release` names the actions by which people still decide whether withheld batches come, `released` those by which some came.
    """

    value: Any = field(repr=False)
    profile: str
    withheld: tuple[str, ...] = ()
    masked: Mapping[str, int] = field(default_factory=dict)
    release: tuple[str, ...] = ()
    released: tuple[str, ...] = ()


def assemble(outcome: Outcome, arrived: Iterable[Arrived]) -> Result | None:
    """The result that an outcome names, None while batches are missing; InvariantError when it is not that result."""
    numbered = _numbered(outcome, arrived)
    chain = [numbered[number] for number in takewhile(numbered.__contains__, count())]
    for before, after in pairwise(chain):
        if after.previous != before.source_digest or before.count is not None:
            raise _refused(outcome, "its batches are no chain")
    if not chain or chain[-1].count is None:
        return None
    _check_end(outcome, chain, len(numbered))
    return _joined(outcome, chain)


def _numbered(outcome: Outcome, arrived: Iterable[Arrived]) -> dict[int, Arrived]:
    numbered: dict[int, Arrived] = {}
    for batch in arrived:
        names = batch.agent, batch.action_id, batch.lane, batch.grant_id
        if names != (outcome.agent, outcome.action_id, outcome.lane, outcome.grant_id):
            continue
        standing = numbered.setdefault(batch.sequence, batch)
        if standing != batch:
            last = _later(standing, batch) or _later(batch, standing)
            if last is None:
                raise _refused(outcome, "two different batches have one place")
            numbered[batch.sequence] = last
        if batch.sequence == 0 and batch.previous is not None:
            raise _refused(outcome, "its batches are no chain")
    return numbered


def _later(before: Arrived, after: Arrived) -> Arrived | None:
    """The second of two in one place, if it is the end of the release that the first one waits for."""
    if not isinstance(before, WithheldBatch) or before.release_id is None:
        return None
    ends = {before.release_id} if isinstance(after, MaskedBatch) else {None}
    return after if after.release_id in ends and _linked(before) == _linked(after) else None


def _linked(batch: Arrived) -> tuple[object, ...]:
    return batch.batch_id, batch.source, batch.source_digest, batch.previous, batch.count, batch.profile


def _check_end(outcome: Outcome, chain: Sequence[Arrived], arrived: int) -> None:
    last = chain[-1]
    if last.count != len(chain) or arrived != len(chain):
        raise _refused(outcome, "it has another number of batches than its last one says")
    if last.source_digest != outcome.result_digest:
        raise _refused(outcome, "it does not end in the digest that its outcome names")
    if outcome.result is not None and outcome.result.batches != len(chain):
        raise _refused(outcome, "it has another number of batches than its outcome says")


def _joined(outcome: Outcome, chain: Sequence[Arrived]) -> Result:
    profile = chain[-1].profile
    withheld = {reason for batch in chain if isinstance(batch, WithheldBatch) for reason in batch.reasons}
    masked = [batch for batch in chain if isinstance(batch, MaskedBatch)]
    counts: Counter[str] = Counter()
    for batch in masked:
        counts.update(batch.masked)
    released = tuple(batch.release_id for batch in masked if batch.release_id is not None)
    if len(masked) < len(chain):
        waits = tuple(
            batch.release_id
            for batch in chain
            if isinstance(batch, WithheldBatch) and batch.release_id is not None
        )
        # One batch that is gone for good is enough: nobody waits for the others.
        waits = waits if len(waits) + len(masked) == len(chain) else ()
        return Result(None, profile, tuple(sorted(withheld)), dict(counts), waits, released)
    return Result(_value(outcome, masked), profile, (), dict(counts), (), released)


def _value(outcome: Outcome, masked: Sequence[MaskedBatch]) -> Any:
    media_types = {batch.media_type for batch in masked}
    try:
        if media_types == {JSON} and len(masked) == 1:
            return parse_json(masked[0].body)
        if media_types == {JSON_LINES}:
            return [parse_json(line) for batch in masked for line in batch.body.split(b"\n") if line]
    except RecordError:
        raise _refused(outcome, "it is not the JSON it claims to be") from None
    raise _refused(outcome, "it is in a form that this client does not read")


def _refused(outcome: Outcome, why: str) -> InvariantError:
    return InvariantError(
        f"the masked result of `{outcome.action_id}` is refused: {why}; do not use it, and tell an operator"
    )
