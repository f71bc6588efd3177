"""The lexicon: what it is built from, what it says, and how its file is kept."""

import os
import tomllib
from pathlib import Path

import pytest

from sluicegate.processors.masking.engine.hashing import phrase_hashes, word_hashes
from sluicegate.processors.masking.engine.lexicon import Lexicon, Word
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.lexicon import SOURCES, load, provide, sources
from sluicegate.streams.lexicon.building import Draft, compiled
from sluicegate.streams.lexicon.cache import save

_LARGEST = 12_000_000


def _of(lexicon: Lexicon, word: str) -> Word:
    return Word(int(lexicon.words.classes(word_hashes([word]))[0]))


def test_built_from_packages(tmp_path: Path) -> None:
    """The real packages give a lexicon that knows names, places, drugs and words apart; the second time it is only mapped."""
    said: list[str] = []
    provided = provide(tmp_path, before_building=lambda: said.append("building"))
    assert provided.built
    assert provided.path.stat().st_size <= _LARGEST
    lexicon = provided.lexicon
    assert Word.FREQUENT_FIRST | Word.FIRST in _of(lexicon, "Emily")
    assert Word.COMMON not in _of(lexicon, "Emily")
    assert Word.FREQUENT_LAST | Word.COMMON in _of(lexicon, "brown")
    assert Word.CLINICAL in _of(lexicon, "METFORMIN")
    assert Word.EPONYM in _of(lexicon, "Parkinson")
    assert Word.PLACE in _of(lexicon, "Springfield")
    assert Word.STATE in _of(lexicon, "Ohio")
    assert Word.VERY_COMMON in _of(lexicon, "the")
    assert not _of(lexicon, "xqulle")
    haven = phrase_hashes([word_hashes(["New"]), word_hashes(["Haven"])])
    assert Word.PLACE in Word(int(lexicon.phrases[2].classes(haven)[0]))

    again = provide(tmp_path, before_building=lambda: said.append("again"))
    assert said == ["building"]
    assert not again.built
    assert again.lexicon.digest == lexicon.digest
    assert not again.lexicon.words.slots.flags.writeable


def _small() -> Lexicon:
    draft = Draft()
    draft.add(["anna", "josé"], Word.FIRST)
    list(draft.add_name("New Haven", Word.PLACE))
    return compiled(draft)


def test_built_elsewhere(tmp_path: Path) -> None:
    """A file that is named is mapped as it is, or refused: nothing is built in its place."""
    path = tmp_path / "copied" / "masking.lexicon"
    made = _small()
    save(made, path)
    provided = provide(tmp_path / "cache", built_elsewhere=path)
    assert (provided.path, provided.built, provided.lexicon.digest) == (path, False, made.digest)
    path.write_bytes(path.read_bytes()[:-1])
    for wrong in (path, tmp_path / "missing.lexicon"):
        with pytest.raises(ConfigurationError, match="`sluicegate mask lexicon` builds one"):
            provide(tmp_path / "cache", built_elsewhere=wrong)
    assert not (tmp_path / "cache").exists()


def test_file_comes_back(tmp_path: Path) -> None:
    """What is mapped is what was written."""
    path = tmp_path / "deep" / "small.lexicon"
    made = _small()
    save(made, path)
    read = load(path)
    assert read.digest == made.digest
    assert _of(read, "Jose") == _of(read, "JOSÉ") == Word.FIRST
    assert [file.name for file in path.parent.iterdir()] == ["small.lexicon"]


@pytest.mark.parametrize("damage", [b"", b"SLUICEL1", b"something else entirely"])
def test_damaged_file(tmp_path: Path, damage: bytes) -> None:
    """A file that is cut off or something else is refused."""
    path = tmp_path / "bad.lexicon"
    path.write_bytes(damage)
    with pytest.raises(ConfigurationError, match="not a whole lexicon"):
        load(path)


def test_a_flipped_bit(tmp_path: Path) -> None:
    """A file of which one bit is wrong is refused."""
    path = tmp_path / "bad.lexicon"
    save(_small(), path)
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="not a whole lexicon"):
        load(path)


def test_pinned_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pickled source that is not the pinned file is not even opened."""
    package = tmp_path / "english_words"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "data" / "web2_alpha.pickle").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigurationError, match="is not the file that was pinned"):
        sources.dictionary()


def test_sources_are_declared() -> None:
    """Every package that is read is required by the extra `lexicon`, and says where its content is from and under which licence."""
    tree = Path(os.environ.get("SLUICEGATE_TREE", Path(__file__).parents[2]))
    project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = project["optional-dependencies"]["lexicon"]
    for source in SOURCES:
        assert source.licence
        assert source.origin
        assert any(one.lower().startswith(source.distribution.lower()) for one in required), (
            source.distribution
        )
