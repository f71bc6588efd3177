"""Apache Kafka's jars: exactly those of the lock file, by SHA-256, kept in the user's cache folder.

Package `jgo` fetches each file into a staging folder; only what matches the lock moves to where it is used, so an
interrupted or tampered download leaves nothing behind. The files are checked again before every start.
"""

import hashlib
import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from importlib import resources
from pathlib import Path
from typing import Any

from sluicegate.schemas.errors import BrokerError, ConfigurationError

LOCK_FILE = "jars.lock.json"
KAFKA_VERSION = "4.3.0"
CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked file: Maven coordinates and the SHA-256 of its bytes, lower-case hex."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Its name in the cache folder."""
        return f"{self.artifact}-{self.version}.jar"


def locked_jars() -> tuple[Jar, ...]:
    """The jars of the lock file that ships with sluicegate, in class-path order."""
    text = resources.files("sluicegate.streams.kafka").joinpath(LOCK_FILE).read_text(encoding="utf-8")
    return tuple(Jar(**entry) for entry in json.loads(text)["jars"])


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/sluicegate`, by default below the home directory."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sluicegate"


def jar_folder(cache: Path) -> Path:
    """Where the jars of this version are."""
    return cache / f"kafka-{KAFKA_VERSION}"


def provide_jars(cache: Path | None = None) -> tuple[Path, ...]:
    """The verified jars in class-path order, downloaded when missing (about 45 MB, once per machine).

    Raises `BrokerError`: a damaged file is named with what to do, and so is a missing network.
    """
    jars = locked_jars()
    folder = jar_folder(cache or cache_folder())
    if any(not (folder / jar.file_name).exists() for jar in jars):
        _download_missing(jars, folder)
    with ThreadPoolExecutor(CONNECTIONS) as pool:  # hashing releases the interpreter lock
        intact = list(pool.map(lambda jar: sha256_of(folder / jar.file_name) == jar.sha256, jars))
    for jar, is_intact in zip(jars, intact, strict=True):
        if not is_intact:
            raise BrokerError(
                f"`{folder / jar.file_name}` is damaged (its SHA-256 is not the locked one): "
                "delete that file and start again, it will be downloaded"
            )
    return tuple(folder / jar.file_name for jar in jars)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, lower-case hex."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BrokerError(f"`{path}` cannot be read ({type(error).__name__}): fix or delete it") from None


def _download_missing(jars: tuple[Jar, ...], folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            flock(lock, LOCK_EX)  # a second process waits and then finds everything there
            missing = [jar for jar in jars if not (folder / jar.file_name).exists()]
            with tempfile.TemporaryDirectory(dir=folder, prefix=".staging-") as staging:
                _fetch(missing, Path(staging), folder)
    except OSError as error:
        raise BrokerError(f"the cache `{folder}` cannot be used ({type(error).__name__}): fix it") from None


def _fetch(missing: list[Jar], staging: Path, folder: Path) -> None:
    context = _maven(staging)

    def fetch(jar: Jar) -> None:
        component = context.project(jar.group, jar.artifact).at_version(jar.version)
        path = Path(component.artifact("", "jar").resolve())
        if sha256_of(path) != jar.sha256:
            raise BrokerError(
                f"`{jar.file_name}` arrived with another SHA-256 than the locked one and was thrown away: "
                "try again; if it happens again, distrust the network or the mirror"
            )
        path.replace(folder / jar.file_name)

    try:
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(fetch, missing))
    except BrokerError:
        raise
    except Exception as error:  # noqa: BLE001 - jgo raises whatever its transport raises
        raise BrokerError(
            f"Kafka's jars are not in `{folder}` and could not be downloaded ({type(error).__name__}): "
            "connect to the network once, or copy that folder from a machine that has it"
        ) from None


def _maven(staging: Path) -> Any:
    try:
        from jgo.config import GlobalSettings  # noqa: PLC0415 - the extra `broker` is optional
        from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
        from jgo.maven import MavenContext  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            "the development broker needs the extra `broker`: pip install 'sluicegate[broker]'"
        ) from None
    mirrors = GlobalSettings.load().repositories
    return MavenContext(repo_cache=staging, remote_repos={**mirrors, "central": MAVEN_CENTRAL_URL})
