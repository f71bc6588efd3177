"""The checks before a release, in the order that the design fixes."""

from dataclasses import dataclass

from sluicegate.processors.contract import Record
from sluicegate.processors.directory import Directory, SignerKind
from sluicegate.processors.grant_signature import verify_grant
from sluicegate.processors.quorum import People, satisfied
from sluicegate.processors.standing import is_on_its_lane
from sluicegate.processors.tables import Tables
from sluicegate.schemas import codec
from sluicegate.schemas.action import Action
from sluicegate.schemas.envelope import (
    PATH_HEADER,
    envelope_digest,
    header,
    signed_part,
    split_signature,
)
from sluicegate.schemas.errors import ConfigurationError, RecordError, SignatureError
from sluicegate.schemas.grant import Grant, Signed
from sluicegate.schemas.ids import partition_of
from sluicegate.schemas.keys import PublicKey

from .check import Check, Refusal, Released
from .decisions import people_who_approved
from .signer import signer_of

OWN_TABLES = ("identities", "controls")
"""The global tables an executor reads; it needs no policy."""


@dataclass(frozen=True, slots=True)
class Post:
    """Where an examination takes place: the executor that is asked, and how far its clock may be off the broker's.

    `partitions` is the number of partitions of `execution.<executor>`, which is that of every co-partitioned topic.
    """

    deployment: str
    executor: str
    partitions: int
    skew_ms: int = 2_000


STRAY = frozenset(
    {
        Check.UNREADABLE,
        Check.UNSIGNED,
        Check.UNKNOWN_SIGNER,
        Check.BAD_SIGNATURE,
        Check.REVOKED_SIGNER,
        Check.WRONG_PARTITION,
    }
)
"""Checks after which a record is not the grant it names: no gate signed it, or it is a copy out of place.

Refusing it must leave that grant alone, or anybody's copy could end another's action.
"""


def examine(record: Record, tables: Tables, post: Post, now_ms: int) -> Released | Refusal:
    """Check a record of `execution.<executor>` from signer to revocation; `now_ms` is wall-clock time.

    Tables must be fresh: a refusal by tables that lag is not final, least of all `tables-behind`.
    """
    opened = _open(record, tables, now_ms)  # known signer
    if isinstance(opened, Refusal):
        return opened
    refused = (
        _place(opened, record, post)
        or _deployment(opened, post)
        or _tables(opened, tables)
        or _audience(opened, tables.directory, post)
        or _life(opened, record, tables.directory, post, now_ms)
    )
    if refused:
        return Refusal(refused, opened)
    action = _action(opened, tables, now_ms)  # action bytes match the digest
    if isinstance(action, Check):
        return Refusal(action, opened)
    people = people_who_approved(opened, action, tables, now_ms)  # decisions checked again
    if isinstance(people, Check):
        return Refusal(people, opened)
    refused = _floor(opened, people, tables.directory) or stopped(opened, tables, now_ms)
    return Refusal(refused, opened) if refused else Released(opened, action)


def _open(record: Record, tables: Tables, now_ms: int) -> Grant | Refusal:
    """Verify, then parse the same bytes; a refused one is parsed only to say what was refused."""
    try:
        signed = signed_part(record.headers, record.value or b"")
        path = header(record.headers, PATH_HEADER)
    except SignatureError:
        return Refusal(Check.UNSIGNED)
    except RecordError:
        return Refusal(Check.UNREADABLE)
    refused = _signer(signed, path, tables, now_ms)
    try:
        grant = codec.decode(signed.payload_type, signed.value, {"grant"})
    except RecordError:
        return Refusal(refused or Check.UNREADABLE)
    assert isinstance(grant, Grant)  # noqa: S101  # decode was told this kind
    return Refusal(refused, grant) if refused else grant


