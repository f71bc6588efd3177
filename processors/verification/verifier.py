"""Feed it every entry of `audit`, ask it for the report: streaming, one transaction at a time."""

from collections import Counter
from typing import Final

from sluicegate.processors.events import Event
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.errors import InvariantError

from .chains import Chains
from .copies import Copies
from .findings import Check, Invariant, Ledger
from .grants import Grants
from .held import Held
from .lives import Lives
from .placed import Placed
from .refusals import Refusals
from .report import Report
from .requests import Requests
from .tiling import Tiling

MAX_TRANSACTION: Final = 100_000
"""Entries without a tile after which waiting for one ends; far above what the gate puts into a transaction."""


class _History:
    """One partition. Entries are judged when their tile has come: it says whether anything can lie before them.

    The gate and masking write to it side by side: each has transactions, and so tiles, of its own.
    """

    def __init__(self, partition: int) -> None:
        self.ledger = Ledger()
        self.copies = Copies(self.ledger)
        self.tilings: dict[str, Tiling] = {}
        self.lives = Lives(self.ledger)
        self._requests = Requests(self.ledger)
        self._grants = Grants(self.ledger)
        self._refusals = Refusals(self.ledger)
        self._chains = Chains(self.ledger)
        self._held = Held(self.ledger)
        self._partition = partition
        self._transactions: dict[str, list[Placed]] = {}
        self._next = 0
        self._first = 0
        self.entries = 0

    def take(self, placed: Placed) -> None:
        if placed.offset < self._next:
            raise InvariantError(f"entries of audit partition {placed.partition} must be fed in their order")
        if not self.entries:
            self._first = placed.offset
        self._next = placed.offset + 1
        self.entries += 1
        is_tile = placed.entry.event == Event.TRANSACTION
        processor = placed.entry.processor
        transaction = self._transactions.setdefault(processor, [])
        if not self.copies.is_new(placed) and not (is_tile and transaction):
            return
        # A tile after entries is their tile even when it equals an earlier one: two transactions of one millisecond that
        # cover no input (punctuations alone) have the same tile.
        if is_tile:
            self._tiling(processor).take(transaction, placed)
            transaction.append(placed)
            self._judge(processor)
        else:
            transaction.append(placed)
            if len(transaction) >= MAX_TRANSACTION:
                self.ledger.find(Invariant.I5, placed, f"{MAX_TRANSACTION} entries and no tile")
                self._judge(processor)

    @property
    def unfinished(self) -> tuple[Placed, ...]:
        """Entries whose tile has not come."""
        return tuple(placed for transaction in self._transactions.values() for placed in transaction)

    def _tiling(self, processor: str) -> Tiling:
        return self.tilings.setdefault(processor, Tiling(self.ledger, self._partition, self._first))

    def _judge(self, processor: str) -> None:
        is_whole = self._tiling(processor).is_whole
        # A result rests on entries of the gate: both histories must begin at the beginning, as far as tiles have said.
        gate = self.tilings.get("gate")
        all_whole = is_whole and gate is not None and gate.is_whole
        for placed in self._transactions.pop(processor):
            event = self.copies.event(placed)
            if event is None:
                continue
            self._requests.take(placed, event, is_whole=is_whole)
            self._grants.take(placed, event, is_whole=is_whole)
            self.lives.take(placed, event, is_whole=is_whole)
            self._refusals.take(placed, event)
            self._chains.take(placed, event, is_whole=all_whole)
            self._held.take(placed, event, is_whole=all_whole)


class Verifier:
    """Checks I1-I5, I8, I12 and I13 on the entries of any number of partitions, each in its own order.

    Memory: open actions, requests and grants in full; a few dozen bytes for every entry, action, request and grant that
    ever was, because a copy of any of them must be known again.
    """

    def __init__(self) -> None:
        self._histories: dict[int, _History] = {}

    def take(self, partition: int, offset: int, append_ms: int, entry: AuditEntry) -> None:
        """One entry of one partition; InvariantError when offsets of a partition do not grow: that is the caller's error."""
        self.take_placed(Placed(partition, offset, append_ms, entry))

    def take_placed(self, placed: Placed) -> None:
        """As `take`, with the entry at its place."""
        history = self._histories.get(placed.partition)
        if history is None:
            history = self._histories[placed.partition] = _History(placed.partition)
        history.take(placed)

    def report(self) -> Report:
        """What has been found so far; ask at the end of a transaction, where every entry has its tile."""
        histories = [history for _, history in sorted(self._histories.items())]
        opened: Counter[str] = Counter()
        for history in histories:
            opened.update(history.lives.open)
        return Report(
            entries=sum(history.entries for history in histories),
            partitions=len(histories),
            copies=sum(history.copies.copies for history in histories),
            open=dict(sorted(opened.items())),
            begins=tuple(
                dict.fromkeys(
                    begin
                    for history in histories
                    for tiling in history.tilings.values()
                    for begin in tiling.begins
                )
            ),
            checks=_checks(histories),
        )


def _checks(histories: list[_History]) -> tuple[Check, ...]:
    ledgers = [history.ledger for history in histories]
    tails = Ledger()
    for history in histories:
        unfinished = history.unfinished
        if unfinished:
            tails.find(Invariant.I5, unfinished[0], f"the last {len(unfinished)} entries have no tile")
    return tuple(_check(invariant, [*ledgers, tails]) for invariant in Invariant)


def _check(invariant: Invariant, ledgers: list[Ledger]) -> Check:
    checked: Counter[str] = Counter()
    for ledger in ledgers:
        checked.update(ledger.counts[invariant])
    return Check(
        invariant=invariant,
        checked=dict(sorted(checked.items())),
        violations=sum(ledger.violations[invariant] for ledger in ledgers),
        findings=tuple(finding for ledger in ledgers for finding in ledger.findings[invariant]),
    )
