"""What a profile would do to each field of a schema, and what its owner should know before signing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sluicegate.processors.masking.columns import Columns, Path
from sluicegate.processors.masking.engine.engine import Engine
from sluicegate.processors.masking.engine.fields import Masking
from sluicegate.processors.masking.engine.scan import Re2Scanner
from sluicegate.processors.masking.identifiers import Kind
from sluicegate.processors.masking.profile import BUILT_IN, Column, Profile

from .described import done, holds
from .report import shown

_STRICTEST: Final = "hipaa-safe-harbor"
_QUASI: Final = frozenset(
    [
        "gender",
        "sex",
        "race",
        "ethnicity",
        "ethnic",
        "nationality",
        "citizenship",
        "religion",
        "language",
        "marital",
        "marital_status",
        "occupation",
        "job",
        "profession",
        "employer",
        "education",
        "income",
        "salary",
        "age",
        "birth_year",
        "year_of_birth",
        "city",
        "town",
        "county",
        "state",
        "province",
        "region",
        "country",
        "zip",
        "postal_code",
        "diagnosis",
        "department",
        "school",
    ]
)
_NUMBERS: Final = frozenset(
    [
        "number",
        "integer",
        "int",
        "long",
        "float",
        "double",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
    ]
)
_SUSPECT: Final = frozenset(
    [
        "name",
        "ssn",
        "email",
        "mail",
        "phone",
        "address",
        "birth",
        "dob",
        "mrn",
        "passport",
        "account",
        "card",
        "iban",
        "user",
        "login",
        "ip",
    ]
)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would become of one field."""

    field: str
    type: str
    holds: str
    done: str


def foresee(profile: Profile, fields: Mapping[Path, str]) -> tuple[list[Foreseen], list[str]]:
    """Every field, and warnings."""
    masking = Masking(_nothing_to_search(), profile, None)
    found = {
        path: masking.at(path, _above(masking, path) or _of_type(masking, path, fields[path]))
        for path in fields
    }
    lines = [
        Foreseen(
            shown(path),
            fields[path],
            holds(masking, path, column),
            _done(masking, path, fields[path], column),
        )
        for path, column in found.items()
    ]
    return lines, list(_warnings(masking, fields))


def _of_type(masking: Masking, path: Path, type_: str) -> Column | None:
    """A column of dates that the profile does not know holds dates."""
    is_date = type_.startswith(("date", "timestamp"))
    return Column(Kind.DATE) if is_date and masking.columns.column(path) is None else None


def _done(masking: Masking, path: Path, type_: str, column: Column) -> str:
    if path in masking.unknown and type_ in _NUMBERS:
        return "kept, but for numbers of nine digits or more and known values"
    if type_.endswith("binary") and not masking.keeps(column):
        return "drop"
    return done(masking, column)


def _nothing_to_search() -> Engine:
    """An engine without rules: no text is looked at here."""
    return Engine.of(Re2Scanner.of(()))


def _above(masking: Masking, path: Path) -> Column | None:
    """The kind that an object passes on to the fields in it."""
    for length in range(len(path) - 1, 0, -1):
        column = masking.columns.column(path[:length])
        if column is not None:
            return column if isinstance(column.holds, Kind) else None
    return None


def _warnings(masking: Masking, fields: Mapping[Path, str]) -> Iterator[str]:
    strictest = Columns(BUILT_IN[_STRICTEST])
    for path in fields:
        column = masking.seen[path]
        named = strictest.column(path)
        if masking.keeps(column):
            kind = named.holds.value if named is not None and isinstance(named.holds, Kind) else None
            if kind or _SUSPECT & {*path[-1].split("_")}:
                what = f" (`{_STRICTEST}` takes it for `{kind}`)" if kind else ""
                yield f"`{shown(path)}` leaves as it is, and its name says that it identifies somebody{what}"
    unknown = [shown(path) for path in fields if path in masking.unknown]
    if unknown:
        yield f"read as free text, because the profile does not know them: {_listed(unknown)}"
    quasi = [
        shown(path)
        for path in fields
        if path[-1] in _QUASI
        and not isinstance(masking.seen[path].holds, Kind)
        and not masking.drops(masking.seen[path])
    ]
    if len(quasi) > 1:
        yield f"together these may single out a person, though none does alone: {_listed(quasi)}"


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
