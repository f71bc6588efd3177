"""From a word that is found to the rest of the name: initials, surnames, particles, suffixes, states behind cities."""

from typing import Final

from sluicegate.processors.masking.identifiers import Kind

from .lexicon import Word
from .word_rule import Standing, WordRule, rule
from .words import Mask, Words, after, before


def _no_name(w: Words) -> Mask:
    return w.has(Word.MONTH, Word.EPONYM_TAIL)


@rule()
def initial_after_name(w: Words, found: Standing) -> Mask:
    """A capital alone behind a found word: `Anna S.`; not the words `a` and `I`."""
    stands = w.initial & w.space & before(found.named) & (w.capital | ~before(w.has(Word.TITLE)))
    return stands & (~w.has(Word.ARTICLE) | w.stopped)


@rule()
def initial_before_name(w: Words, found: Standing) -> Mask:
    """A capital alone before a found word: `J. Smith`, `J Smith`."""
    joined = after(w.dot) | after(w.space) & ~w.sentence_start
    return w.initial & joined & after(found.named)


@rule()
def name_after_first(w: Words, found: Standing) -> Mask:
    """A listed name behind a found first name or initial, even if it is a word."""
    opened = before(found.named) & (
        w.space & before(w.has(Word.FIRST) | w.initial) | w.dot & before(w.initial)
    )
    return w.title_case & w.name & opened & ~_no_name(w) & (~w.has(Word.VERY_COMMON) | w.frequent)


@rule()
def any_after_first(w: Words, found: Standing) -> Mask:
    """Any word with a capital behind a found first name is the surname."""
    opened = w.space & before(found.named & w.has(Word.FIRST) & w.title_case)
    return w.title_case & opened & ~_no_name(w) & ~w.has(Word.INSTITUTION) & ~w.link


@rule(caseless=True)
def caseless_after_first(w: Words, found: Standing) -> Mask:
    """Where case tells nothing: a listed name behind a found first name, unless it is a very common word."""
    opened = w.space & before(found.named & (w.has(Word.FIRST) | w.initial))
    ordinary = w.has(Word.VERY_COMMON) & ~w.has(Word.FREQUENT_LAST) | w.has(Word.CLINICAL) & ~w.frequent
    return w.caseless & w.name & opened & ~ordinary & (w.lengths > 2)  # noqa: PLR2004


@rule(caseless=True)
def caseless_pair(w: Words, found: Standing) -> Mask:
    """Where case tells nothing: a first name and a surname that are words too, side by side or with an initial behind."""
    ordinary = w.has(Word.VERY_COMMON, Word.CLINICAL)
    first = w.caseless & w.has(Word.FREQUENT_FIRST) & ~ordinary & ~found.kept
    last = w.caseless & w.has(Word.FREQUENT_LAST) & ~w.has(Word.MONTH) & ~ordinary
    pair = first & after(w.space) & after(last)
    return pair | before(pair) | first & after(w.space) & after(w.initial & w.stopped)


@rule(caseless=True)
def caseless_neighbour(w: Words, found: Standing) -> Mask:
    """Where case tells nothing: a word beside a found one, with a space or a hyphen, that no dictionary has."""
    strange = ~w.has(Word.COMMON, Word.CLINICAL) & ~w.link & (w.lengths > 2)  # noqa: PLR2004
    joined = w.space | w.hyphen
    return (
        w.caseless
        & strange
        & ~found.kept
        & (joined & before(found.named) | after(joined) & after(found.named))
    )


@rule(needs=Word.FIRST)
def first_before_surname(w: Words, found: Standing) -> Mask:
    """A first name that is a word too, before a found surname: `Will Carter`."""
    opens = after(w.space) & after(found.named) & after(w.has(Word.LAST))
    plain = ~w.has(Word.VERY_COMMON) | w.frequent & ~w.sentence_start
    return w.title_case & w.has(Word.FIRST) & opens & plain & ~w.has(Word.MONTH)


@rule(needs=Word.FIRST)
def first_before_unknown(w: Words, found: Standing) -> Mask:
    """A first name that is a word too, before a found word that is nothing else: `Amy Szepesy`."""
    opens = after(w.space) & after(found.named & ~w.explained & ~w.has(Word.PLACE, Word.STATE))
    written = w.title_case | w.caseless & ~w.has(Word.VERY_COMMON, Word.CLINICAL)
    return written & w.has(Word.FIRST) & w.frequent & opens & ~w.has(Word.MONTH) & ~found.kept


@rule()
def listed_with_names(w: Words, found: Standing) -> Mask:
    """A name that is a word too, in a list with found names: `Malon, Mark and Kaylee`."""
    named = found.named & w.name & ~w.has(Word.PLACE, Word.STATE)
    behind = w.comma & before(named) | w.space & before(w.has(Word.AND)) & before(named, 2) & before(
        w.space | w.comma
    )
    ahead = after(w.comma) & after(named) | after(w.space) & after(w.has(Word.AND)) & after(named, 2) & after(
        w.space, 2
    )
    written = w.title_case | w.caseless & w.frequent
    return written & found.ambiguous & w.name & (behind | ahead)


