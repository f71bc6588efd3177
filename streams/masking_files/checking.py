"""The check of what would leave: `processors.masking.check` on each batch, with the engine's own forms read as tags.

A form stands for a tag only when the export's secret proves it; any other is left for the check to refuse.
"""

import json
import re
from collections.abc import Callable
from typing import Final

from sluicegate.processors.masking.check import check
from sluicegate.processors.masking.engine.surrogates import FORM, Surrogates
from sluicegate.processors.masking.profile import Profile
from sluicegate.schemas.errors import RefusedError

from .batches import Batch, Compared

_MEANT: Final = {
    "known-value": "a value of an identifier column is left in another field",
    "known-value-in-kept": "a value of an identifier column stands in a column that the profile keeps",
    "known-value-encoded": "a value of an identifier column is left in encoded text",
    "surrogate": "something looks like a surrogate that this export did not make",
    "structure": "records, keys or kept text are not those of the source",
    "column": "an identifier column holds what is no tag, surrogate or year",
    "key": "a key that is an identifier is left",
    "digits": "a long number is left",
    "date": "a date is left",
    "birth-date": "a birth date is left",
    "email": "an e-mail address is left",
    "ip": "an IP address is left",
    "url": "a link is left",
    "name": "a name after a title is left",
}


class Checker:
    """Looks at every batch of one export, and refuses in doubt."""

    def __init__(self, profile: Profile, surrogates: Surrogates) -> None:
        self._profile = profile
        self._surrogates = surrogates

    def look(self, batch: Batch) -> None:
        """Raise `RefusedError` with the reasons when this batch must not leave."""
        for compared in batch.compared:
            reasons = self._objections(compared)
            if reasons:
                raise RefusedError(self._refusal(compared, reasons, batch))

    def _objections(self, compared: Compared) -> tuple[str, ...]:
        masked = FORM.sub(self._as_tag, compared.masked)
        return check(compared.media_type, compared.raw, masked, self._profile, b"")

    def _as_tag(self, form: "re.Match[bytes]") -> bytes:
        if not self._surrogates.is_own(form):
            return form[0]
        kind = form["kind"] or form[0][1:].split(b":", maxsplit=1)[0]
        return b"<%b>" % kind

    def _refusal(self, compared: Compared, reasons: tuple[str, ...], batch: Batch) -> str:
        where = self._where(compared, batch)
        said = "; ".join(f"`{code}`: {_MEANT.get(code, 'the check could not finish')}" for code in reasons)
        return (
            f"what would leave did not pass the check, {where}: {said}. Nothing was written; "
            "say in the profile what that column holds, or `drop` it"
        )

    def _where(self, compared: Compared, batch: Batch) -> str:
        last = batch.first + max(batch.records, 1) - 1
        if compared.media_type == "text/plain":
            return f"in lines from {batch.first} on"
        rows = zip(compared.raw.split(b"\n"), compared.masked.split(b"\n"), strict=False)
        for number, (raw, masked) in enumerate(rows):
            alone = Compared(compared.media_type, raw, masked)
            if self._objections(alone):
                return f"record {batch.first + number}{self._fields(alone)}"
        return f"in records {batch.first} to {last}, which do not go together"

    def _fields(self, record: Compared) -> str:
        """The fields of a record that the check objects to, by name; not those whose names are data."""
        raw, masked = json.loads(record.raw), json.loads(record.masked)
        if not (isinstance(raw, dict) and isinstance(masked, dict)):
            return ""
        named: Callable[[str, object], bytes] = lambda key, value: json.dumps({key: value}).encode()  # noqa: E731
        found = [
            key
            for key in raw.keys() & masked.keys()
            if self._objections(
                Compared(
                    record.media_type,
                    named(key, raw[key]),
                    json.dumps({key: masked[key]}, ensure_ascii=False).encode(),
                )
            )
        ]
        return f", {', '.join(f'`{key}`' for key in sorted(found))}" if found else ""
