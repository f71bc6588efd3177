"""Institutions and streets: their names are places where somebody was, and are found by how they end."""

from typing import Final

from sluicegate.processors.masking.identifiers import Kind

from .kinds import Finer
from .lexicon import Word
from .word_rule import Standing, WordRule, rule
from .words import Mask, Words, after, before

_LONGEST_RUN: Final = 6
_LONGEST_STREET: Final = 4
_HOUSE_NUMBER: Final = 6
_SHORT_HOUSE_NUMBER: Final = 5
_ACRONYM: Final = 3


def _joined(w: Words) -> Mask:
    """Parts of one name: a space, a hyphen, an apostrophe, ` & `, or the full stop of `St.` between."""
    saint = w.dot & before(w.has(Word.SAINT))
    return w.space | w.hyphen | w.apostrophe | w.plural_apostrophe | saint | w.ampersand


def _tails(w: Words, found: Standing) -> Mask:
    ends = w.has(Word.ORGANISATION)
    small_row_end = w.small_row & ~w.has(Word.CARE)
    capital = w.title_case | small_row_end | w.shouting_row
    return ends & capital | ends & w.space & before(found.named & ~w.has(Word.SUFFIX)) & ~w.capital


@rule(Finer.ORGANIZATION, needs=Word.ORGANISATION)
def institution(w: Words, found: Standing) -> Mask:
    """Words with capitals that end in Hospital, Clinic, Center, General ...: the whole run, with `St.`, `of`, `&` and `'s`."""
    tail = _tails(w, found)
    joined = _joined(w)
    very = w.has(Word.VERY_COMMON)
    loud = w.shouting_row & (very | w.has(Word.CLINICAL))
    quiet = w.small_row & w.letters & ~very & ~w.has(Word.CLINICAL) & ~w.link
    part = w.capital & ~loud | quiet | w.has(Word.POSSESSIVE) & w.apostrophe
    part &= ~(w.sentence_start & very & ~w.has(Word.PLACE)) & ~w.has(Word.TITLE, Word.MONTH) | w.has(
        Word.SAINT
    )
    of = w.has(Word.OF) & before(w.capital) & w.space
    run = tail.copy()
    for _ in range(_LONGEST_RUN):
        run |= after(run & joined) & (part | of)
    whole = run & ~tail | tail & before(run) & joined
    return whole | tail & after(whole) & after(joined)


@rule(Finer.ORGANIZATION, caseless=True, needs=Word.ORGANISATION, once=True)
def caseless_institution(w: Words, _: Standing) -> Mask:
    """Where case tells nothing: up to five words between `at`, `in`, `from`, `to` and Hospital, Clinic, Center ..."""
    part = (
        (w.caseless | w.has(Word.POSSESSIVE)) & ~(w.link & ~w.has(Word.SAINT)) & ~w.has(Word.TITLE, Word.CUE)
    )
    joined = (
        w.space
        | w.hyphen
        | w.apostrophe
        | w.ampersand
        | w.dot & before(w.has(Word.SAINT) | w.has(Word.INSTITUTION))
    )
    opened = before(w.has(Word.WHERE)) & w.space & part
    opened |= before(_the(w)) & w.space & part
    reach = opened.copy()
    for _step in range(_LONGEST_RUN):
        reach |= before(reach) & joined & part
    tail = reach & w.has(Word.ORGANISATION) & ~opened & w.letters
    run = tail.copy()
    for _step in range(_LONGEST_RUN):
        run |= after(run & joined) & reach
    return run


def _the(w: Words) -> Mask:
    """The link of `at the ...`."""
    return before(w.has(Word.WHERE)) & w.space & w.link & ~w.has(Word.WHERE)


@rule(Finer.ORGANIZATION, caseless=True, needs=Word.SAINT)
def caseless_saint(w: Words, found: Standing) -> Mask:
    """Where case tells nothing: `st.` before a found word."""
    return w.caseless & w.has(Word.SAINT) & after(w.dot | w.space) & after(found.named)


@rule(Finer.ORGANIZATION, needs=Word.OF, once=True)
def institution_of(w: Words, _: Standing) -> Mask:
    """`University of Ohio`, `Hospital of Saint Raphael`."""
    behind = after(w.capital & w.space) & ~after(w.has(Word.CLINICAL) & ~w.has(Word.PLACE))
    of = w.has(Word.OF) & w.space & before(w.has(Word.ORGANISATION) & w.title_case) & behind
    first = before(of)
    second = before(first) & w.space & w.capital & ~w.explained
    return of | after(of) | first | second


