"""The compiled lexicon as one file in the user's cache folder: written once, checked and mapped read-only ever after.

The file, behind what `private_cache` writes: eight bytes of mark, four of the header's length, a header in JSON (tables with places and
probes), then the arrays. Processes that map it share its pages. Its name holds a digest of everything it was built from, so another
version of a package, or of the builder, is another file.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sluicegate.processors.masking.engine.lexicon import HashTable, Lexicon
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.kafka.jars import cache_folder
from sluicegate.streams.private_cache import DIGEST_BYTES, keep, kept

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


def provide(
    cache: Path | None = None,
    *,
    built_elsewhere: Path | None = None,
    before_building: Callable[[], None] = lambda: None,
) -> Provided:
    """The lexicon of the installed packages: mapped if it is there and whole, else built first (seconds).

    One that was built elsewhere is mapped, or refused, as it is: ConfigurationError.
    """
    if built_elsewhere is not None:
        return Provided(load(built_elsewhere), built_elsewhere, built=False)
    path = lexicon_path(cache)
    if path.exists():
        try:
            return Provided(load(path), path, built=False)
        except ConfigurationError:  # what was wrong with it is in the log
            pass
    before_building()
    save(build(), path)
    return Provided(load(path), path, built=True)


def save(lexicon: Lexicon, path: Path) -> None:
    """Write the file beside its place, then move it there: nobody ever sees half of it, and nobody else can write to it.

    Raises ConfigurationError when it cannot be kept there.
    """
    arrays = bytearray()
    tables = {
        name: {
            "slots": _added(arrays, table.slots),
            "combinations": _added(arrays, table.combinations),
            "probes": table.probes,
        }
        for name, table in _tables(lexicon).items()
    }
    encoded = json.dumps({"tables": tables, "digest": lexicon.digest.hex()}).encode()
    encoded += b" " * (-(DIGEST_BYTES + len(_MARK) + _LENGTH + len(encoded)) % _ALIGNMENT)
    keep(path, _MARK, len(encoded).to_bytes(_LENGTH, "big"), encoded, arrays)


def load(path: Path) -> Lexicon:
    """Map a lexicon; milliseconds.

    Raises ConfigurationError when the file is not one, is damaged, or others could have written it.
    """
    content = kept(path)
    if content is None or bytes(content[: len(_MARK)]) != _MARK:
        raise _no_lexicon(path)
    try:
        return _read(content)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise _no_lexicon(path) from None


def _no_lexicon(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"`{path}` is not a whole lexicon that only you or root can write: `sluicegate mask lexicon` builds one"
    )


def _read(content: memoryview) -> Lexicon:
    start = len(_MARK) + _LENGTH
    length = int.from_bytes(content[len(_MARK) : start], "big")
    header, arrays = json.loads(bytes(content[start : start + length])), content[start + length :]
    tables = {name: _table(arrays, placed) for name, placed in header["tables"].items()}
    words = tables.pop("words")
    phrases = {int(name): table for name, table in tables.items()}
    return Lexicon(words, phrases, bytes.fromhex(header["digest"]))


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
