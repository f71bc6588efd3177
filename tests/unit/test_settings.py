"""Settings: where they come from, what is refused, and that no secret shows."""

from pathlib import Path

import pytest

from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.settings import MASK, load

SECRET = "s3cr3t-value"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, text: str) -> Path:
    """Put a settings file there."""
    path = folder / "sluicegate.toml"
    path.write_text(text)
    return path


def test_without_a_file_the_defaults_hold(folder: Path) -> None:
    """No file: a development deployment with its state beside the working directory."""
    settings = load()
    assert (settings.deployment, settings.prefix, settings.partitions) == ("development", "sluicegate.", 6)
    assert settings.bootstrap is None
    assert settings.state_dir == folder / ".sluicegate"


def test_the_file_is_found_upwards_and_its_paths_are_relative_to_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command in a sub-folder uses the file above it, and the state folder beside that file."""
    write(folder, 'deployment = "staging"\nstate_dir = "state"\npolicy = "rules.yaml"\n')
    below = folder / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    settings = load()
    assert settings.deployment == "staging"
    assert settings.state_dir == folder / "state"
    assert settings.policy == folder / "rules.yaml"


def test_the_environment_wins_over_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nested names are joined by two underscores; untouched neighbours keep the file's values."""
    write(folder, "[gate]\nworkers = 2\nskew_ms = 100\n")
    monkeypatch.setenv("SLUICEGATE_GATE__WORKERS", "3")
    assert (load().gate.workers, load().gate.skew_ms) == (3, 100)


def test_client_settings_pass_untouched_and_as_text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of [kafka] keep their spelling; a variable, which can hold no dot, uses underscores."""
    write(folder, '[kafka]\n"ssl.ca.location" = "/ca.pem"\n"socket.keepalive.enable" = true\n')
    monkeypatch.setenv("SLUICEGATE_KAFKA__SASL_PASSWORD", SECRET)
    assert load().kafka == {
        "ssl.ca.location": "/ca.pem",
        "socket.keepalive.enable": "true",
        "sasl.password": SECRET,
    }


def test_no_secret_shows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither `repr` nor the masked form nor an error holds a value of [kafka] that could be a secret."""
    write(
        folder,
        f'[kafka]\n"sasl.password" = "{SECRET}"\n"ssl.key.pem" = "{SECRET}"\n"security.protocol" = "SSL"\n',
    )
    settings = load()
    assert SECRET not in repr(settings) + str(settings.masked())
    assert settings.masked()["kafka"] == {
        "sasl.password": MASK,
        "ssl.key.pem": MASK,
        "security.protocol": "SSL",
    }
    monkeypatch.setenv("SLUICEGATE_PARTITIONS", SECRET)
    with pytest.raises(ConfigurationError, match="`partitions`") as caught:
        load()
    assert SECRET not in str(caught.value)


def test_broken_toml_is_named_by_position_only(folder: Path) -> None:
    """The message says where the file is broken and quotes nothing of it."""
    write(folder, f'[kafka]\npassword = "{SECRET}\n')
    with pytest.raises(ConfigurationError, match=r"sluicegate.toml` is not TOML at line 2") as caught:
        load()
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "bootstrap",
    [
        "kafka.example:9092",
        "10.0.0.7:9092",
        "127.0.0.1:9092,10.0.0.7:9092",
        "0.0.0.0:9092",
        "localhost.evil:9092",
    ],
)
def test_a_cluster_beyond_loopback_needs_tls(folder: Path, bootstrap: str) -> None:
    """Without TLS refused, with TLS accepted; one foreign host among local ones is enough."""
    write(folder, f'bootstrap = "{bootstrap}"\n')
    with pytest.raises(ConfigurationError, match="not on loopback and the connection has no TLS"):
        load()
    write(folder, f'bootstrap = "{bootstrap}"\n[kafka]\n"security.protocol" = "SASL_SSL"\n')
    assert load().bootstrap == bootstrap


@pytest.mark.parametrize(
    "bootstrap", ["127.0.0.1:9092", "localhost:9092", "[::1]:9092", "127.1.2.3:1,localhost:2"]
)
def test_loopback_needs_no_tls(folder: Path, bootstrap: str) -> None:
    """Every spelling of this machine is accepted as it is."""
    write(folder, f'bootstrap = "{bootstrap}"\n')
    assert load().bootstrap == bootstrap


@pytest.mark.parametrize(
    "key", ["isolation.level", "enable.idempotence", "acks", "transactional.id", "group.id"]
)
def test_what_exactly_once_rests_on_cannot_be_set(folder: Path, key: str) -> None:
    """A key that decides a promise is refused in [kafka], by name."""
    write(folder, f'[kafka]\n"{key}" = "anything"\n')
    with pytest.raises(ConfigurationError, match=f"`{key}` is decided by sluicegate"):
        load()


@pytest.mark.parametrize(
    "line",
    ['prefix = "no-dot"', "partitions = 0", 'deployment = "Not Allowed"', "unheard_of = 1", "[gate]\nx = 1"],
)
def test_settings_that_cannot_work_are_refused(folder: Path, line: str) -> None:
    """Wrong values and unknown names end in an error, never in a default."""
    write(folder, line + "\n")
    with pytest.raises(ConfigurationError, match="cannot work"):
        load()
