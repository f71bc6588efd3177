"""Small anchored looks around a trigger: how far an identifier reaches, of what kind it is, and how sure that is.

A check widens, types and weighs. It returns None only for what is no shape at all (a scale, a fraction, a range of years) and never
for a labelled value. Every pattern is bounded, so each look costs the same whatever the text is.
"""

import re
from operator import mul
from typing import Final

from sluicegate.processors.masking.identifiers import Kind

from .kinds import SpanKind

Extent = tuple[int, int, SpanKind | None, int | None]
"""What a check decided: start, end, kind and confidence (None: the rule's). A bare tuple, for one is made per trigger."""


# Mail and web

_WORDS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BEYOND_ASCII: Final = bytes(range(0x80, 0x100))
_LOCAL: Final = _WORDS + b"._%+'-" + _BEYOND_ASCII
_LABEL: Final = _WORDS + _BEYOND_ASCII
_LABELS: Final = _LABEL + b".-"
_FILE: Final = _LABELS + b"_%"
_LOCAL_SPACED: Final = re.compile(rb"[A-Za-z0-9._%+\-]{1,64} \Z")
_HOST: Final = re.compile(rb"[A-Za-z0-9\-\x80-\xff]{1,63}(?:\.[A-Za-z0-9\-\x80-\xff]{1,63}){0,8}")
_SPACED_HOST: Final = re.compile(rb" [A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){0,6}\.[A-Za-z]{2,12}\b")
_WRITTEN_HOST: Final = re.compile(rb"[ ]?[A-Za-z0-9\-]{1,63}(?: ?[\[(]dot[\])] ?|\.| dot )[A-Za-z.]{2,40}")
_HANDLE: Final = re.compile(rb"[A-Za-z_][A-Za-z0-9_.]{2,40}")
_WRITTEN_LOCAL: Final = re.compile(rb"(?i)[A-Z0-9._%+\-]{1,64} at [A-Z0-9.\-]{1,63}\Z")
_SCHEME: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]{0,20}\Z")
_PATH: Final = re.compile(rb"[A-Za-z0-9._~:/?#@!$&'()*+,;=%\-\[\]\x80-\xff]{1,2048}")
_PORT_AND_PATH: Final = re.compile(
    rb"(?::[0-9]{1,5})?[/?#][A-Za-z0-9._~:/?#@!$&'()*+,;=%\-\x80-\xff]{0,2048}"
)
_OPENS_PATH: Final = frozenset({b":", b"/", b"?", b"#"})
_CLOSING: Final = b".,;:!?'\")]"
_LONGEST_LOCAL: Final = 64
_LONGEST_LABELS: Final = 101
_LONGEST_FILE: Final = 100


def _trimmed(text: bytes, start: int, end: int, signs: bytes = _CLOSING) -> int:
    while end > start and text[end - 1] in signs:
        end -= 1
    return end


def _run_before(text: bytes, place: int, signs: bytes, longest: int) -> int:
    """Where the run of these signs begins that ends at a place; the place itself where there is none."""
    window = text[max(0, place - longest) : place]
    return place - len(window) + len(window.rstrip(signs))


def email(text: bytes, start: int, end: int) -> Extent | None:
    """Local part and host around an `@`, also with a space at the sign; a handle where there is no local part."""
    begins = _run_before(text, start, _LOCAL, _LONGEST_LOCAL)
    host = _HOST.match(text, end)
    if begins < start and host:
        return (begins, _trimmed(text, end, host.end()), None, None)
    spaced = _SPACED_HOST.match(text, end) or (host if host and b"." in host[0] else None)
    if spaced and begins < start:
        return (begins, spaced.end(), None, None)
    if spaced and (local := _LOCAL_SPACED.search(text, max(0, start - _LONGEST_LOCAL - 1), start)):
        return (local.start(), spaced.end(), None, None)
    handle = _HANDLE.match(text, end)
    if handle:
        return (start, _trimmed(text, end, handle.end()), Kind.USER, 60)
    return None


def written_email(text: bytes, start: int, end: int) -> Extent | None:
    """`someone [at] example [dot] org`."""
    begins = _run_before(text, start, _LOCAL, _LONGEST_LOCAL)
    if begins == start and (spaced := _LOCAL_SPACED.search(text, max(0, start - _LONGEST_LOCAL - 1), start)):
        begins = spaced.start()
    host = _WRITTEN_HOST.match(text, end)
    return (begins, host.end(), None, None) if begins < start and host else None


