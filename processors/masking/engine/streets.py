"""Street addresses: a number with a street's name, in the orders in which the world writes them."""

import re
from typing import Final

from .batch import SEPARATOR
from .extents import Extent

SUFFIXES: Final = (
    "street|st|avenue|ave|av|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|place|pl|square|sq|terrace|ter|trail|trl|parkway|pkwy"
    "|highway|hwy|route|way|circle|cir|loop|crescent|cres|alley|row|walk|path|close|plaza|turnpike|expressway|mews|grove|gardens"
    "|heights|hill|ridge|run|point|pike|crossing|bypass|green|park|parade|esplanade|extension|springs|creek|mountain|island|forest"
    "|station|mission|manor|village|valley|view|vista|meadow|meadows|landing|harbor|bend|branch|bridge|brook|canyon|cliff|club|common"
    "|corner|cove|dale|dam|divide|estate|estates|falls|ferry|field|fields|flats|ford|forge|fork|forks|fort|garden|gateway|glen|haven"
    "|hollow|inlet|isle|junction|key|knoll|lake|lakes|lights|lodge|mall|mill|mills|motorway|neck|orchard|oval|overpass|passage"
    "|pine|pines|plain|plains|port|prairie|radial|ranch|rapid|rest|river|shoal|shore|skyway|spring|spur|stravenue|stream|summit|throughway"
    "|alleyway|bluff|bluffs|causeway|circles|cliffs|courts|crest|crossroad|crossroads|curve|drives|fords|freeway|glens|greens|groves|harbors"
    "|hills|islands|knolls|loaf|manors|mount|mountains|parks|ramp|ridges|roads|shoals|shores|squares|streets|unions|valleys|villages|walks|ways"
    "|trace|track|trafficway|tunnel|underpass|union|via|viaduct|ville|wall|well|wells"
)
"""Last words of a street's name (USPS Publication 28, appendix C1, and British ones)."""
PREFIXES: Final = (
    "Rue|RUE|Via|VIA|Calle|CALLE|Rua|RUA|Viale|Piazza|Plaza|Avenida|AVENIDA|Avda|Av|Ul|Ulica|Boulevard|Chemin|Impasse|Allee|Quai"
    "|Largo|Corso|Paseo|Camino|Carrera|Strada|Travessa|Praca|Vicolo|Cours|Route|Avenue (?:de|du|des)|C/|ul|rue|via|calle|rua"
)
"""First words of a street's name where it precedes the number."""

_STRONG: Final = frozenset(
    b"street st avenue ave av road rd lane ln drive dr boulevard blvd court ct terrace parkway pkwy highway hwy circle crescent trail turnpike".split()
)
"""Those that hardly mean anything else, so that they may begin with a small letter."""
_DIGIT: Final = re.compile(rb"[0-9]")
_NUMBERED: Final = re.compile(
    rb"(?<![0-9A-Za-z./$\-])(?:[0-9]{1,5} )?[0-9]{1,6}[A-Za-z]?(?:[\-/][0-9]{1,5}[A-Za-z]?)?,? (?:[A-Z0-9][A-Za-z0-9'.\-]{0,24},? |(?:of|the|de|la|del|and) ){1,5}\Z"
)
_NUMBERED_LOWER: Final = re.compile(rb"(?<![0-9A-Za-z./$\-])[0-9]{1,6}[a-z]? (?:[a-z0-9'.\-]{2,24} ){1,3}\Z")
_NAME_ONLY: Final = re.compile(rb"(?:\b[A-Z][a-z'\-]{1,24} ){1,3}\Z")
_AFTER: Final = re.compile(
    rb"\.?(?:,? (?:N|S|E|W|NE|NW|SE|SW|North|South|East|West)\b\.?)?(?:,? ?(?:(?:[Aa]pt|[Aa]partment|[Ss]uite|[Ss]te|[Uu]nit|[Rr]oom|[Ff]loor|[Ff]lat|APT|SUITE|UNIT)\.? ?#? ?|# ?)[0-9A-Za-z][0-9A-Za-z\-]{0,6}\b)?"
)
_NUMBER_AFTER: Final = re.compile(
    rb"\.?,? (?:[Nn][ro]?\.? ?)?[0-9]{1,5}[A-Za-z]?(?:[\-/][0-9A-Za-z]{1,5})?\b(?! ?(?:mg|ml|year|day|%))"
)
_WORD_BEFORE: Final = re.compile(rb"(?:[A-Z][A-Za-z.'\-]{0,30} ?){0,3}[A-Za-z\-]{0,30}\Z")
_PREFIXED: Final = re.compile(
    rb"[A-Z][A-Za-z'.\-]{0,30}(?: (?:(?:de|du|des|la|le|les|del|della|dei|di|da|do|dos|das|los|las|dalla|dello|degli|y|e|et|of)\b|[A-Z][A-Za-z'.\-]{0,30})){0,6}"
)
_HOUSE_BEFORE: Final = re.compile(rb"(?<![0-9.$])(?:[0-9]{1,5} )?[0-9]{1,5}[A-Za-z]?,? \Z")
_CAPITAL_OR_DIGIT: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_PARTICLES: Final = frozenset({b"of ", b"the ", b"de ", b"la ", b"del ", b"and "})
_LONGEST_WORD: Final = 28
_CASELESS_WINDOW: Final = 80
_MILITARY: Final = re.compile(
    rb"(?:PSC|CMR|UNIT|Unit|USNS|USCGC|USNV|USS|FPO|APO|DPO)\b,?(?: [A-Z][A-Za-z]{1,24}){0,2},?(?: [0-9]{1,6})?,?(?: (?:Box|BOX) [0-9]{1,6})?(?:[,\n ]{1,3}(?:APO|FPO|DPO))?(?:[, ]{1,2}A[AEP]\b)?(?:[, ]{1,2}[0-9]{5}(?:-[0-9]{4})?)?"
)
_MILITARY_PART: Final = re.compile(rb"[0-9]|\b(?:APO|FPO|DPO|A[AEP])\b")


