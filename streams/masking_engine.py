"""The masking engine of this machine: its rules compiled once and kept in the user's cache, its vocabulary mapped from there."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from sluicegate.processors.masking.engine.engine import Engine
from sluicegate.processors.masking.engine.recognition import Recognition
from sluicegate.processors.masking.engine.rules import RULES
from sluicegate.processors.masking.engine.scan import HyperscanScanner, Re2Scanner, Scanner
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.kafka.jars import cache_folder
from sluicegate.streams.private_cache import keep, kept


def load_engine(
    *,
    words: bool = True,
    lexicon_file: Path | None = None,
    folder: Path | None = None,
    before_building: Callable[[], None] = lambda: None,
    ner: Recognition = Recognition.OFF,
    ner_folder: Path | None = None,
    before_converting: Callable[[], None] = lambda: None,
) -> Engine:
    """The engine with what this machine has: Hyperscan or else RE2, and with `words` the vocabulary for the closed world.

    The vocabulary is that of `lexicon_file`, or else built at the first use, which takes seconds; `before_building` is called before
    that. `ner` adds the token
    classifier, that of `ner_folder` or else of the extra `ner`, which is converted at the first use: `before_converting`.
    """
    scanner, lexicon = load_scanner(folder), None
    if words:
        from sluicegate.streams.lexicon.cache import provide  # noqa: PLC0415 - only who looks for names has the lists

        lexicon = provide(built_elsewhere=lexicon_file, before_building=before_building).lexicon
    if ner is Recognition.OFF:
        return Engine.of(scanner, lexicon)
    from sluicegate.streams.ner.model import load_ner  # noqa: PLC0415 - an extra of its own

    return Engine.of(scanner, lexicon, *load_ner(ner, lexicon, ner_folder, before_building=before_converting))


def load_scanner(folder: Path | None = None) -> Scanner:
    """The compiled rules; Hyperscan's database is kept in `folder` (the user's cache), because compiling takes a second."""
    try:
        version = metadata.version("hyperscan")
    except metadata.PackageNotFoundError:
        return Re2Scanner.of()
    rules = "\0".join(f"{rule.name}\1{rule.trigger}\1{rule.caseless}" for rule in RULES)
    digest = hashlib.sha256(f"{version}\0{rules}".encode()).hexdigest()
    file = (folder or cache_folder() / "masking") / f"rules-{digest[:32]}.hyperscan"
    if (compiled := kept(file)) is not None:
        with suppress(Exception):  # the library refuses what another version or processor has written
            return HyperscanScanner.loaded(bytes(compiled))
    scanner = HyperscanScanner.of()
    with suppress(ConfigurationError):  # a machine that cannot keep it compiles at each start
        keep(file, scanner.compiled())
    return scanner
