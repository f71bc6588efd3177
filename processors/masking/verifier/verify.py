"""The verdict on a batch, a table of Arrow columns or a document as it is serialised."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from .canaries import Canaries
from .claim import Claim
from .document_look import look_at_document
from .documents import LARGEST, MEDIA_TYPES, UnreadableError
from .expected import Expected
from .forms import Forms, Proofs
from .look import Look
from .places import Places, places_of
from .report import Reason, Report
from .residual import enough_rows
from .slow import SlowLook
from .texts import Texts


@dataclass(slots=True)
class Verifier:
    """Looks at the batches of one export.

    Attributes:
        expected: what should have happened.
        secret: the export's, which proves surrogates.
        seed: chooses the rows that are looked at slowly; nobody outside may know it beforehand.
        sample: how many rows a column of free text gives; as many as the limit of `expected` needs, if there is one.
        slow: leaked spans in a row, told before and after, forms as tags; a `SlowLook` when nobody says.
    """

    expected: Expected
    secret: bytes = field(repr=False)
    seed: bytes = field(default=b"", repr=False)
    sample: int = 2
    slow: Callable[[bytes, bytes], int] | None = field(default=None, repr=False)
    _proofs: Proofs = field(init=False, repr=False)
    _places: Places = field(init=False, repr=False)
    _slow: Callable[[bytes, bytes], int] = field(init=False, repr=False)
    _batches: int = 0

    def __post_init__(self) -> None:
        self._proofs = Proofs(self.secret)
        self._slow = self.slow or SlowLook(self.expected)
        self._places = places_of(self.expected.profile)

    def verify(
        self,
        before: Any,
        after: Any,
        claims: Mapping[str, Claim] | None = None,
        canaries: tuple[Canaries, Sequence[str]] | None = None,
    ) -> Report:
        """The report on an Arrow record batch: as it came, and as it leaves (a batch, or the bytes of an Arrow IPC stream).

        `claims` says by column what was replaced; where it is missing, kept text must be there in its order and literals are guessed.
        """

        def table(look: Look) -> int:
            look.table(before, _opened(after), claims or {})
            return int(before.num_rows)

        return self._report(table, canaries)

    def verify_document(
        self,
        media_type: str,
        before: bytes,
        after: bytes,
        canaries: tuple[Canaries, Sequence[str]] | None = None,
    ) -> Report:
        """The report on `application/json`, `application/x-ndjson` or `text/plain`: the bytes that came, and those that would leave.

        What each place of a record holds, the profile says; `Expected.columns` is for tables. Never raises.
        """

        def document(look: Look) -> int:
            if media_type not in MEDIA_TYPES:
                look.reasons.add(Reason.MEDIA_TYPE)
                return 0
            if len(before) > LARGEST or len(after) > LARGEST:
                raise UnreadableError
            return look_at_document(look, media_type, before.decode(), after.decode(), self._places)

        return self._report(document, canaries)

    def _report(
        self, looked_at: Callable[[Look], int], canaries: tuple[Canaries, Sequence[str]] | None
    ) -> Report:
        look = Look(self)
        rows = 0
        self._batches += 1
        try:
            rows = looked_at(look)
            if canaries is not None and canaries[0].missed(canaries[1]):
                look.reasons.add(Reason.CANARY)
        except (UnreadableError, UnicodeError, RecursionError):
            look.reasons.add(Reason.UNREADABLE)
        except Exception:  # noqa: BLE001 - in doubt nothing leaves, and nothing is said about what was there
            look.reasons.add(Reason.FAILED)
        return look.report(rows)

    def drawn(self, rows: int) -> list[int]:
        """The rows of a column that are looked at slowly: who does not know the secret cannot tell which."""
        limit = self.expected.limit
        wanted = self.sample if limit is None else max(self.sample, enough_rows(limit))
        if wanted >= rows:
            return list(range(rows))
        drawn: dict[int, None] = {}
        count = 0
        while len(drawn) < wanted:
            count += 1
            named = b"verifier sample %d %d\0%b" % (self._batches, count, self.seed)
            number = int.from_bytes(hmac.digest(self.secret, named, "sha256"))
            drawn[number % rows] = None
        return sorted(drawn)

    def forms(self, texts: Texts) -> Forms:
        """Forms of a column."""
        return self._proofs.forms(texts)

    def leaked(self, before: bytes, after: bytes) -> int:
        """The slow look at one row."""
        return self._slow(before, after)


def _opened(after: Any) -> Any:
    if not isinstance(after, bytes):
        return after
    with pa.ipc.open_stream(after) as stream:
        batches = list(stream)
    return batches[0] if len(batches) == 1 else pa.Table.from_batches(batches, stream.schema).combine_chunks()