def dotted_email(text: bytes, start: int, end: int) -> Extent | None:
    """`someone at example dot org`."""
    before = _WRITTEN_LOCAL.search(text, max(0, start - 130), start)
    return (before.start(), end, None, None) if before else None


def url(text: bytes, start: int, end: int) -> Extent | None:
    """Scheme and all that follows `://`."""
    scheme = _SCHEME.search(text, max(0, start - 21), start)
    rest = _PATH.match(text, end)
    begins = scheme.start() if scheme else start
    return (begins, _trimmed(text, end, rest.end()), None, None) if rest else None


def web_host(text: bytes, start: int, end: int) -> Extent | None:
    """All that follows `www.`."""
    rest = _PATH.match(text, end)
    return (start, _trimmed(text, end, rest.end()) if rest else end, None, None)


def domain(text: bytes, start: int, end: int) -> Extent | None:
    """Labels before a top level, path after it."""
    begins = _run_before(text, start, _LABELS, _LONGEST_LABELS)
    while begins < start and text[begins] in b".-":
        begins += 1
    if begins == start:
        return None
    rest = _PORT_AND_PATH.match(text, end) if text[end : end + 1] in _OPENS_PATH else None
    return (begins, _trimmed(text, end, rest.end()) if rest else end, None, None)


def short_ip6(text: bytes, start: int, end: int) -> Extent | None:
    """An address with `::`; two colons between words are none."""
    shown = text[start:end]
    beside = text[max(0, start - 1) : start] + text[end : end + 1]
    hexadecimal = any(48 <= code < 58 for code in shown) or len(shown) > 8  # noqa: PLR2004 (digits; two groups)
    return (start, end, None, None) if hexadecimal and not beside.isalnum() else None


def file_name(text: bytes, start: int, end: int) -> Extent | None:
    """The name before the ending of a photo."""
    begins = _run_before(text, start, _FILE, _LONGEST_FILE)
    return (begins, end, None, None) if begins < start else None


# Telephone numbers

_PHONE: Final = re.compile(
    rb"\+? ?(?:\([0-9]{1,5}\)|[0-9]{1,15})(?:[ .\-/]{0,3}(?:\([0-9]{1,5}\)|[0-9]{1,12})){0,8}"
    rb"(?:[ ,]{0,2}(?:x|ext\.?|extension|Ext\.?|X|EXT\.?)[ .:]?[0-9]{1,6}\b)?"
)
_MEASURE: Final = re.compile(
    rb"(?i) ?(?:mg|mcg|ug|ml|kg|g|mm|cm|mmhg|units?|iu|meq|kcal|cal|cells|copies|bpm|degrees?|deg|years?|yrs?|days?|hours?|hrs?|min|minutes?|steps|feet|ft|%)\b|%"
)
_YEARS: Final = re.compile(rb"(?:19|20)[0-9]{2}[ \-](?:19|20)[0-9]{2}\Z")
_GROUPS: Final = re.compile(rb"[0-9]{2,6}(?:[ .\-][0-9]{2,6}){2,6}(?![0-9])")
_WHOLE: Final = re.compile(rb"[0-9]{2}\.\Z")
_FEWEST_PHONE_DIGITS: Final = 7
_MOST_PHONE_DIGITS: Final = 17
_FEWEST_LABELLED: Final = 5
_PAIR_DIGITS: Final = 8


_CODE_BEFORE: Final = re.compile(
    rb"(?i)\b(?:cpt|loinc|icd|snomed|ndc|hcpcs|drg|rxnorm|rxcui|umls)(?: ct)?[ :#\-]{0,3}(?:codes?|no\.?|number)?[ :#]{0,2}\Z"
)


def _is_coded(text: bytes, start: int) -> bool:
    """Behind the name of a code system: a drug's or a test's number, nobody's telephone."""
    return _CODE_BEFORE.search(text, max(0, start - 24), start) is not None


def _digits(shown: bytes) -> int:
    return len(shown) - len(shown.translate(None, b"0123456789"))


def phone(text: bytes, start: int, end: int) -> Extent | None:
    """Groups of digits from here, seven digits or more."""
    return _phone(text, start, end, _FEWEST_PHONE_DIGITS)


def labelled_phone(text: bytes, start: int, end: int) -> Extent | None:
    """The same behind its label, where five digits are enough."""
    begins = end - 1
    while begins > start and text[begins - 1] in b"+(":
        begins -= 1
    return _phone(text, begins, end, _FEWEST_LABELLED)


