"""Settings: `sluicegate.toml`, overlaid by `SLUICEGATE_*` variables (`SLUICEGATE_GATE__WORKERS=2`).

The file is looked for in the working directory and upwards. Relative paths in it are relative to its folder.
The table `[kafka]` is handed to the Kafka client untouched, except that keys which decide what "exactly once"
means are refused: those are sluicegate's to set.
"""

import ipaddress
import re
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from sluicegate.schemas.errors import ConfigurationError

FILE_NAME = "sluicegate.toml"
MASK = "********"
TLS_PROTOCOLS = frozenset({"SSL", "SASL_SSL"})
CLOSING_WINDOW_MS = 3_600_000

DECIDED_BY_US = frozenset(
    {
        "acks",
        "auto.offset.reset",
        "bootstrap.servers",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.idempotence",
        "group.id",
        "group.protocol",
        "group.remote.assignor",
        "isolation.level",
        "metadata.broker.list",
        "partitioner",
        "request.required.acks",
        "transaction.timeout.ms",
        "transactional.id",
    }
)
"""Client keys that `[kafka]` may not set: a promise or a right hangs on each."""

_SHOWN_AS_THEY_ARE = re.compile(r".*\.(ms|bytes|location|protocol|mechanisms?|algorithm|verification|enable)")


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class TrustSettings(_Table):
    """Whose signatures on documents count: pinned here, never learned from a topic."""

    operators: dict[str, str] = Field(default_factory=dict)
    """Key id to Ed25519 public key, base64url without padding."""


class GateSettings(_Table):
    """How a gate runs; every time is in milliseconds."""

    workers: int = Field(default=1, ge=1, le=64)
    skew_ms: int = Field(default=2_000, ge=0)
    """Allowed difference between the clock of a client and the broker's."""
    closing_window_ms: int = Field(default=CLOSING_WINDOW_MS, ge=60_000)
    """How long a closed action's marker is kept; an action created earlier than this is denied as stale."""
    transaction_age_ms: int = Field(default=20, ge=1, le=5_000)
    transaction_records: int = Field(default=500, ge=1, le=100_000)
    tables_fresh_ms: int = Field(default=2_000, ge=100)
    """Before a resolution the global tables have reached an end offset fetched at most this long ago."""
    stale_tables_limit_ms: int = Field(default=30_000, ge=1_000)
    """Tables staler than this: refuse instead of waiting on."""
    json_topics: tuple[Literal["approvals", "outcomes", "audit"], ...] = ()
    """Topics that are written as JSON instead of Avro, by the gate and by masking, for readers without an Avro schema."""
    watchdog_ms: int = Field(default=30_000, ge=5_000)
    """A worker whose client call has not returned for this long is ended and started again."""
    http: str | None = None
    """`host:port` for `/metrics`, `/healthz` and `/readyz`; None serves none."""
    http_beyond_loopback: bool = False
    """Whether `http` may be an address that other machines reach: it has neither TLS nor a password."""


class MaskingSettings(_Table):
    """How masking runs; every time is in milliseconds. Clock differences are allowed for as `[gate] skew_ms` says."""

    workers: int = Field(default=1, ge=1, le=64)
    privacy_key: str | None = None
    """The privacy office's X25519 public key, base64url; None takes the one whose private half is in the state folder."""
    transaction_age_ms: int = Field(default=20, ge=1, le=5_000)
    transaction_records: int = Field(default=4, ge=1, le=1_000)
    """Few: a batch may hold 4 MiB, and all of a transaction are in memory at once."""
    watchdog_ms: int = Field(default=240_000, ge=5_000)
    """Longer than the gate's: masking a transaction of large batches takes a while, and is no call that hangs."""
    http: str | None = None
    """`host:port` for `/metrics`, `/healthz` and `/readyz` of `mask run`; None serves none."""
    http_beyond_loopback: bool = False
    """Whether `http` may be an address that other machines reach: it has neither TLS nor a password."""


