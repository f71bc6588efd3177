"""What masking keeps between two starts: nobody else can have written it, and nothing half-written is left."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from sluicegate.processors.masking.engine.lexicon import Word
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams import masking_engine, private_cache
from sluicegate.streams.lexicon import cache
from sluicegate.streams.lexicon.building import Draft, compiled
from sluicegate.streams.private_cache import is_own, keep, kept


def _given_to_another_user(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The superuser can give a file away; everybody else can only be somebody else than its owner."""
    if os.geteuid() == 0:
        os.chown(path, 12_345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12_345)


def test_what_is_kept_comes_back_and_is_for_its_owner_only(tmp_path: Path) -> None:
    """In a folder of mode 0700, a file of mode 0600."""
    path = tmp_path / "cache" / "rules"
    umask = os.umask(0)
    try:
        keep(path, b"com", b"piled")
    finally:
        os.umask(umask)

    assert bytes(kept(path) or b"") == b"compiled"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["rules"]


def test_nothing_is_kept_where_nothing_was_written(tmp_path: Path) -> None:
    """Neither a missing file nor a missing folder is an error."""
    assert kept(tmp_path / "rules") is None
    assert kept(tmp_path / "none" / "rules") is None


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_not_used(tmp_path: Path, mode: int) -> None:
    """What others can change is not what was written, whatever its digest says."""
    keep(tmp_path / "rules", b"compiled")
    (tmp_path / "rules").chmod(mode)

    assert kept(tmp_path / "rules") is None


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_that_others_can_write_is_not_read_and_then_made_private(tmp_path: Path, mode: int) -> None:
    """They could have put another file there; what is kept next is kept from them."""
    folder = tmp_path / "cache"
    keep(folder / "rules", b"foreign")
    folder.chmod(mode)

    assert kept(folder / "rules") is None
    keep(folder / "rules", b"own")

    assert folder.stat().st_mode & 0o777 == 0o700
    assert bytes(kept(folder / "rules") or b"") == b"own"


def test_a_file_of_another_user_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even in a folder of one's own."""
    keep(tmp_path / "rules", b"foreign")
    _given_to_another_user(tmp_path / "rules", monkeypatch)

    assert kept(tmp_path / "rules") is None


