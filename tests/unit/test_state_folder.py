"""The state folder: private, complete or not at all, and clear when it cannot be used."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.state_folder import StateFolder, read_private, write_private


def test_folders_and_secrets_are_for_the_owner_only(tmp_path: Path) -> None:
    """Folders are 0700 and files 0600, whatever the process's mask allows."""
    state = StateFolder(tmp_path / "state")
    state.create()
    state.secret_or_new("gate")
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(state.secret_path("gate").parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(state.secret_path("gate").stat().st_mode) == 0o600


def test_a_password_is_made_once(tmp_path: Path) -> None:
    """The second time the first password comes back, also when several ask at once."""
    state = StateFolder(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: state.secret_or_new("gate"), range(32)))
    assert len({password for password, _ in answers}) == 1
    assert [made for _, made in answers].count(True) == 1
    assert len(answers[0][0]) >= 43


def test_a_missing_password_names_its_file(tmp_path: Path) -> None:
    """Asking for a password that is not there says which file is missing."""
    with pytest.raises(ConfigurationError, match=r"no password for `gate`.*secrets/gate` is missing"):
        StateFolder(tmp_path).secret("gate")


def test_a_password_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A file of mode 0640 is not used, and the message says how to fix it."""
    state = StateFolder(tmp_path)
    state.secret_or_new("gate")
    state.secret_path("gate").chmod(0o640)
    with pytest.raises(ConfigurationError, match=r"others can read .* 0600"):
        state.secret("gate")


def test_a_failed_write_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    """Replacing is a rename: no reader sees half a file, and no temporary file stays."""
    path = tmp_path / "private" / "file"
    write_private(path, b"old")
    with pytest.raises(TypeError):
        write_private(path, "not bytes")  # type: ignore[arg-type]
    assert read_private(path) == b"old"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The error names the folder and the setting."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"cannot be used as state folder .*`state_dir`"):
        StateFolder(tmp_path / "file" / "state").create()