@rule(needs=Word.FREQUENT_LAST)
def surname_before_first(w: Words, found: Standing) -> Mask:
    """`White, Sheila`: a frequent surname that is a word too, where a name may begin, a comma, and a found first name."""
    ahead = after(w.comma) & after(found.named & w.has(Word.FIRST) & w.title_case)
    begins = w.sentence_start | w.comma
    return w.title_case & w.has(Word.FREQUENT_LAST) & begins & ahead & ~_no_name(w) & ~found.kept


@rule()
def neighbour(w: Words, found: Standing) -> Mask:
    """A word with a capital beside a found one, unless it is an everyday, a clinical or a telling word."""
    everyday = w.has(Word.VERY_COMMON, Word.CLINICAL, Word.TITLE) | _no_name(w) | w.sentence_start
    eponym = w.name & w.has(Word.EPONYM) & w.has(Word.EPONYM_TAIL)
    beside = w.space & before(found.named) | after(w.space) & after(found.named)
    return w.title_case & (~w.explained | ~everyday) & beside & ~eponym & ~found.kept


@rule()
def hyphenated(w: Words, found: Standing) -> Mask:
    """The other half of a hyphenated name, unless it is clinical."""
    halves = w.hyphen & before(found.named) | after(w.hyphen) & after(found.named)
    return w.title_case & halves & ~w.has(Word.CLINICAL)


@rule()
def apostrophe_name(w: Words, found: Standing) -> Mask:
    """`O'Brien`, `D'Angelo`: the letter before the apostrophe and the name behind it."""
    behind = w.apostrophe & before(found.named) & w.capital & ~w.has(Word.POSSESSIVE)
    return behind | w.initial & after(w.apostrophe) & after(found.named)


@rule(needs=Word.SUFFIX)
def suffix(w: Words, found: Standing) -> Mask:
    """`Jr`, `III`, `MD` behind a name."""
    bearer = before(found.named & (w.name | ~w.explained))
    return w.has(Word.SUFFIX) & (w.space | w.comma) & bearer & (w.capital | w.caseless)


@rule(needs=Word.LINK)
def particle(w: Words, found: Standing) -> Mask:
    """`van`, `de la`, `of`, `Di` between two found words."""
    between = w.space & before(found.named) & after(w.space) & after(found.named)
    whole = ~w.has(Word.JOINER) | before(w.has(Word.INSTITUTION) & w.capital)
    return w.link & (~w.capital | w.has(Word.PARTICLE)) & between & whole


@rule(Kind.PLACE, needs=Word.STATE_CODE)
def state_code_after_city(w: Words, found: Standing) -> Mask:
    """`Springfield, IL` and `Springfield IL`: the two letters behind a found word."""
    written = w.all_capitals | w.caseless & w.comma
    return written & w.has(Word.STATE_CODE) & (w.comma | w.space) & before(found.named)


@rule(Kind.PLACE, needs=Word.STATE)
def state_after_city(w: Words, found: Standing) -> Mask:
    """`Springfield, Illinois`, even where the state is a first name too."""
    return w.has(Word.STATE) & w.title_case & w.comma & before(found.named)


@rule(needs=Word.PARTICLE)
def particle_before_name(w: Words, found: Standing) -> Mask:
    """`de Vaan`, `van der Voet`: particles in small letters before a found word with a capital."""
    small = w.has(Word.PARTICLE) & ~w.capital
    one = small & after(w.space) & after(found.named & w.title_case)
    return one | small & after(w.space) & after(one)


@rule(Kind.PLACE, needs=Word.OPENER)
def place_opener(w: Words, found: Standing) -> Mask:
    """`South Haven`, `New Ulm`: what opens the name of a place, before a found word."""
    place = found.named & (w.title_case | w.caseless) & ~w.has(Word.TITLE, Word.MONTH)
    return (w.title_case | w.caseless) & w.has(Word.OPENER) & after(w.space) & after(place)


@rule(Kind.PLACE, needs=Word.OF)
def realm(w: Words, found: Standing) -> Mask:
    """`Republic of Ireland`, `Kingdom of the Netherlands`: the words before a found place."""
    link = w.has(Word.OF) | w.link & before(w.has(Word.OF))
    of = w.has(Word.OF) & before(w.has(Word.REALM) & (w.capital | w.caseless)) & w.space & after(w.space)
    direct = of & after(found.named & w.has(Word.PLACE, Word.STATE))
    over_the = of & after(link & ~w.capital) & after(found.named, 2) & after(w.space, 2)
    return direct | after(direct) | over_the | before(over_the) | after(over_the)


WIDENING: Final[tuple[WordRule, ...]] = (
    initial_after_name,
    initial_before_name,
    name_after_first,
    any_after_first,
    caseless_after_first,
    caseless_pair,
    caseless_neighbour,
    first_before_surname,
    first_before_unknown,
    listed_with_names,
    surname_before_first,
    neighbour,
    state_code_after_city,
    state_after_city,
    place_opener,
    hyphenated,
    apostrophe_name,
    suffix,
    particle,
    particle_before_name,
    realm,
)
