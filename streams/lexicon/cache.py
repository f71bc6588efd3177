"""The compiled lexicon as one file in the user's cache folder: written once, checked and mapped read-only ever after.

The file: eight bytes of mark, four of the header's length, a header in JSON (tables with places and probes, SHA-256 of all that
follows), then the arrays. Processes that map it share its pages. Its name holds a digest of everything it was built from, so another
version of a package, or of the builder, is another file.
"""

import hashlib
import json
import mmap
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sluicegate.processors.masking.engine.lexicon import HashTable, Lexicon
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.kafka.jars import cache_folder

from .building import BUILDER_VERSION, build
from .sources import installed
from .vocabulary import STATES_BY_SHORT_NAME, VOCABULARY

_MARK: Final = b"SLUICEL1"
_LENGTH: Final = 4
_ALIGNMENT: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class Provided:
    """A lexicon, where its file is, and whether it was built just now."""

    lexicon: Lexicon
    path: Path
    built: bool


def lexicon_path(cache: Path | None = None) -> Path:
    """Where the lexicon of the installed packages is or will be.

    Raises ConfigurationError when a package that is needed is missing.
    """
    built_from = {
        "packages": installed(),
        "builder": BUILDER_VERSION,
        "vocabulary": [[words, int(classes)] for words, classes in VOCABULARY],
        "states": STATES_BY_SHORT_NAME,
    }
    key = hashlib.sha256(json.dumps(built_from, sort_keys=True).encode()).hexdigest()[:32]
    return (cache or cache_folder()) / "lexicon" / f"{key}.lexicon"


def provide(cache: Path | None = None, *, before_building: Callable[[], None] = lambda: None) -> Provided:
    """The lexicon of the installed packages: mapped if it is there and whole, else built first (seconds)."""
    path = lexicon_path(cache)
    if path.exists():
        try:
            return Provided(load(path), path, built=False)
        except ConfigurationError:
            path.unlink(missing_ok=True)
    before_building()
    save(build(), path)
    return Provided(load(path), path, built=True)


def save(lexicon: Lexicon, path: Path) -> None:
    """Write the file beside its place, then move it there: nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = bytearray()
    tables = {
        name: {
            "slots": _added(arrays, table.slots),
            "combinations": _added(arrays, table.combinations),
            "probes": table.probes,
        }
        for name, table in _tables(lexicon).items()
    }
    header = {"tables": tables, "digest": lexicon.digest.hex(), "sha256": hashlib.sha256(arrays).hexdigest()}
    encoded = json.dumps(header).encode()
    padding = -(len(_MARK) + _LENGTH + len(encoded)) % _ALIGNMENT
    encoded += b" " * padding
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".new", delete=False) as file:
        file.write(_MARK + len(encoded).to_bytes(_LENGTH, "big") + encoded)
        file.write(arrays)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)


def load(path: Path) -> Lexicon:
    """Map a lexicon; milliseconds.

    Raises ConfigurationError when the file is not one, or is damaged.
    """
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""
    header, arrays = _checked(memoryview(content), path)
    tables = {name: _table(arrays, placed) for name, placed in header["tables"].items()}
    words = tables.pop("words")
    phrases = {int(name): table for name, table in tables.items()}
    return Lexicon(words, phrases, bytes.fromhex(header["digest"]))


def _checked(content: memoryview, path: Path) -> tuple[dict[str, Any], memoryview]:
    """The header and the arrays of a file, if it is one and whole."""
    start = len(_MARK) + _LENGTH
    length = int.from_bytes(content[len(_MARK) : start], "big")
    arrays = content[start + length :]
    header: dict[str, Any] = {}
    if bytes(content[: len(_MARK)]) == _MARK:
        with suppress(ValueError):
            header = json.loads(bytes(content[start : start + length]))
    if hashlib.sha256(arrays).hexdigest() != header.get("sha256"):
        raise ConfigurationError(f"`{path}` is not a whole lexicon: remove it, it will be built again")
    return header, arrays


def _tables(lexicon: Lexicon) -> dict[str, HashTable]:
    return {"words": lexicon.words, **{str(length): table for length, table in lexicon.phrases.items()}}


def _added(arrays: bytearray, array: NDArray[np.uint64]) -> tuple[int, int]:
    arrays.extend(b"\0" * (-len(arrays) % _ALIGNMENT))
    place = len(arrays)
    arrays.extend(array.astype("<u8").tobytes())
    return place, len(array)


def _table(arrays: memoryview, placed: dict[str, Any]) -> HashTable:
    slots, combinations = (
        np.frombuffer(arrays, "<u8", count=placed[name][1], offset=placed[name][0])
        for name in ("slots", "combinations")
    )
    return HashTable(slots, combinations, placed["probes"])
