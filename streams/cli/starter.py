"""The files that `init` writes: small, commented, and working as they are. Pure."""

from dataclasses import dataclass
from importlib import resources
from string import Template
from typing import Final

POLICY: Final = "starter-policy.yaml"
"""Ships beside this module; a test loads it."""


@dataclass(frozen=True, slots=True)
class Starter:
    """What differs between two starter folders: keys and random ids."""

    operator_key_id: str
    operator_key: str
    owner: str
    """Person id of the one who answers for the agent."""
    reviewer: str
    """Person id of the one who may review."""
    second_reviewer: str
    deployment: str = "development"
    partitions: int = 6
    bootstrap: str | None = None
    """None leaves the line as a comment: the development broker of this machine."""
    privacy_key: str | None = None
    """The privacy office's public key, for masking that runs where the private half is not."""

    def settings(self) -> str:
        """`sluicegate.toml`."""
        cluster = _NO_CLUSTER if self.bootstrap is None else f'bootstrap = "{self.bootstrap}"'
        return _SETTINGS.substitute(
            key_id=self.operator_key_id,
            key=self.operator_key,
            deployment=self.deployment,
            partitions=self.partitions,
            cluster=cluster,
            masking="" if self.privacy_key is None else _MASKING.format(self.privacy_key),
        )

    def identities(self) -> str:
        """`identities.toml`."""
        return _IDENTITIES.substitute(
            owner=self.owner, reviewer=self.reviewer, second_reviewer=self.second_reviewer
        )


def policy() -> str:
    """`policy.yaml`."""
    return resources.files("sluicegate.streams.cli").joinpath(POLICY).read_text(encoding="utf-8")


IGNORED: Final = """\
# Private keys, passwords and the development broker's data. Never commit them.
.sluicegate/
"""

_NO_CLUSTER: Final = '# bootstrap = "kafka-1.example:9093,kafka-2.example:9093"'

_MASKING: Final = """\
[masking]
# Whom quarantined data is sealed to. Masking cannot open what it has sealed: the private half is not where it runs.
privacy_key = "{}"

"""

_SETTINGS: Final = Template("""\
# Settings of sluicegate. Every one can be overlaid by the environment: SLUICEGATE_GATE__WORKERS=2.
# `sluicegate config show` prints what is in force.

# Named in every signed record: what is signed for one deployment means nothing in another.
deployment = "$deployment"

# The cluster. Without it, the development broker of `sluicegate broker start` is used.
$cluster

# Of every topic about actions. Chosen once: it cannot change after the topics exist.
partitions = $partitions

# Private keys, passwords and the development broker's data; nobody else may read it, git must not see it.
state_dir = ".sluicegate"

policy = "policy.yaml"

[gate]
workers = 1

$masking[trust]
# Whose signatures on documents count: key id = public key. Every gate and every executor pins them here; they are
# never learned from a topic. The private half is .sluicegate/keys/operator.ed25519.
operators = { "$key_id" = "$key" }

# Handed to the Kafka client as it is. A cluster that is not on this machine needs TLS.
# [kafka]
# "security.protocol" = "SASL_SSL"
# "ssl.ca.location" = "/etc/ssl/kafka-ca.pem"
""")

_IDENTITIES: Final = Template("""\
# Who is who. `sluicegate identity apply` signs what differs from the cluster as documents and publishes them.
# Keys that are not written here are made in .sluicegate/keys, one file per id.

# Persons: the id is random and the only thing that audit ever says about them. Names live here and on `identities`.
[persons.$reviewer]
name = "Robin, the reviewer"

[persons.$second_reviewer]
name = "Sam, the second reviewer"

[persons.$owner]
name = "Olga, who answers for the agent"

# Accounts: one login of a person. `sluicegate approve --as robin` decides with it.
[accounts.robin]
issuer = "local"
subject = "robin"
person = "$reviewer"

[accounts.sam]
issuer = "local"
subject = "sam"
person = "$second_reviewer"

[accounts.olga]
issuer = "local"
subject = "olga"
person = "$owner"

# Groups: who may review as what. The policy says which groups a request needs. Olga is in one too, and still may
# not decide about what her own agent asks for: nobody behind an action may.
[groups]
security = ["$reviewer", "$second_reviewer", "$owner"]

# Agents: each has a person who answers for it.
[agents.ops-agent]
owners = ["$owner"]

# Masking: where a profile says `release: withheld`, it asks people whether what it held back may leave. A policy must
# let it ask: a rule on `export.release`. Neither its owner nor who is behind the original action may decide.
[agents.masking]
owners = ["$owner"]
releases = true

# Gates: executors accept grants by these keys only.
[gates.gate]
""")