def _phone(text: bytes, start: int, end: int, fewest: int) -> Extent | None:
    found = _PHONE.match(text, start)
    if found is None or _digits(found[0]) < fewest or _is_coded(text, start):
        return None
    return (start, max(end, _trimmed(text, start, found.end(), b" .-/")), None, None)


def phone_run(text: bytes, start: int, end: int) -> Extent | None:
    """Ten digits on end, unless they are the fraction of a number (`868661.5575000001`)."""
    return None if _WHOLE.search(text, max(0, start - 3), start) else (start, end, None, None)


def local_phone(text: bytes, start: int, end: int) -> Extent | None:
    """Three and four digits, unless they measure something."""
    return (
        None
        if _MEASURE.match(text, end) or text[start - 1 : start] in {b".", b"$"}
        else (start, end, None, None)
    )


def two_groups(text: bytes, start: int, end: int) -> Extent | None:
    """Two groups of eight digits or more in all, that are no range of years."""
    shown = text[start:end]
    harmless = _digits(shown) < _PAIR_DIGITS or _YEARS.match(shown) or _MEASURE.match(text, end)
    return (
        None
        if harmless or text[start - 1 : start] in {b".", b"$"} or _is_coded(text, start)
        else (start, end, None, None)
    )


def groups(text: bytes, start: int, end: int) -> Extent | None:
    """Three groups or more, of seven digits or more in all."""
    found = _GROUPS.match(text, start)
    if found is None or _digits(found[0]) < _FEWEST_PHONE_DIGITS or _is_coded(text, start):
        return None
    kind = Kind.PHONE if _digits(found[0]) <= _MOST_PHONE_DIGITS else Kind.NUMBER
    return (start, max(end, found.end()), kind, None)


_ANGLE: Final = re.compile(rb"(?i) ?(?:deg|/|to\b)")


def extension(text: bytes, start: int, end: int) -> Extent | None:
    """The digits of an extension of a telephone; a joint's has degrees."""
    return None if _ANGLE.match(text, end) else last_number(text, start, end)


# Dates and ages

# What stands before a month is read backwards: one look where it ends, instead of one at every byte where it might begin.
_DAY_BACKWARDS: Final = re.compile(
    rb"(?i)(?: fo |[ \-/.]{1,2})(?:yad )?(?:ts|dn|dr|ht)?[0-9]{1,2}(?![0-9.])(?: eht)?"
    rb"| ,?\.?(?:nom|s?eut|dew|s?ruht|irf|tas|nus)\b|[ \-/][0-9]{2}(?:91|02)"
)
_BEGINS_DAY: Final = frozenset(bytes([code]) for code in b"0123456789' toTO")
_BEGINS_TIME: Final = frozenset({b",", b" ", b"T"})
_BEFORE_MONTH: Final = 17
_VERBS: Final = frozenset({b"may", b"march"})
_CAPITALS: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_MONTH_AFTER: Final = re.compile(
    rb"(?i)(?:\.?,?(?:[ \-/]|(?<=\.))(?:the )?[0-9]{1,2}(?:st|nd|rd|th)?\b(?! ?(?:mg|mcg|ml|%|:))(?:(?: ?- ?[0-9]{1,2}(?:st|nd|rd|th)?)?(?:,? ?(?:of )?(?:'[0-9]{2}|(?:19|20)[0-9]{2})|-[0-9]{2})\b)?"
    rb"|\.?,?[ \-/](?:of )?(?:(?:19|20)[0-9]{2}|'[0-9]{2})\b)"
)
_YEAR_AFTER: Final = re.compile(
    rb"\.?,?(?:[ \-/.]{1,2}|(?<=\.))(?:(?:19|20)[0-9]{2}|'?[0-9]{2}(?![0-9%/]))\b(?! ?(?:mg|mcg|ml|%|year|yr))"
)
_TIME_AFTER: Final = re.compile(
    rb"(?:,? (?:at |@ ?)?|T)[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?(?: ?[AaPp]\.?[Mm]\b\.?)?"
)
_LEADS: Final = "last this next past previous early mid late since until till in on by of during before after from to through every each and for between"
_LEAD_BACKWARDS: Final = re.compile(rf"(?i)[ \-](?:{'|'.join(_LEADS[::-1].split())})\b".encode())
_WHICH_BACKWARDS: Final = re.compile(rb"(?i) (?:tsal|siht|txen|tsap|suoiverp)\b")
_LONG_MONTHS: Final = frozenset(
    b"january february april june july august september october november december".split()
)
_DAY_AFTER_UNITS: Final = re.compile(
    rb"(?i)[/\-%0-9.]?[/%]|[\-.][0-9]| ?(?:tab|pack|cup|tsp|teaspoon|tablespoon|pill|dose|inch|mile|strength|of the|of an?\b|[a-z]{0,8}murmur|ppd\b)"
)
_ANY_DATE: Final = re.compile(
    rb"(?i)[^0-9\n\x1e\x1f]{0,24}?((?:[0-9]{1,4}[ /.\-,]{1,2}[0-9]{1,2}[ /.\-,]{1,2}[0-9]{2,4}|[0-9]{1,2}(?:st|nd|rd|th)?(?: of)?[ \-/][a-z]{3,9}\.?,?[ \-/]?(?:of )?[0-9]{0,4}"
    rb"|(?:19|20)[0-9]{2}(?:[/\-][0-9]{1,2})?|[0-9]{8}|[0-9]{1,2}/[0-9]{1,2}|'[0-9]{2}))\b"
)
_WORDED_BIRTH: Final = re.compile(
    rb"(?i)(?: is| was| in| on|:|,|\s){0,3} ?((?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.? ?[0-9]{0,2}(?:st|nd|rd|th)?,? ?(?:of )?(?:'?[0-9]{2,4})?)"
)
_STAMP: Final = re.compile(
    rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:?[0-9]{2}(?::?[0-9]{2}(?:[.,][0-9]{1,9})?)?(?:Z|[+\-][0-9]{2}:?[0-9]{2})?"
)
_HALF: Final = (b"1", b"2")
_TWO_GROUPS: Final = re.compile(rb"[A-Z0-9]{1,4}[ \-][A-Z0-9]{2,5}\Z")
_MONTHS: Final = 12