def _signer(signed: Signed, path: bytes | None, tables: Tables, now_ms: int) -> Check | None:
    try:
        key_id, _ = split_signature(signed.sig)
        signer = tables.directory.signer(key_id)
        if signer is None or signer.kind is not SignerKind.GATE:
            return Check.UNKNOWN_SIGNER
        verify_grant(signer.key, signed.payload_type, signed.value, signed.sig, (path or b"").decode("ascii"))
    except (SignatureError, UnicodeDecodeError):
        return Check.BAD_SIGNATURE
    return Check.REVOKED_SIGNER if tables.controls.key_revoked(key_id, now_ms) else None


def _deployment(grant: Grant, post: Post) -> Check | None:
    return None if grant.deployment == post.deployment else Check.WRONG_DEPLOYMENT


def _place(grant: Grant, record: Record, post: Post) -> Check | None:
    # INVARIANT: one grant, one partition: a copy on another one would meet an executor that knows nothing of its claim.
    partition = partition_of(grant.lane, post.partitions)
    right = record.key == grant.lane.encode() and record.position.partition == partition
    return None if right else Check.WRONG_PARTITION


def _tables(grant: Grant, tables: Tables) -> Check | None:
    behind = any(tables.positions.get(topic, 0) < grant.tables.get(topic, 0) for topic in OWN_TABLES)
    return Check.TABLES_BEHIND if behind else None


def _audience(grant: Grant, directory: Directory, post: Post) -> Check | None:
    if grant.executor != post.executor:
        return Check.NOT_THE_AUDIENCE
    return None if directory.executors_for(grant.type) == (post.executor,) else Check.NO_ROUTE


def _life(grant: Grant, record: Record, directory: Directory, post: Post, now_ms: int) -> Check | None:
    if now_ms >= grant.expires_at_ms:
        return Check.GRANT_EXPIRED
    longest_ms = directory.executors[post.executor].grant_life_ms
    # A gate's clock, or its stolen key, may name any time of issue; the broker's time of the append it cannot choose.
    begun_ms = min(grant.issued_at_ms, record.append_ms + post.skew_ms)
    return Check.LIFE_TOO_LONG if grant.expires_at_ms - begun_ms > longest_ms else None


def _action(grant: Grant, tables: Tables, now_ms: int) -> Action | Check:
    signed = grant.action
    if envelope_digest(signed.payload_type, signed.value) != grant.action_digest:
        return Check.ACTION_ALTERED
    try:
        action = codec.decode(signed.payload_type, signed.value, {"action"})
    except RecordError:
        return Check.ACTION_UNREADABLE
    assert isinstance(action, Action)  # noqa: S101  # decode was told this kind
    if _names(action) != _names(grant):
        return Check.OTHER_ACTION
    return action if _is_the_agents(action, signed, tables, now_ms) else Check.ACTION_NOT_THE_AGENTS


def _names(of: Action | Grant) -> tuple[str, ...]:
    return of.deployment, of.action_id, of.agent, of.lane, of.type


def _is_the_agents(action: Action, signed: Signed, tables: Tables, now_ms: int) -> bool:
    signer = signer_of(signed, tables, now_ms)
    if signer is None or (signer.kind, signer.id) != (SignerKind.AGENT, action.agent):
        return False
    return is_on_its_lane(tables.directory, action.agent, action.lane)


def _floor(grant: Grant, people: People, directory: Directory) -> Check | None:
    floor = directory.executors[grant.executor].floor.get(grant.type)
    if floor is None or (floor.quorum == 0 and not floor.groups):
        return None
    return None if satisfied(floor.groups, floor.quorum, people) else Check.FLOOR


def stopped(grant: Grant, tables: Tables, now_ms: int) -> Check | None:
    """Whether operators have paused or revoked what this grant needs; asked once more just before the act."""
    controls = tables.controls
    if controls.paused(action_type=grant.type, executor=grant.executor, agent=grant.agent):
        return Check.PAUSED
    if controls.grant_revoked(grant.grant_id):
        return Check.REVOKED_GRANT
    try:
        own = PublicKey.from_text(tables.directory.executors[grant.executor].key)
    except ConfigurationError:
        return Check.REVOKED_EXECUTOR
    return Check.REVOKED_EXECUTOR if controls.key_revoked(own.key_id, now_ms) else None
