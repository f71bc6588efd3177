"""Names, places and institutions, rule by rule: what stands in `[ ]` is found, nothing else is."""

import re

import numpy as np
import pytest

from sluicegate.processors.masking.engine.batch import TextBatch
from sluicegate.processors.masking.engine.closed_world import (
    EPONYM_GUARD,
    RULES,
    closed_world,
    closed_world_by_pieces,
)
from sluicegate.processors.masking.engine.hashing import phrase_hashes, word_hashes
from sluicegate.processors.masking.engine.kinds import CODES, Finer
from sluicegate.processors.masking.engine.lexicon import HashTable, Lexicon, Word
from sluicegate.processors.masking.engine.span_table import SpanTable, Stage
from sluicegate.processors.masking.identifiers import Kind

_FREQUENT = Word.FIRST | Word.FREQUENT_FIRST | Word.USUAL_FIRST
_SURNAME = Word.LAST | Word.FREQUENT_LAST
_EVERYDAY = Word.COMMON | Word.VERY_COMMON | Word.KNOWN
_WORDS = {
    "anna john emily": _FREQUENT,
    "smith carter lee": _SURNAME,
    "dwyer": Word.LAST,
    "heath": Word.LAST | Word.COMMON | Word.KNOWN,
    "grace": _FREQUENT | Word.COMMON | Word.KNOWN,
    "amy": _FREQUENT | Word.MOSTLY_FIRST | Word.COMMON | Word.KNOWN,
    "turkey": Word.STATE | Word.COMMON | Word.KNOWN,
    "republic": Word.REALM | Word.COMMON | Word.KNOWN,
    "and": Word.AND,
    "brown": _SURNAME | Word.COMMON | Word.KNOWN,
    "green": _SURNAME | _EVERYDAY,
    "north": Word.OPENER | _EVERYDAY,
    "will": _FREQUENT | Word.LAST | _EVERYDAY,
    "springfield": Word.PLACE,
    "phoenix": Word.PLACE | Word.COMMON | Word.KNOWN,
    "ohio": Word.STATE,
    "il": Word.STATE_CODE,
    "parkinson alzheimer": Word.EPONYM | Word.LAST,
    "disease sign palsy": Word.EPONYM_TAIL | _EVERYDAY,
    "score": Word.EPONYM_TAIL | Word.SCALE | _EVERYDAY,
    "coma cedar crest": Word.COMMON | Word.KNOWN,
    "metformin": Word.CLINICAL,
    "dr mr": Word.TITLE | _EVERYDAY,
    "jr md": Word.SUFFIX,
    "hospital clinic": Word.ORGANISATION | Word.INSTITUTION | _EVERYDAY,
    "center": Word.ORGANISATION | Word.INSTITUTION | Word.CARE | _EVERYDAY,
    "medical office": Word.INSTITUTION | _EVERYDAY,
    "st": Word.SAINT | Word.STREET | Word.LINK | _EVERYDAY,
    "mount": Word.SAINT | Word.COMMON,
    "street": Word.STREET | Word.STREET_SURELY | _EVERYDAY,
    "main": Word.COMMON | Word.KNOWN,
    "at": Word.WHERE | Word.AT | Word.LINK | Word.JOINER | _EVERYDAY,
    "in": Word.WHERE | Word.LINK | Word.JOINER | _EVERYDAY,
    "of": Word.OF | Word.LINK | _EVERYDAY,
    "the": Word.LINK | _EVERYDAY,
    "van": Word.LINK | Word.PARTICLE | Word.COMMON,
    "s": Word.POSSESSIVE | Word.LINK,
    "a i": Word.ARTICLE | _EVERYDAY,
    "patient named": Word.CUE | _EVERYDAY,
    "monday may": Word.MONTH | _EVERYDAY,
    "seen has had was with and said takes we went or near new haven salt lake city truth live met call tx": _EVERYDAY,
}


def _lexicon() -> Lexicon:
    words: dict[str, Word] = {}
    for listed, classes in _WORDS.items():
        for word in listed.split():
            words[word] = words.get(word, Word(0)) | classes
    table = HashTable.of(word_hashes(list(words)), np.array([int(one) for one in words.values()], np.uint64))
    phrases = {
        2: ["new haven", "cedar rapids"],
        3: ["salt lake city"],
        4: ["truth or so consequences"],
    }
    return Lexicon(table, {length: _phrases(length, listed) for length, listed in phrases.items()}, b"")