def month(text: bytes, start: int, end: int) -> Extent | None:
    """Everything around the name of a month that belongs to a date; alone only what is surely a month."""
    backwards = text[max(0, start - _BEFORE_MONTH) : start][::-1]
    before = _DAY_BACKWARDS.match(backwards)
    after = _MONTH_AFTER.match(text, end) if text[end + 1 : end + 2] in _BEGINS_DAY else None
    stops = after.end() if after else end
    if before and not after and (year := _YEAR_AFTER.match(text, end)):
        after, stops = year, year.end()
    if before or after:
        time = _TIME_AFTER.match(text, stops) if text[stops : stops + 1] in _BEGINS_TIME else None
        return (start - before.end() if before else start, time.end() if time else stops, None, 90)
    word = text[start:end].lower()
    if word in _LONG_MONTHS:
        which = _WHICH_BACKWARDS.match(backwards)
        return (start - which.end() if which else start, end, None, 60)
    if word in _VERBS and text[start] in _CAPITALS and _LEAD_BACKWARDS.match(backwards):
        return (start, end, None, 50)
    return None


def day_of_month(text: bytes, start: int, end: int) -> Extent | None:
    """Month and day, unless it is a half, a measure or a part of something longer."""
    one, other = text[start:end].split(b"/")
    if int(one) > _MONTHS and int(other) > _MONTHS:
        return None
    if text[start - 1 : start] in {b"/", b".", b"-"} or _DAY_AFTER_UNITS.match(text, end):
        return None
    return None if (one, other) == _HALF else (start, end, None, 60)


def told_day(text: bytes, start: int, end: int) -> Extent | None:
    """The same behind a word that says so, where the second number may end a scale."""
    return day_of_month(text, _run_before(text, end, b"0123456789/", end - start), end)


def timestamp(text: bytes, start: int, end: int) -> Extent | None:
    """A whole ISO 8601 time."""
    found = _STAMP.match(text, start)
    return (start, found.end() if found else end, None, None)


def birth_date(text: bytes, _start: int, end: int) -> Extent | None:
    """The first date, or year, soon after `born`, `DOB` or the like, with nothing between that is masked already."""
    found = _WORDED_BIRTH.match(text, end) or _ANY_DATE.match(text, end)
    return (*found.span(1), None, None) if found else None


def last_digits(text: bytes, start: int, end: int) -> Extent | None:
    """The digits at the end of the trigger."""
    begins = end
    while begins > start and 48 <= text[begins - 1] < 58:  # noqa: PLR2004 (`0` to `9`)
        begins -= 1
    return (begins, end, None, None)