@rule(Finer.ORGANIZATION, needs=Word.INSTITUTION | Word.ORGANISATION)
def institution_after_name(w: Words, found: Standing) -> Mask:
    """`Kaiser Medical Group`, `Smith's Office`, `Springfield clinic`: what such a name goes on with behind a found word."""
    owned = w.has(Word.POSSESSIVE) & w.apostrophe & before(found.named)
    owner = before(found.named & ~w.has(Word.TITLE) | owned)
    more = (
        w.has(Word.INSTITUTION)
        & (w.title_case | w.caseless)
        & (w.space | before(w.has(Word.INSTITUTION)) & w.dot)
        & owner
    )
    small = w.has(Word.ORGANISATION) & w.space & before(found.named) & ~w.has(Word.EPONYM_TAIL, Word.CARE)
    office = (
        w.has(Word.INSTITUTION)
        & w.space
        & before(found.named & w.has(Word.PLACE, Word.STATE))
        & ~w.has(Word.CARE)
    )
    return more | small | office


@rule(Finer.ORGANIZATION)
def partner(w: Words, found: Standing) -> Mask:
    """`Johnson & Lee`, and the `'s` between two found words."""
    owned = w.apostrophe & w.has(Word.POSSESSIVE) & before(found.named) & after(found.named) & after(w.space)
    second = w.cased & w.ampersand & before(found.named)
    return second | owned | w.apostrophe & w.has(Word.POSSESSIVE) & before(second)


@rule(Finer.ORGANIZATION, needs=Word.WHERE, once=True)
def acronym_of_a_place(w: Words, _: Standing) -> Mask:
    """`at UCLA`, `from MGH`: three capitals or more behind a word of place, unless they are a clinical or very common word."""
    ordinary = w.has(Word.CLINICAL, Word.VERY_COMMON)
    return (
        before(w.has(Word.WHERE))
        & w.space
        & w.all_capitals
        & (w.lengths >= _ACRONYM)
        & ~ordinary
        & ~w.shouting_row
    )


@rule(Finer.ORGANIZATION, needs=Word.AT, once=True)
def at_a_place(w: Words, _: Standing) -> Mask:
    """`at Cedar Crest`, `at Memorial`: words with capitals behind `at`, unless very common ones."""
    ordinary = w.has(Word.VERY_COMMON) & ~w.has(Word.INSTITUTION)
    first = before(w.has(Word.AT)) & w.space & w.title_case & ~w.has(Word.MONTH, Word.EPONYM_TAIL) & ~ordinary
    return first | before(first) & w.space & w.title_case & ~ordinary


@rule(Finer.ORGANIZATION, needs=Word.SAINT, once=True)
def saint(w: Words, _: Standing) -> Mask:
    """`St. Mary's`, `Saint Luke`, `Mt. Sinai`, `Fort Worth`."""
    named = before(w.has(Word.SAINT) & w.title_case) & (w.dot | w.space) & w.title_case
    return named | after(named) | w.apostrophe & w.has(Word.POSSESSIVE) & before(named)


@rule(Kind.STREET)
def house_number(w: Words, found: Standing) -> Mask:
    """A number of up to five digits beside a found word that is no person's name."""
    word = found.named & (w.title_case | w.caseless) & ~w.has(Word.MONTH, Word.TITLE)
    local = word & (~w.explained | w.has(Word.PLACE, Word.STREET))
    number = w.number & (w.lengths <= _SHORT_HOUSE_NUMBER)
    before_it = after(w.space) & after(local) & ~(w.hyphen | w.glued)
    behind_it = w.space & before(word & ~w.name) & ~after(w.glued)
    return number & (before_it | behind_it)


@rule(Kind.STREET, needs=Word.STREET, once=True)
def street(w: Words, _: Standing) -> Mask:
    """A number, one to three words with capitals, and Street, Ave, Road ..."""
    end = w.has(Word.STREET) & (w.title_case | w.caseless | w.has(Word.STREET_SURELY))
    found = w.title_case & False
    word = w.letters & (w.title_case | w.caseless)
    for length in range(2, _LONGEST_STREET + 1):
        run = end.copy()
        for step in range(length):
            run &= before(w.space | w.dot, step) if step else w.space
        for step in range(1, length):
            run &= before(word, step)
        run &= before(w.number & (w.lengths <= _HOUSE_NUMBER), length)
        found |= run
        for step in range(1, length + 1):
            found |= after(run, step)
    return found


ORGANISATIONS: Final[tuple[WordRule, ...]] = (
    institution,
    caseless_institution,
    caseless_saint,
    institution_of,
    institution_after_name,
    partner,
    acronym_of_a_place,
    at_a_place,
    saint,
    house_number,
    street,
)