def _phrases(length: int, listed: list[str]) -> HashTable:
    columns = [word_hashes([phrase.split()[step] for phrase in listed]) for step in range(length)]
    return HashTable.of(phrase_hashes(columns), np.full(len(listed), int(Word.PLACE), np.uint64))


_LEXICON = _lexicon()


def _found(text: str, without: frozenset[str] = frozenset()) -> str:
    """The text with what is found in brackets."""
    batch = TextBatch.of_texts([text])
    spans = closed_world(batch, _LEXICON, SpanTable.empty(), without=without)
    shown = batch.text[:-1]
    for start, end in sorted(zip(spans.start.tolist(), spans.end.tolist(), strict=True), reverse=True):
        shown = shown[:start] + b"[" + shown[start:end] + b"]" + shown[end:]
    return re.sub(r"\]([ .'&-]{1,3})\[", r"\1", shown.decode())


_CASES = [
    ("listed-name", "We met [Dwyer] and Will."),
    ("unknown-word", "We met [Xqulle] at the hospital."),
    ("other-script", "We met [\u5f20\u4f1f]."),
    ("listed-place", "We met [Springfield]."),
    ("place-in-capitals", "We met [SPRINGFIELD] and had a CT."),
    ("name-in-capitals", "We met [SMITH] and had a CT."),
    ("unknown-in-capitals", "We met [XQUAILLE] and had MRI."),
    ("ordinary-word-as-name", "We met [Grace] and said grace."),
    ("place-of-words", "We live near [New Haven] or [Salt Lake City]."),
    ("ordinary-word-as-place", "We live in [Phoenix] with a Phoenix."),
    ("mostly-a-first-name", "[Amy] has a hospital."),
    ("country", "We had [Turkey] and turkey."),
    ("country", "We live near\n[Turkey]\nwith turkey."),
    ("speaker", "[Grace]: we met."),
    ("first-before-unknown", "[Grace Xqulle] was seen."),
    ("listed-with-names", "We met [Smith] and [Heath]."),
    ("particle-before-name", "We met [van Dwyer]."),
    ("place-opener", "We live near [North Xqulle] and north of it."),
    ("surname-before-first", "[Green, Anna] was seen."),
    ("initial-and-surname", "We met cc: [K. Green] and said grace."),
    ("realm", "We went with the [Republic of Ohio]."),
    ("titled", "We met [Dr. Metformin]."),
    ("second-after-title", "We met [Mr. Main Metformin]."),
    ("announced", "The patient [Heath] has heath metformin."),
    ("initial-after-name", "We met [Anna S]. A Monday."),
    ("initial-before-name", "We met [J. Smith]."),
    ("name-after-first", "We met [Anna J. Will]."),
    ("any-after-first", "We met [Anna Metformin]."),
    ("first-before-surname", "We met [Will Brown]."),
    ("neighbour", "We met [Smith Cedar]."),
    ("hyphenated", "We met [Smith-Cedar]."),
    ("apostrophe-name", "We met [O'Dwyer]."),
    ("suffix", "We met [Smith, MD]."),
    ("particle", "We met [Anna of Dwyer]."),
    ("state-code-after-city", "We live in [Springfield, IL]."),
    ("state-code-after-city", "We met x^[Springfield^IL]^."),
    ("institution", "Seen at the [Cedar Crest Hospital] and the hospital."),
    ("institution-of", "Seen with [Hospital of Ohio]."),
    ("institution-after-name", "Seen with [Smith's Office]."),
    ("partner", "Seen with [Smith & Main]."),
    ("acronym-of-a-place", "Seen in [XMC] with CT."),
    ("at-a-place", "Seen at [Cedar Crest] and was with Cedar."),
    ("saint", "Seen with [St. Main's] and [Mount Cedar]."),
    ("house-number", "We live in [12 Springfield]."),
    ("street", "We live in [12 Main Street]."),
    ("caseless-name", "we met [dwyer] and said grace."),
    ("caseless-unknown", "we met [xqulle] and said grace."),
    ("caseless-place", "we live in [springfield] and said grace."),
    ("caseless-after-first", "we met [anna heath] and said grace."),
    ("caseless-pair", "we met [grace brown] and said grace."),
    ("caseless-neighbour", "we met [smith xub] and said grace."),
    ("caseless-institution", "seen at [main medical hospital] with a hospital."),
    ("caseless-saint", "we live with [st. dwyer] and said grace."),
]