def last_number(text: bytes, start: int, end: int) -> Extent | None:
    """The digits at the end, with a hyphen between them."""
    begins = end
    while begins > start and text[begins - 1] in b"0123456789-":
        begins -= 1
    return (begins, end, None, None)


def last_groups(text: bytes, start: int, end: int) -> Extent | None:
    """The two groups at the end."""
    found = _TWO_GROUPS.search(text, max(start, end - 11), end)
    return (found.start(), end, None, None) if found else None


def decade(text: bytes, start: int, end: int) -> Extent | None:
    """`90s` at the end."""
    begins = end
    while begins > start and text[begins - 1] in b"0123456789'sS":
        begins -= 1
    return (begins, end, None, None)


# Numbers that check themselves

_CARD: Final = re.compile(rb"[0-9](?:[ \-]?[0-9]){11,18}(?![0-9])")
_IBAN: Final = re.compile(rb"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_UDI: Final = re.compile(rb"(?:\([0-9]{2,3}\) ?[A-Za-z0-9\-/.]{1,30} ?){1,6}")
_DOSE: Final = re.compile(rb"[A-Z0-9 ]{1,6}[0-9](?:MG|ML|GM|CC|MM|CM|KG|HR|MC|IU|TH|ND|RD|ST|AM|PM)\Z")
_IBAN_DIGITS: Final = 8
_DIGITS: Final = b"0123456789"
_NO_DIGITS: Final = bytes(code for code in range(256) if code not in _DIGITS)
_NUMBERS: Final = bytes.maketrans(_DIGITS, bytes(range(10)))
_DOUBLED: Final = bytes.maketrans(bytes(range(10)), bytes(sum(divmod(2 * digit, 10)) for digit in range(10)))
_VIN_VALUES: Final = bytes.maketrans(
    b"ABCDEFGHJKLMNPRSTUVWXYZ0123456789",
    bytes((*range(1, 9), *range(1, 6), 7, 9, *range(2, 10), *range(10))),
)
_VIN_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def card(text: bytes, start: int, end: int) -> Extent | None:
    """All digits; Luhn's check only says whether to call it a card."""
    found = _CARD.match(text, start)
    stops = found.end() if found else end
    sure = luhn(text[start:stops])
    return (start, stops, Kind.CARD if sure else Kind.NUMBER, 95 if sure else 60)


def luhn(shown: bytes) -> bool:
    """Whether the last digit checks the others (ISO/IEC 7812-1)."""
    numbers = shown.translate(_NUMBERS, _NO_DIGITS)[::-1]
    return (sum(numbers[0::2]) + sum(numbers[1::2].translate(_DOUBLED))) % 10 == 0


def iban(text: bytes, start: int, end: int) -> Extent | None:
    """An IBAN by its check (ISO 7064, 97-10), or by enough digits."""
    found = _IBAN.match(text, start)
    if found is None or found.end() < end:
        return None
    shown = found[0].replace(b" ", b"")
    number = "".join(str(int(chr(code), 36)) for code in shown[4:] + shown[:4])
    if int(number) % 97 == 1:
        return (start, found.end(), Kind.ACCOUNT, 99)
    return (start, found.end(), Kind.ACCOUNT, 70) if _digits(shown) >= _IBAN_DIGITS else None


def vin(text: bytes, start: int, end: int) -> Extent | None:
    """Seventeen signs with a digit among them; the check digit (49 CFR 565.15) sets the confidence."""
    shown = text[start:end]
    if not _digits(shown):
        return None
    rest = sum(map(mul, shown.translate(_VIN_VALUES), _VIN_WEIGHTS)) % 11
    return (start, end, Kind.VEHICLE, 98 if shown[8:9] == b"0123456789X"[rest : rest + 1] else 70)


def udi(text: bytes, start: int, end: int) -> Extent | None:
    """A unique device identifier with its bracketed parts (GS1)."""
    found = _UDI.match(text, start)
    return (start, _trimmed(text, start, found.end(), b" .-/") if found else end, None, None)


def british_zip(text: bytes, start: int, end: int) -> Extent | None:
    """A British postal code, which some doses look like."""
    return None if _DOSE.match(text[start:end]) else (start, end, None, None)


_USER_NAME: Final = re.compile(rb"[A-Za-z0-9._\-@+]{2,64}")


def user_name(text: bytes, start: int, end: int) -> Extent | None:
    """The name behind its label."""
    found = _USER_NAME.match(text, end - 1)
    return (end - 1, _trimmed(text, end - 1, found.end()), None, None) if found and end > start else None
