"""What a masking profile says: which kinds are masked and how, and what each column holds.

A profile is a YAML file, for example::

    version: 1
    name: customers
    extends: pii-basic
    kinds: {email: surrogate}
    columns: {membership: keep, name.*: name, referred_by: name pseudonym, "*_note": text, $.*.plan: plain}
    keys: {payment_methods: account}
    subject: customer_id
    residual: 5

`columns` names fields by name or path. A name fits at any depth and in any spelling (`first_name`, `firstName`, `First-Name`);
a path fits at the end of a field's path, or all of it when it begins with `$`; `*` stands for any one name or for the beginning
or end of one; elements of arrays have their array's path. `keys` names maps whose keys are identifiers. `subject` names the fields
that say whose record it is, the first that is there counts: `shift` moves the dates of one subject by the same days.
`residual` is how many spans per 1,000 rows may be left at most, by the bound of the verifier.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Final

from .identifiers import Kind, Operator, Reading


@dataclass(frozen=True, slots=True)
class Column:
    """What a profile says about the columns that a path names: a kind (with its operator) or a way of reading."""

    holds: Kind | Reading
    operator: Operator | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile as the masking applies it; immutable.

    Attributes:
        name: as a grant or a policy names it.
        operators: what happens to each kind; a kind that is not there is not looked for.
        columns: path and what is there, in the order of the files, the extended profile first.
        keys: path of a map and what its keys are.
        rules: the paragraph of law behind a kind, where the file names one.
        extends: the built-in profile it starts from and ranks with, if any.
        subject: paths of the fields that say whose record it is, names without stars; the first that is there counts.
        releases: whether people are asked to release a batch that was masked and that the look at the bytes objected to.
        residual: the bound of leaked spans per 1,000 rows that a batch may have, None for any.
    """

    name: str
    operators: Mapping[Kind, Operator]
    columns: tuple[tuple[str, Column], ...]
    keys: tuple[tuple[str, Kind], ...]
    rules: Mapping[Kind, str]
    extends: str | None = None
    subject: tuple[str, ...] = ()
    releases: bool = False
    residual: int | None = None

    def operator(self, kind: Kind) -> Operator:
        """What happens to an identifier of this kind."""
        return self.operators.get(kind, Operator.KEEP)

    def uses(self, operator: Operator) -> bool:
        """Whether this happens to any kind or column."""
        return operator in self.operators.values() or any(
            column.operator is operator for _, column in self.columns
        )


def load_profile(text: str, *, source: str) -> Profile:
    """The profile written in `text`.

    Raises `ConfigurationError` with one line per finding: `source:line:column: what is wrong; what to do`.
    """
    return _profile(text, source, BUILT_IN)


def _profile(text: str, source: str, known: Mapping[str, Profile]) -> Profile:
    from .profile_reading import read_profile  # noqa: PLC0415 - only who masks or publishes has YAML (extra `gate`)

    said = read_profile(text, source=source, extendable=tuple(known))
    base = known.get(said.extends or "", _NOTHING)
    columns = tuple((path, Column(holds, operator)) for path, holds, operator in said.columns)
    return Profile(
        name=said.name,
        operators={**base.operators, **said.operators},
        columns=base.columns + columns,
        keys=base.keys + said.keys,
        rules={**base.rules, **said.rules},
        extends=said.extends,
        subject=said.subject or base.subject,
        releases=said.releases,
        residual=base.residual if said.residual is None else said.residual,
    )


class _BuiltIn(Mapping[str, Profile]):
    """Read when first looked into: operators' and analysts' programs import this module and may do without YAML."""

    _NAMES: Final = ("pii-basic", "limited-data-set", "hipaa-safe-harbor")

    @cached_property
    def _profiles(self) -> Mapping[str, Profile]:
        found: dict[str, Profile] = {}
        for name in self._NAMES:
            file = f"{name}.yaml"
            text = resources.files("sluicegate.processors.masking").joinpath(file).read_text(encoding="utf-8")
            found[name] = _profile(text, file, found)
        return found

    def __getitem__(self, name: str) -> Profile:
        return self._profiles[name]

    def __contains__(self, name: object) -> bool:
        return name in self._NAMES

    def __iter__(self) -> Iterator[str]:
        return iter(self._NAMES)

    def __len__(self) -> int:
        return len(self._NAMES)


_NOTHING: Final = Profile("nothing", {}, (), (), {})

BUILT_IN: Final[Mapping[str, Profile]] = _BuiltIn()
"""The profiles that need no file, from the weakest to the strictest; each extends the one before."""
