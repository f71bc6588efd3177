"""Say in words what a masking profile does, for whoever is about to sign it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .identifiers import Kind, Operator, Reading
from .profile import BUILT_IN, Column, Profile

_BECOMES: Final = {
    Operator.TAG: "<{kind}>",
    Operator.SURROGATE: "<{kind}:...>, the same for the same value within one export",
    Operator.PSEUDONYM: "<{kind}:...>, the same for the same value in every export of one key",
    Operator.YEAR: "its year",
    Operator.SHIFT: "<date:...>, moved by days that are the subject's own; a tag where no subject is known",
    Operator.AGE_CLASS: "<age:90+> if over 89, else kept",
    Operator.ZIP3: "<zip:...>, its first three digits, 000 where few people live",
    Operator.DROP: "null",
    Operator.KEEP: "kept",
}
_READ: Final = {
    Reading.TEXT: "searched as free text, for names too",
    Reading.PLAIN: "searched for shapes of identifiers, else kept",
    Reading.KEEP: "kept, not looked at",
}


@dataclass(frozen=True, slots=True)
class Held:
    """What becomes of one kind of identifier, one column, or the keys of one map.

    Attributes:
        what: `kind`, `column`, `keys` or `subject`.
        name: of the kind, or the path.
        becomes: what leaves, in words.
        own: the profile says so itself; False where the one it extends does.
        rule: the paragraph of law behind it, if the profile names one.
    """

    what: str
    name: str
    becomes: str
    own: bool
    rule: str | None = None


def explain(profile: Profile) -> tuple[Held, ...]:
    """Every kind, then the columns, keys and subjects that the profile names; of one that extends another, only its own."""
    base = BUILT_IN.get(profile.extends or "")
    return (
        *(_kind(kind, profile, base) for kind in Kind),
        *(
            Held("column", path, _becomes_of(column, profile), own=True)
            for path, column in profile.columns[len(base.columns) if base else 0 :]
        ),
        *(
            Held("keys", path, _in_words(kind, profile.operator(kind)), own=True)
            for path, kind in profile.keys[len(base.keys) if base else 0 :]
        ),
        *(Held("subject", path, "says whose record it is", own=True) for path in profile.subject),
    )


def warnings(profile: Profile) -> tuple[str, ...]:
    """What an operator should know before signing: what this profile keeps and the one it extends does not, and what it lets follow."""
    base = BUILT_IN.get(profile.extends or "")
    return (*_lifted(profile, base), *_kept(profile, base), *_followed(profile), *_released(profile))


def _lifted(profile: Profile, base: Profile | None) -> Iterator[str]:
    if base is None and profile.name not in BUILT_IN:
        yield "it extends no built-in profile: kinds it does not name are kept, and it is never merged with another profile"
        return
    for kind in Kind:
        was = base.operator(kind) if base else profile.operator(kind)
        if was is not Operator.KEEP and profile.operator(kind) is Operator.KEEP:
            yield f"kind `{kind.value}` is kept everywhere, `{profile.extends}` masks it"


def _kept(profile: Profile, base: Profile | None) -> Iterator[str]:
    for path, column in profile.columns[len(base.columns) if base else 0 :]:
        if base is not None and (column.holds is Reading.KEEP or column.operator is Operator.KEEP):
            yield f"column `{path}` leaves as it is: sign this only if nothing in it identifies anybody"


def _followed(profile: Profile) -> Iterator[str]:
    if profile.uses(Operator.PSEUDONYM):
        yield "whoever has two exports can follow a pseudonym from one to the other: use `surrogate` where nobody has to"


def _released(profile: Profile) -> Iterator[str]:
    if profile.releases:
        yield "people may release what the second look objected to: a policy must review `export.release`, or nobody is asked"


def _kind(kind: Kind, profile: Profile, base: Profile | None) -> Held:
    operator = profile.operator(kind)
    own = base is None or operator is not base.operator(kind)
    return Held("kind", kind.value, _in_words(kind, operator), own=own, rule=profile.rules.get(kind))


def _becomes_of(column: Column, profile: Profile) -> str:
    match column:
        case Column(_, Operator.DROP):
            return "null"
        case Column(Reading() as reading, _):
            return _READ[reading]
        case Column(Kind() as kind, operator):
            return _in_words(kind, operator or profile.operator(kind))
    raise AssertionError(column)


def _in_words(kind: Kind, operator: Operator) -> str:
    return _BECOMES[operator].format(kind=kind.value)