def test_a_folder_of_another_user_is_neither_read_nor_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner could exchange what is in it at any time; the message says what to do."""
    folder = tmp_path / "cache"
    keep(folder / "rules", b"foreign")
    _given_to_another_user(folder, monkeypatch)

    assert kept(folder / "rules") is None
    with pytest.raises(ConfigurationError, match=r"belongs to another user.*XDG_CACHE_HOME"):
        keep(folder / "rules", b"own")
    assert (folder / "rules").read_bytes().endswith(b"foreign")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """What it points to may be anywhere; it is replaced, and what it pointed to stays."""
    keep(tmp_path / "elsewhere", b"foreign")
    (tmp_path / "rules").symlink_to(tmp_path / "elsewhere")

    assert kept(tmp_path / "rules") is None
    keep(tmp_path / "rules", b"own")

    assert bytes(kept(tmp_path / "rules") or b"") == b"own"
    assert bytes(kept(tmp_path / "elsewhere") or b"") == b"foreign"


@pytest.mark.parametrize("content", [b"", b"short", bytes(32), b"x" * 40])
def test_a_damaged_file_is_not_used(tmp_path: Path, content: bytes) -> None:
    """Cut, empty, or of something else."""
    (tmp_path / "rules").write_bytes(content)

    assert kept(tmp_path / "rules") is None


def test_a_folder_in_its_place_is_not_used(tmp_path: Path) -> None:
    """And is an error with words when something is to be kept there."""
    (tmp_path / "rules").mkdir()

    assert kept(tmp_path / "rules") is None
    with pytest.raises(ConfigurationError, match="cannot be kept"):
        keep(tmp_path / "rules", b"own")


def test_a_start_up_cache_is_code_and_used_only_when_it_is_ones_own(tmp_path: Path) -> None:
    """The development broker would run what stands in it."""
    file = tmp_path / "start-cache" / "java.aot"
    assert not is_own(file)
    file.parent.mkdir(mode=0o755)
    file.parent.chmod(0o755)
    file.write_bytes(b"code")
    file.chmod(0o644)
    assert is_own(file)
    (tmp_path / "linked").symlink_to(file)
    assert not is_own(tmp_path / "linked")
    file.chmod(0o666)
    assert not is_own(file)
    file.chmod(0o644)
    file.parent.chmod(0o777)
    assert not is_own(file)


def test_nothing_is_left_behind_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves no file, and the rules work without being kept."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(private_cache.os, "fsync", full)

    with pytest.raises(ConfigurationError, match="no space left"):
        keep(tmp_path / "rules", b"own")
    assert masking_engine.load_scanner(tmp_path).matches(b"MRN: 448217\x1e")[0].size
    assert list(tmp_path.iterdir()) == []


def _lexicon_file(path: Path) -> bytes:
    draft = Draft()
    draft.add(["anna"], Word.FIRST)
    cache.save(compiled(draft), path)
    return bytes(kept(path) or b"")


@pytest.mark.parametrize(
    "header",
    [
        b"{}",
        b"[]",
        b"7",
        b"",
        b'{"tables": {}}',
        b"[" * 100_000,
        b"\xff",
        b'{"tables": {"words": {"slots": 1}}}',
    ],
)
def test_a_header_that_says_nothing_makes_no_traceback(tmp_path: Path, header: bytes) -> None:
    """A lexicon whose digest is right and whose header is not is refused like any other damage."""
    path = tmp_path / "bad.lexicon"
    whole = _lexicon_file(path)
    start = whole.index(b"SLUICEL") + 8
    length = int.from_bytes(whole[start : start + 4], "big")
    keep(path, whole[:start], len(header).to_bytes(4, "big"), header, whole[start + 4 + length :])

    with pytest.raises(ConfigurationError, match="not a whole lexicon"):
        cache.load(path)


def test_a_changed_header_is_damage(tmp_path: Path) -> None:
    """Fewer probes would find fewer names: the digest covers the header too."""
    path = tmp_path / "bad.lexicon"
    _lexicon_file(path)
    content = bytearray(path.read_bytes())
    place = content.index(b'"probes": ') + len(b'"probes": ')
    content[place] ^= 1
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match="not a whole lexicon"):
        cache.load(path)


def test_a_foreign_lexicon_is_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that knows nobody's name would let every name pass."""
    path = cache.lexicon_path(tmp_path)
    _lexicon_file(path)
    path.chmod(0o666)
    draft = Draft()
    draft.add(["berta"], Word.FIRST)
    monkeypatch.setattr(cache, "build", lambda: compiled(draft))

    provided = cache.provide(tmp_path)

    assert provided.built
    assert provided.lexicon.digest == compiled(draft).digest
    assert not cache.provide(tmp_path).built


def test_foreign_rules_are_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that matches nothing would leave every number as it is."""
    monkeypatch.setattr(masking_engine.metadata, "version", lambda _: "0")
    monkeypatch.setattr(masking_engine, "HyperscanScanner", _Scanner)
    assert masking_engine.load_scanner(tmp_path) == "compiled"
    assert masking_engine.load_scanner(tmp_path) == "loaded"
    (file,) = tmp_path.iterdir()
    file.write_bytes(hashlib.sha256(b"foreign").digest() + b"foreign")
    file.chmod(0o666)

    assert masking_engine.load_scanner(tmp_path) == "compiled"
    assert masking_engine.load_scanner(tmp_path) == "loaded"


def test_rules_that_another_machine_compiled_are_compiled_again(tmp_path: Path) -> None:
    """A home on several machines: Hyperscan refuses a database of another processor, with errors of its own."""
    masking_engine.load_scanner(tmp_path)
    (file,) = tmp_path.iterdir()
    whole = bytes(kept(file) or b"")
    keep(file, whole[:12] + b"\xff\xff\xff\xff" + whole[16:])

    assert masking_engine.load_scanner(tmp_path).matches(b"MRN: 448217\x1e")[0].size
    assert bytes(kept(file) or b"") == whole


class _Scanner(str):
    """Tells where it came from."""

    __slots__ = ()

    @classmethod
    def of(cls) -> "_Scanner":
        return cls("compiled")

    @classmethod
    def loaded(cls, _: bytes) -> "_Scanner":
        return cls("loaded")

    def compiled(self) -> bytes:
        return b"database"
