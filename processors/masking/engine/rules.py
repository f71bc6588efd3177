"""What identifies by its shape or its label: one table, compiled by either scanner, for all classes of 45 CFR 164.514(b)(2)(i).

A rule's pattern is a *trigger*, in the syntax that Hyperscan and RE2 share: no captures, no look-around, no class that could hold the
row separator. Of a trigger's matches those count that lie in no other one; every scanner finds the same (`scan`). Without a check they
are the spans; with one they only say where to look.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sluicegate.processors.masking.identifiers import Kind

from . import extents, labels, streets
from .extents import Extent
from .kinds import Finer, SpanKind

Check = Callable[[bytes, int, int], Extent | None]
"""Told the text and where the trigger matched; says what is masked there, None for a harmless place."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        name: as `mask explain` shows it.
        kind: of its spans, unless its check knows better; None for a rule that marks what is *kept* (codes of a code system).
        trigger: the pattern.
        check: sets extent, kind and confidence from the text around the trigger.
        confidence: percent, where the check says nothing else.
        caseless: whether capitals count as small letters.
        yields: whether a match inside what other rules found whole is not looked at; it would say the same.
    """

    name: str
    kind: SpanKind | None
    trigger: str
    check: Check | None = None
    confidence: int = 80
    caseless: bool = False
    yields: bool = False


_TOP: Final = (
    "com|org|net|edu|gov|mil|int|io|info|biz|app|dev|health|clinic|hospital|online|site|eu|de|uk|fr|ch|nl|ca|au|jp|cn|ru|br"
    "|pl|se|dk|fi|cz|hu|pt|gr|mx|nz|za|kr|tw|hk|sg|il|ie|ro|ua|tr"
)
_TIME: Final = r"(?:[ T,]{1,2}[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?: ?[AaPp]\.?[Mm]\b|Z\b|[+\-][0-9]{2}:?[0-9]{2})?)?"
_EXTENSION: Final = r"(?:[ ,]{0,2}(?:x|ext\.?|extension|Ext\.?|X|EXT\.?)[ .:]?[0-9]{1,6})?"
_HEX4: Final = "[0-9A-Fa-f]{1,4}"
_OVER_89: Final = "(?:9[0-9]|1[0-4][0-9])"
_ONES: Final = "(?:one|two|three|four|five|six|seven|eight|nine)"
_LONG_MONTH: Final = "january|february|march|april|may|june|july|august|september|october|november|december"
_MONTH: Final = f"{_LONG_MONTH}|jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec"

_REACH: Final = (
    Rule("email", Kind.EMAIL, "@", extents.email, 95),
    Rule("email-written-out", Kind.EMAIL, r"[\[(]at[\])]", extents.written_email, 90, caseless=True),
    Rule("email-dot", Kind.EMAIL, r" dot (?:com|org|net|edu|gov)\b", extents.dotted_email, 90, caseless=True),
    Rule("url", Kind.URL, "://", extents.url, 95),
    Rule("url-www", Kind.URL, r"\bwww\.[A-Za-z0-9]", extents.web_host, 95, caseless=True),
    Rule("domain", Kind.URL, rf"\.(?:{_TOP})\b", extents.domain, 85, yields=True),
    Rule("ip", Kind.IP, r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b(?:[:/][0-9]{1,5}\b)?", None, 95),
    Rule("ip6", Kind.IP, rf"\b(?:{_HEX4}:){{3,7}}:?{_HEX4}\b", None, 90),
    Rule("ip6-short", Kind.IP, rf"\b(?:{_HEX4}:){{1,6}}:(?:{_HEX4}\b)?(?::{_HEX4}\b){{0,5}}", extents.short_ip6, 85),
    Rule("ip6-begins", Kind.IP, rf"::{_HEX4}(?::{_HEX4}){{0,6}}\b", extents.short_ip6, 85),
    Rule("mac", Kind.DEVICE, r"\b[0-9A-Fa-f]{2}(?:[:\-][0-9A-Fa-f]{2}){5}\b", None, 95),
    Rule("mac-dotted", Kind.DEVICE, r"\b[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\b", None, 90),
    Rule("phone", Kind.PHONE, rf"(?:\+?\b1[ .\-]{{0,2}})?(?:\([0-9]{{3}}\)[ .\-]?|\b[0-9]{{3}}[ .\-/])[0-9]{{3}}[ .\-]?[0-9]{{4}}\b{_EXTENSION}", None, 90),
    Rule("phone-run", Kind.PHONE, rf"\b1?[2-9][0-9]{{2}}[2-9][0-9]{{6}}\b{_EXTENSION}", extents.phone_run, 60),
    Rule("phone-abroad", Kind.PHONE, r"\+ ?\(?[0-9]", extents.phone, 90),
    Rule("phone-00", Kind.PHONE, r"\b00[1-9][0-9]", extents.phone, 80),
    Rule("phone-area", Kind.PHONE, r"\([0-9]{2,5}\) ?[0-9]{2}", extents.phone, 80, yields=True),
    Rule("phone-trunk", Kind.PHONE, r"\b0[0-9]{1,5}[ /\-][0-9]{2}", extents.phone, 80, yields=True),
    Rule("phone-local", Kind.PHONE, r"\b[2-9][0-9]{2}[ .\-][0-9]{4}\b", extents.local_phone, 60, yields=True),
    Rule("phone-pairs", Kind.PHONE, r"\b[0-9]{2,6}[ \-][0-9]{4,8}\b", extents.two_groups, 60, yields=True),
    Rule("phone-groups", Kind.PHONE, r"\b[0-9]{2,6}[ .\-][0-9]{2,6}[ .\-][0-9]{2}", extents.groups, 60, yields=True),
    Rule("extension", Kind.PHONE, r"\b(?:ext|extension)[. :]{0,2}[0-9]{2,6}\b", extents.extension, 70, caseless=True),
)  # fmt: skip
_DATES: Final = (
    Rule("date-numeric", Kind.DATE, rf"\b[0-9]{{1,4}} ?[/\-.] ?[0-9]{{1,2}} ?[/\-.] ?(?:[0-9]{{4}}|[0-9]{{2}})\b{_TIME}"),
    Rule("date-iso", Kind.DATE, r"\b(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:?[0-9]{2}", extents.timestamp, 95),
    Rule("date-compact", Kind.DATE, r"\b(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])\b", None, 70),
    Rule("date-day", Kind.DATE, r"\b(?:0?[1-9]|[12][0-9]|3[01])/(?:0?[1-47-9]|1[1-9]|2[0-9]|3[01])\b", extents.day_of_month, yields=True),
    # What may be a scale (4/10, 2/6) is a date only as a later month, or behind a word that says so.
    Rule("date-day-no-scale", Kind.DATE, r"\b(?:(?:0?[6-9]|1[0-2])/0?5|(?:0?[7-9]|1[0-2])/0?6|1[12]/10)\b", extents.day_of_month, yields=True),
    Rule("date-day-told", Kind.DATE, (
        r"\b(?:on|since|until|till|from|dated?|by|before|after|seen|admitted|discharged|visit|dob|born|of|due|through|to|around)[: ]{1,2}"
        r"(?:0?[1-9]|1[0-2])/(?:0?[56]|10)\b"
    ), extents.told_day, caseless=True, yields=True),
    Rule("date-month-year", Kind.DATE, r"\b(?:0?[1-9]|1[0-2])[/\-](?:19|20)[0-9]{2}\b"),
    Rule("date-year-month", Kind.DATE, r"\b(?:19|20)[0-9]{2}[/\-](?:0[1-9]|1[0-2])\b"),
    Rule("date-month", Kind.DATE, rf"\b(?:{_MONTH})\b", extents.month, caseless=True),
    Rule("date-month-glued", Kind.DATE, rf"\b(?:[0-9]{{1,2}}(?:{_MONTH})(?:[0-9]{{4}}|[0-9]{{2}})?|(?:{_MONTH})[0-9]{{1,4}})\b", caseless=True),
    Rule("date-weekday", Kind.DATE, r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b", None, 60, caseless=True),
    Rule("date-season", Kind.DATE, r"\b(?:spring|summer|fall|autumn|winter|[qQ][1-4])(?: of|,)? (?:19|20)[0-9]{2}\b", None, 70, caseless=True),
    Rule("date-holiday", Kind.DATE, (
        r"\b(?:christmas(?: eve| day)?|thanksgiving|easter(?: sunday| monday)?|halloween|hanukkah|ramadan|yom kippur|rosh hashanah|passover|diwali"
        r"|labor day|memorial day|veterans day|columbus day|presidents' day|martin luther king day|new year'?s(?: eve| day)|independence day"
        r"|(?:4th|fourth) of july|valentine'?s day|mother'?s day|father'?s day|st\.? patrick'?s day|boxing day|good friday|juneteenth)\b"
    ), None, 60, caseless=True),
    Rule("birth-date", Kind.BIRTH_DATE, r"\b(?:d\.?o\.?b|born|birth ?(?:date|day|year)|date of birth|year of birth)\b", extents.birth_date, 95, caseless=True),
    Rule("age", Kind.AGE, rf"\b{_OVER_89}[ \-]{{0,2}}(?:years?|yrs?|y/o|y\.o|yo)(?:[ \-]{{1,2}}old)?\b", None, 95, caseless=True),
    Rule("age-labelled", Kind.AGE, rf"\bage[d]?[ :=]{{1,3}}(?:of |is |at |was )?{_OVER_89}\b", extents.last_digits, 90, caseless=True),
    Rule("age-sex", Kind.AGE, r"\b(?:9[0-9]|10[0-9]) ?(?:yM|yF|M\b|/ ?[MF]\b)", None, 60),
    Rule("age-written", Kind.AGE, rf"\b(?:ninety(?:[ \-]{_ONES})?|(?:a|one) hundred(?: and)?(?: {_ONES})?)[ \-]years?[ \-]old\b|\b(?:nonagenarian|centenarian)s?\b", None, 90, caseless=True),
    Rule("age-decade", Kind.AGE, r"\b(?:in (?:his|her|their) |(?:early|mid|late)[ \-])(?:9|10)0'?s\b", extents.decade, 80, caseless=True),
)  # fmt: skip
_NUMBERS: Final = (
    Rule("ssn", Kind.SSN, r"\b[0-9]{3}[\-. /][0-9]{2}[\-. /][0-9]{4}\b", None, 95),
    Rule("card", Kind.CARD, r"\b[0-9]{4}[ \-]?[0-9]{4}[ \-]?[0-9]{4}[ \-]?[0-9]", extents.card, 90),
    Rule("card-amex", Kind.CARD, r"\b3[47][0-9]{2}[ \-]?[0-9]{6}[ \-]?[0-9]{5}\b", extents.card, 90),
    Rule("card-ends", Kind.CARD, r"\b(?:ending|ends|last (?:four|4)(?: digits)?)(?: in| with| are| is| of(?: \w{1,12})?)?[ :#\-]{1,3}[0-9]{4}\b", extents.last_digits, 85, caseless=True),
    Rule("card-hidden", Kind.CARD, r"(?:xx|\*\*)[ \-]?[0-9]{4}\b", extents.last_digits, 85, caseless=True),
    Rule("iban", Kind.ACCOUNT, r"\b[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4}", extents.iban, 90),
    Rule("vin", Kind.VEHICLE, r"\b[A-HJ-NPR-Z0-9]{17}\b", extents.vin, 80),
    Rule("mbi", Finer.HEALTH_PLAN, r"\b[1-9][A-Z][A-Z0-9][0-9]-?[A-Z][A-Z0-9][0-9]-?[A-Z]{2}[0-9]{2}\b", None, 90),
    Rule("dea", Kind.LICENSE, r"\b[A-Z][A-Z9][0-9]{7}\b", None, 70),
    Rule("uuid", Kind.NUMBER, r"\b[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\b", None, 95),
    Rule("udi", Kind.DEVICE, r"\(01\) ?[0-9]{6}", extents.udi, 95),
    Rule("photo", Kind.PHOTO, r"\.(?:jpe?g|png|gif|bmp|webp|tiff?|heic|dcm|dicom|mp4|mov|avi)\b", extents.file_name, 95, caseless=True),
    Rule("code-system", None, r"\b(?:cpt|loinc|icd|snomed|ndc|hcpcs|drg|rxnorm|rxcui|mesh|omim|pmid|cvx|atc|umls|cui)\b", caseless=True),
)  # fmt: skip
_ADDRESSES: Final = (
    Rule("street", Kind.STREET, rf" (?:{streets.STRONG_SUFFIXES})\b", streets.numbered, 90, caseless=True),
    Rule("street-word", Kind.STREET, rf" (?:{streets.OTHER_SUFFIXES})\b", streets.numbered, 90),
    Rule("street-german", Kind.STREET, r"[a-z ](?:strasse|strase|str\.|weg|platz|gasse|allee|straat|laan|gade|vagen|gatan|vej|utca|ulica) [0-9]", streets.named_with_number, 85, caseless=True),
    Rule("street-first", Kind.STREET, rf"\b(?:{streets.PREFIXES})\.? (?:(?:de|du|des|la|le|les|del|della|dei|di|da|do|dos|los|las|l'|dalla|dello|degli|dall)[ ']?){{0,2}}[A-Z]", streets.prefixed, 75),
    Rule("unit", Kind.STREET, r"\b(?:[0-9]{1,5} )?(?:P\.? ?O\.? ?Box|PO BOX|Apt|APT|Apartment|Suite|SUITE|Studio|Ste|STE|Unit|Room|Rm|Bldg|Building|Floor|Flat)\.? #? ?[0-9A-Z][0-9A-Z\-]{0,6}\b"),
    Rule("unit-number", Kind.STREET, r"\b(?:p\.? ?o\.? ?box|apt|apartment|suite|room|flat|bldg)\.? #? ?[0-9]{1,6}[a-z]?\b", caseless=True),
    Rule("military", Kind.STREET, r"\b(?:PSC|CMR|UNIT|Unit|USNS|USCGC|USNV|USS|FPO|APO|DPO)\b[ ,A-Z]{0,4}[0-9A-Z]", streets.military, 85),
    Rule("military-box", Kind.STREET, r"\b(?:psc|cmr|unit) [0-9]{1,6},? box [0-9]{1,6}\b", caseless=True),
    Rule("military-region", Kind.STREET, r"\b(?:apo|fpo|dpo)[, ]{1,2}a[aep]\b", caseless=True),
    Rule("zip", Kind.ZIP, r"\b[0-9]{5}-[0-9]{4}\b", None, 85),
    Rule("zip-labelled", Kind.ZIP, r"\b(?:zip|postal|post)(?: ?code)?(?: is|:)? {0,2}[0-9]{3,6}(?:-[0-9]{4})?\b", extents.last_number, 95, caseless=True),
    Rule("zip-state", Kind.ZIP, r"\b[A-Z]{2}[,.]?[ \n]{1,3}[0-9]{5}(?:-[0-9]{4})?\b", None, 90),
    Rule("zip-british", Kind.ZIP, r"\b[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}\b", extents.british_zip, 70),
    Rule("zip-canadian", Kind.ZIP, r"\b[A-Z][0-9][A-Z] [0-9][A-Z][0-9]\b", None, 80),
)  # fmt: skip
_LABELLED: Final = tuple(
    rule
    for one in labels.LABELS
    for rule in (
        Rule(f"{one.kind}-labelled", one.kind, one.trigger, one.value, 95, caseless=True),
        Rule(f"{one.kind}-worded", one.kind, one.word_trigger, one.word, 85),
    )
)

RULES: Final = (
    *_REACH,
    *_DATES,
    *_NUMBERS,
    *_ADDRESSES,
    *_LABELLED,
    Rule("phone-labelled", Kind.PHONE, r"\b(?:phone|telephone|tel|cell|mobile|call|pager|contact|text|whatsapp)\b[ :.#()+\-]{1,6}[0-9]", extents.labelled_phone, 95, caseless=True),
    Rule("fax-labelled", Finer.FAX, r"\bfax\b(?: records)?(?: (?:number|no|to|at|is))?[ :.#()+\-]{1,6}[0-9]", extents.labelled_phone, 97, caseless=True),
    Rule("plate", Kind.VEHICLE, r"\b[Pp]lates?(?: (?:no\.?|number|is|was))?[ :#]{1,3}[A-Z0-9]{1,4}[ \-][A-Z0-9]{2,5}\b", extents.last_groups, 85),
    Rule("user-field", Kind.USER, r"\b(?:user|usr|uid|login|account)=[\"']?[A-Za-z0-9]", extents.user_name, 90, caseless=True),
    Rule("user", Kind.USER, r"\b(?:user ?name|login|handle|user ?id|screen ?name)(?: is|:| ?=) ?[\"']?[A-Za-z0-9]", extents.user_name, 90, caseless=True),
)  # fmt: skip
"""INVARIANT: a rule takes nothing from another; what any of them finds is masked."""
