"""Step 2 of an executor's turn: check what was read, on tables that are fresh."""

from collections.abc import Sequence
from typing import Final

from sluicegate.processors.contract import Record
from sluicegate.processors.release import Check, examine
from sluicegate.schemas.errors import ConfigurationError

from .executor_workplace import Workplace
from .judgement import Judgement, judge, once_each
from .own_tables import FRESH_MS

_MAYBE_BEHIND: Final = frozenset({Check.TABLES_BEHIND, Check.UNKNOWN_SIGNER})
"""Refusals that documents still on their way could lift."""


def refuse_another_key(work: Workplace) -> None:
    """ConfigurationError when the executor's key is not the one that operators enrolled."""
    # INVARIANT: a claim that the gate cannot count is no claim, so nothing may happen behind it.
    if work.is_enrolled(work.tables.current):
        return
    work.tables.read_on(FRESH_MS / 1_000)
    if not work.is_enrolled(work.tables.current):
        raise ConfigurationError(
            f"the key of executor `{work.scribe.executor}` is not the one operators enrolled; "
            "see `sluicegate executor add`"
        )


def check(work: Workplace, records: Sequence[Record]) -> list[Judgement]:
    """One judgement per record, in order."""
    judgements = _judge_all(work, records)
    behind = any(judgement.check in _MAYBE_BEHIND for judgement in judgements)
    if behind and work.tables.read_on(FRESH_MS / 1_000):
        judgements = _judge_all(work, records)
    for judgement in judgements:
        if judgement.check is Check.CONFLICTING_GRANT:
            work.log.error("two different grants carry the same id", at=str(judgement.record.position))
    return judgements


def _judge_all(work: Workplace, records: Sequence[Record]) -> list[Judgement]:
    tables, now_ms = work.tables.freshen(), work.clock.wall_ms()
    return once_each(
        [
            judge(
                record,
                examine(record, tables, work.post, now_ms),
                work.grants.book(record.position.partition),
                work.handlers,
            )
            for record in records
        ]
    )