class Settings(BaseSettings):
    """Everything a command or client may be told; `load` is how to get one."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="SLUICEGATE_",
        env_nested_delimiter="__",
        hide_input_in_errors=True,
    )

    deployment: str = Field(default="development", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    """Named in every signed value: what is signed for one deployment means nothing in another."""
    bootstrap: str | None = None
    """`host:port,...` of a cluster; None means the development broker of `state_dir`."""
    prefix: str = Field(default="sluicegate.", pattern=r"^[a-z0-9][a-z0-9.-]{0,62}\.$")
    """Starts every topic, group and transactional id; ends with a dot so that no prefix reaches another's."""
    partitions: int = Field(default=6, ge=1, le=1_000)
    """Of every co-partitioned topic. Chosen once: it cannot change after the topics exist."""
    replication: int = Field(default=1, ge=1, le=7)
    state_dir: Path = Path(".sluicegate")
    """Broker data, passwords and private keys of this machine; mode 0700."""
    principal: str | None = None
    """The SASL user to connect as; None means the one that fits the command's role."""
    policy: Path = Path("policy.yaml")
    lexicon: Path | None = None
    """Masking's vocabulary, built elsewhere by `sluicegate mask lexicon`; None builds it here at the first use."""
    kafka: dict[str, str] = Field(default_factory=dict, repr=False)
    """Client settings for the cluster, such as TLS files and credentials; may hold secrets."""
    trust: TrustSettings = TrustSettings()
    gate: GateSettings = GateSettings()
    masking: MaskingSettings = MaskingSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, whose content arrives as initial values."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    @field_validator("kafka", mode="before")
    @classmethod
    def _client_keys(cls, table: Any) -> Any:
        if not isinstance(table, dict):
            return table
        return {_client_key(str(key)): _client_value(value) for key, value in table.items()}

    @field_validator("kafka")
    @classmethod
    def _nothing_decided_by_us(cls, table: dict[str, str]) -> dict[str, str]:
        if taken := sorted(DECIDED_BY_US & set(table)):
            raise ValueError(f"`{taken[0]}` is decided by sluicegate: remove it from [kafka]")
        return table

    @model_validator(mode="after")
    def _no_plaintext_beyond_loopback(self) -> Self:
        protocol = self.kafka.get("security.protocol", "").upper()
        if self.bootstrap is not None and protocol not in TLS_PROTOCOLS:
            for host in _hosts(self.bootstrap):
                if not is_loopback(host):
                    raise ValueError(
                        f"`{host}` is not on loopback and the connection has no TLS: "
                        "set `security.protocol` in [kafka] to SSL or SASL_SSL"
                    )
        return self

    def masked(self) -> dict[str, Any]:
        """What is in force, ready for JSON, with every value of `[kafka]` masked that could be a secret."""
        shown: dict[str, Any] = self.model_dump(mode="json")
        shown["kafka"] = {
            key: value if _SHOWN_AS_THEY_ARE.fullmatch(key) else MASK for key, value in self.kafka.items()
        }
        return shown


def load(path: Path | None = None, **overrides: Any) -> Settings:
    """The settings of `path`, or of the nearest `sluicegate.toml` upwards, or the defaults when there is none.

    `overrides` win over the file, not over the environment. Raises `ConfigurationError`, which names the
    setting and never its value.
    """
    found = path if path is not None else find_file(Path.cwd())
    table = {} if found is None else _read(found)
    folder = Path.cwd() if found is None else found.resolve().parent
    try:
        settings = Settings(**{**table, **overrides})
    except ValidationError as error:
        raise ConfigurationError(_explain(error, found)) from None
    lexicon = None if settings.lexicon is None else folder / settings.lexicon.expanduser()
    return settings.model_copy(
        update={
            "state_dir": folder / settings.state_dir.expanduser(),
            "policy": folder / settings.policy,
            "lexicon": lexicon,
        }
    )


def find_file(start: Path) -> Path | None:
    """The nearest `sluicegate.toml` in `start` or above it."""
    candidates = (folder / FILE_NAME for folder in (start, *start.parents))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def is_loopback(host: str) -> bool:
    """Whether a host can only be this machine; a name other than `localhost` is not looked up: no."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _hosts(bootstrap: str) -> list[str]:
    # librdkafka accepts `PROTOCOL://host:port` too; what is left of `://` does not make a host safe.
    addresses = [address.strip().rpartition("://")[2] for address in bootstrap.split(",")]
    if not all(addresses):
        raise ValueError("`bootstrap` must be `host:port`, several separated by commas")
    return [_host(address) for address in addresses]


def _host(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address if address.count(":") > 1 else address.partition(":")[0]


def _client_key(key: str) -> str:
    # An environment variable cannot hold a dot: SLUICEGATE_KAFKA__SASL_PASSWORD means `sasl.password`.
    return key if "." in key or key == "log_level" else key.replace("_", ".")


def _client_value(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        # The decoder's own message can quote the file, which may hold a secret: keep the position only.
        where = re.search(r"line \d+, column \d+", str(error))
        raise ConfigurationError(f"`{path}` is not TOML{f' at {where[0]}' if where else ''}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"`{path}` cannot be read: {type(error).__name__}") from None


def _explain(error: ValidationError, path: Path | None) -> str:
    where = f"`{path}` or the environment" if path else "the environment"
    lines = [
        f"`{'.'.join(map(str, problem['loc']))}`: {problem['msg']}" if problem["loc"] else problem["msg"]
        for problem in error.errors(include_input=False, include_url=False)
    ]
    return f"settings in {where} cannot work: " + "; ".join(lines)