def _other_suffixes() -> str:
    others = (word for word in SUFFIXES.split("|") if word.encode() not in _STRONG)
    return "|".join(f"{word[0].upper()}(?i:{word[1:]})" for word in others)


STRONG_SUFFIXES: Final = "|".join(sorted(word.decode() for word in _STRONG))
"""Those that may begin with a small letter, as a pattern."""
OTHER_SUFFIXES: Final = _other_suffixes()
"""The others: ordinary words too, so they need a capital."""


def numbered(text: bytes, start: int, end: int) -> Extent | None:
    """House number, name, suffix, direction and unit; a bare capitalised name only before an unmistakable suffix."""
    low = max(0, start - _LONGEST_WORD)
    word = text.rfind(b" ", low, start) + 1
    start += 1
    suffix = text[start:end]
    small = suffix[:1].islower()
    if not (small or text[word] in _CAPITAL_OR_DIGIT or text[word:start] in _PARTICLES):
        # The first word of a line or a row has no space before it.
        word = max(text.rfind(b"\n", low, start), text.rfind(SEPARATOR, low, start)) + 1
        if text[word] not in _CAPITAL_OR_DIGIT:
            return None
    before = None
    if digit := _DIGIT.search(text, max(0, start - _CASELESS_WINDOW), start):
        before = _NUMBERED.search(text, digit.start(), start)
        if before is None and small:
            before = _NUMBERED_LOWER.search(text, digit.start(), start)
    sure = before is not None
    # Without a number only `Ave` and longer: `St` and `Dr` are titles.
    if before is None and not small and len(suffix) > 3 and suffix.lower() in _STRONG:  # noqa: PLR2004
        before = _NAME_ONLY.search(text, max(0, start - _CASELESS_WINDOW), start)
    if before is None:
        return None
    after = _AFTER.match(text, end)
    return (before.start(), after.end() if after else end, None, 90 if sure else 55)


def named_with_number(text: bytes, start: int, end: int) -> Extent | None:
    """A street's name in one word, then the number: `Bahnhofstrasse 12a`."""
    before = _WORD_BEFORE.search(text, max(0, start - 60), start + 1)
    begins = before.start() if before else start
    number = _NUMBER_AFTER.match(text, text.rfind(b" ", start, end))
    # Some write a number first as well.
    first = _HOUSE_BEFORE.search(text, max(0, begins - 14), begins)
    begins = first.start() if first else begins
    return (begins, number.end() if number else end, None, None)


def prefixed(text: bytes, start: int, end: int) -> Extent | None:
    """The kind of street, its name, then perhaps the number: `Rue de la Paix 5`, `12 Calle Mayor`."""
    name = _PREFIXED.match(text, end - 1)
    stops = name.end() if name else end
    number = _NUMBER_AFTER.match(text, stops)
    before = _HOUSE_BEFORE.search(text, max(0, start - 14), start)
    return (before.start() if before else start, number.end() if number else stops, None, None)


def military(text: bytes, start: int, end: int) -> Extent | None:
    """A military post office, ship or unit with its box."""
    found = _MILITARY.match(text, start)
    if found is None or not _MILITARY_PART.search(found[0], 4):
        return None
    return (start, max(end, found.end()), None, None)
