"""Every rule on tiny inputs: what it masks, and the look-alikes that it leaves."""

import re

import pytest

from sluicegate.processors.masking.engine.batch import TextBatch
from sluicegate.processors.masking.engine.kinds import SAFE_HARBOR, Finer, SpanKind
from sluicegate.processors.masking.engine.rules import RULES
from sluicegate.processors.masking.engine.scan import HyperscanScanner, scan
from sluicegate.processors.masking.identifiers import Kind

_SCANNER = HyperscanScanner.of()

MASKED: tuple[tuple[SpanKind, str], ...] = (
    (Kind.EMAIL, "mail [jo.doe+x@mail.example.org] now"),
    (Kind.EMAIL, "mail [jo.doe @ example.org] now"),
    (Kind.EMAIL, "mail [jo (at) example (dot) org]"),
    (Kind.EMAIL, "mail [jo at example dot org] now"),
    (Kind.USER, "follow [@jodoe_77] there"),
    (Kind.USER, "username: [jdoe] is hers"),
    (Kind.USER, "login user=[jdoe] ok"),
    (Kind.URL, "see [https://example.org/a?b=1#c], then"),
    (Kind.URL, "see [www.example.org/x] now"),
    (Kind.URL, "see [portal.example.com] now"),
    (Kind.IP, "from [192.168.1.77] at"),
    (Kind.IP, "from [2001:0db8:85a3:0000:0000:8a2e:0370:7334] at"),
    (Kind.IP, "from [fe80::1] at"),
    (Kind.DEVICE, "adapter [00:1A:2B:3C:4D:5E] seen"),
    (Kind.PHONE, "at [(555) 010-4477 ext. 12] today"),
    (Kind.PHONE, "at [(555) 010-4477 EXT. 12] today"),
    (Kind.PHONE, "at [+1 555-010-4477] today"),
    (Kind.PHONE, "at [555.010.4477] today"),
    (Kind.PHONE, "at [+44 20 7946 0958] today"),
    (Kind.PHONE, "at [0161 496 0000] today"),
    (Kind.PHONE, "at [555-0104] today"),
    (Kind.PHONE, "at [22 456789] today"),
    (Finer.FAX, "fax: [555-010-4478] please"),
    (Kind.DATE, "on [03/14/2021] seen"),
    (Kind.DATE, "on [2021-03-14T10:22:33Z] seen"),
    (Kind.DATE, "on [14.3.21] seen"),
    (Kind.DATE, "on [March 14th, 2021] seen"),
    (Kind.DATE, "on [the 14th of March 2021] seen"),
    (Kind.DATE, "on [14-Mar-2021] seen"),
    (Kind.DATE, "on [Mar '23] seen"),
    (Kind.DATE, "on [March 2021] seen"),
    (Kind.DATE, "on [3/14] seen"),
    (Kind.DATE, "in [03/2021] seen"),
    (Kind.DATE, "until [Monday] then"),
    (Kind.DATE, "since [Christmas] then"),
    (Kind.DATE, "in [spring 2021] seen"),
    (Kind.DATE, "since [November] then"),
    (Kind.BIRTH_DATE, "DOB: [12/11/58] today"),
    (Kind.BIRTH_DATE, "born in [1931] there"),
    (Kind.AGE, "a [93-year-old] man"),
    (Kind.AGE, "a [101 y/o] man"),
    (Kind.AGE, "aged [94] now"),
    (Kind.AGE, "a [ninety-three year old] man"),
    (Kind.SSN, "has [078-05-1120] on file"),
    (Kind.SSN, "ssn [078051120] on file"),
    (Kind.CARD, "card [4111 1111 1111 1111] used"),
    (Kind.CARD, "card ending in [4242] used"),
    (Kind.ACCOUNT, "pay to [DE89 3704 0044 0532 0130 00] now"),
    (Kind.ACCOUNT, "account number [12345] open"),
    (Kind.RECORD, "MRN: [12-3456] seen"),
    (Kind.RECORD, "patient id [A12] seen"),
    (Kind.RECORD, "Patient #[12] seen"),
    (Finer.HEALTH_PLAN, "Member ID: [XYZ123456] valid"),
    (Finer.HEALTH_PLAN, "has [1EG4-TE5-MK73] valid"),
    (Finer.HEALTH_PLAN, "Policy number: [ABCD-EFGH] valid"),
    (Kind.LICENSE, "NPI [1234567893] signed"),
    (Kind.LICENSE, "license no. [A1234567] signed"),
    (Kind.VEHICLE, "car [1HGCM82633A004352] seen"),
    (Kind.VEHICLE, "plate [7ABC123] seen"),
    (Kind.VEHICLE, "plate [412 0WA] seen"),
    (Kind.DEVICE, "serial no. [PJN123456H] fitted"),
    (Kind.DEVICE, "code [(01)00844588003288(21)AB12] fitted"),
    (Kind.BIOMETRIC, "fingerprint template [FP-AB12CD] kept"),
    (Kind.BIOMETRIC, "retina scan id: [RX-ABCDEF] kept"),
    (Kind.PHOTO, "wound [IMG_2231_left.jpg] kept"),
    (Kind.STREET, "at [12 Oak Hill Road, Apt 4] now"),
    (Kind.STREET, "at [12 Kelly Alleyway] now"),
    (Kind.STREET, "at [7 12 Oak Hill Road] now"),
    (Kind.STREET, "send to [85 P.O. Box 771] now"),
    (Kind.STREET, "at [Bahnhofstrasse 12a] now"),
    (Kind.STREET, "at [Rue de la Paix 5] now"),
    (Kind.STREET, "send to [P.O. Box 771] now"),
    (Kind.STREET, "at [12 Calle Mayor 5] now"),
    (Kind.STREET, "at [96 Hausergasse 59] now"),
    (Kind.STREET, "to [unit 9456 box 8731] now"),
    (Kind.DATE, "seen [last December] there"),
    (Kind.PHONE, "ask for extension [4471] please"),
    (Kind.ZIP, "in [OH 44101] now"),
    (Kind.ZIP, "zip code [44101] now"),
    (Kind.ZIP, "in [SW1A 1AA] now"),
    (Kind.NUMBER, "study subject [AB-12345] joined"),
    (Kind.NUMBER, "value [550e8400-e29b-41d4-a716-446655440000] kept"),
    (Kind.NUMBER, "the [A12-123456] one"),
    (Kind.NUMBER, "the [884321] one"),
)  # fmt: skip