@pytest.mark.parametrize(("rule", "text"), _CASES, ids=[rule for rule, _ in _CASES])
def test_rule(rule: str, text: str) -> None:
    """The rule finds what is in brackets, and nothing else is found; without it less is."""
    plain = text.replace("[", "").replace("]", "")
    assert _found(plain) == text
    assert _found(plain, frozenset({rule})) != text


def test_every_rule_has_a_case() -> None:
    """No rule is without its smallest example, and every rule gives one reason, in one sentence."""
    tested = {rule for rule, _ in _CASES}
    assert {one.name for one in RULES} - tested == {"state-after-city"}
    assert all(one.reason and "\n" not in one.reason for one in RULES)
    assert len({one.name for one in RULES}) == len(RULES)


@pytest.mark.parametrize(
    "text",
    [
        "She has Parkinson disease.",
        "She has Parkinson's disease.",
        "She has Alzheimer's and takes metformin.",
        "The Xqulle Coma Score was had.",
        "A Babinski sign was seen.",
    ],
)
def test_eponyms(text: str) -> None:
    """Names of diseases, signs and scales name nobody, and are found only if the guard is off."""
    text = text.replace("She", "We")
    assert _found(text) == text
    assert _found(text, frozenset({EPONYM_GUARD})) != text


def test_a_person_before_a_tail() -> None:
    """A usual first name is a person, also before a word that ends the name of a disease."""
    assert _found("We met Anna disease.") == "We met [Anna] disease."


def test_words_of_another_stage() -> None:
    """What rules have found is left to them; the rest of the name is still found."""
    batch = TextBatch.of_texts(["We met Anna Smith."])
    rules = SpanTable.of([7], [11], Kind.USER, Stage.RULES)
    spans = closed_world(batch, _LEXICON, rules)
    assert [batch.text[start:end] for start, end in zip(spans.start, spans.end, strict=True)] == [b"Smith"]


def test_kinds() -> None:
    """People, places and institutions are told apart, and a span has one of them."""
    batch = TextBatch.of_texts(["Anna Smith was in Springfield", "with Cedar Crest Hospital, 12 Main Street"])
    spans = closed_world(batch, _LEXICON, SpanTable.empty())
    assert {CODES[Kind.NAME], CODES[Kind.PLACE], CODES[Finer.ORGANIZATION]} <= set(spans.kind.tolist())
    assert set(spans.stage.tolist()) == {Stage.CLOSED_WORLD}


def test_rows_do_not_touch() -> None:
    """A name never goes on in the next row or line."""
    batch = TextBatch.of_texts(["We met Anna", "Cedar said", "we met Anna\nCedar said"])
    spans = closed_world(batch, _LEXICON, SpanTable.empty())
    found = [batch.text[start:end] for start, end in zip(spans.start, spans.end, strict=True)]
    assert found == [b"Anna", b"Anna"]


def test_nothing_to_find() -> None:
    """Empty rows and rows of signs have no words."""
    for rows in ([], [""], ["", "..."], ["\n", " "]):
        assert len(closed_world(TextBatch.of_texts(rows), _LEXICON, SpanTable.empty())) == 0


def test_long_text_in_pieces() -> None:
    """Pieces find all that the whole finds: rows are whole in them, and a row that is longer than one is whole where they overlap."""
    lexicon = _lexicon()
    for text in (
        ["seen with Anna Smith near Springfield"] * 60,
        ["we met Mr. Brown and Emily Carter " * 400],
    ):
        batch = TextBatch.of_texts(text)
        rules = SpanTable.of([5], [9], Kind.NUMBER, Stage.RULES)

        whole = closed_world(batch, lexicon, rules).merged()
        pieces = closed_world_by_pieces(batch, lexicon, rules, longest=1 << 11).within(batch).merged()

        assert len(whole)
        assert not (whole.covered(len(batch.text)) & ~pieces.covered(len(batch.text))).any()