LEFT = (
    "pain 4/10 at rest",
    "a grade 2/6 murmur",
    "strength 5/5 throughout",
    "half a tablet, 1/2 tab",
    "CPT 99213, 99214 and 99215 billed",
    "ICD-10 E11.9 and LOINC 2345-7 noted",
    "SNOMED CT 22298006 noted",
    "NDC 0002-8215-01 dispensed",
    "BP 120/80, HR 76, T 98.6",
    "visit 2 of 3, group 12",
    "a 72-year-old man with L4-L5 pain",
    "the patient may march in place",
    "during the 1990s, mostly",
    "between 2019-2023 there were none",
    "flexion 90, extension 30 degrees",
    "costs $12500 a year",
    "T2N0M0, stage 3",
    "metformin 500 mg",
    "for about 15 months",
    "taken x 20 years",
    "the plate 3 way was read",
)


def _masked(text: str) -> list[tuple[SpanKind, str]]:
    batch = TextBatch.of_texts([text])
    spans = scan(batch, _SCANNER).within(batch).merged()
    return [(found.kind, batch.text[found.start : found.end].decode()) for found in spans]


@pytest.mark.parametrize(("kind", "text"), MASKED)
def test_what_a_rule_masks(kind: SpanKind, text: str) -> None:
    """What stands in brackets is masked, all of it and nothing else, under its kind."""
    marked = re.search(r"\[(.*)\]", text)
    assert marked is not None

    assert _masked(text.replace(f"[{marked[1]}]", marked[1])) == [(kind, marked[1])]


@pytest.mark.parametrize("text", LEFT)
def test_what_no_rule_masks(text: str) -> None:
    """Scales, codes of code systems, amounts, measures and decades identify nobody."""
    assert _masked(text) == []


def test_every_class_of_the_law_but_plain_names_has_a_rule() -> None:
    """Seventeen classes have a rule; names are the closed world's."""
    kinds = {rule.kind for rule in RULES}

    assert {letter for letter, named in SAFE_HARBOR.items() if not kinds & set(named)} == {"A"}


def test_rules_have_names_of_their_own() -> None:
    """`mask explain` can name a rule."""
    assert len({rule.name for rule in RULES}) == len(RULES)
