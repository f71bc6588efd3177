"""The secret of an export: drawn once, kept encrypted beside its chain, gone with it."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.processors.masking.export_secrets import ExportSecrets
from sluicegate.processors.masking.identifiers import Kind
from sluicegate.processors.masking.profile import BUILT_IN, load_profile
from sluicegate.schemas.state import ExportProgress

KEY = b"k" * 32
DIGEST = b"d" * 32


def draws(first: int = 0) -> "Iterator[bytes]":
    """Other bytes each time."""
    while True:
        first += 1
        yield bytes([first % 256]) * 64


def secrets_of(key: bytes = KEY, first: int = 0) -> ExportSecrets:
    """Secrets whose chance is told."""
    source = draws(first)
    return ExportSecrets(key, lambda size: next(source)[:size])


def chain(**fields: object) -> ExportProgress:
    """An open chain."""
    values: dict[str, object] = {
        "lane": "a",
        "source": "crm",
        "profile": "pii-basic",
        "grant_id": "gr-1",
        "next_sequence": 1,
        "last_digest": DIGEST,
        "updated_ms": 1,
    }
    return ExportProgress.model_validate({**values, **fields})


def test_a_chain_keeps_its_secret_whoever_asks() -> None:
    """Another worker, after a crash, with other chance: the same secret, and the state does not show it."""
    secret, kept = secrets_of().taken(chain())
    again, kept_again = secrets_of(first=100).taken(kept)
    assert again == secret
    assert kept_again == kept
    assert secret not in (kept.sealed_secret or b"")


def test_the_last_batch_ends_the_secret() -> None:
    """The state of a closed chain holds none; nothing that stays can make it again."""
    secret, kept = secrets_of().taken(chain())
    last, closed = secrets_of().taken(kept.model_copy(update={"closed": True}))
    assert last == secret
    assert closed.sealed_secret is None
    assert secrets_of(first=9).taken(closed)[0] != secret


def test_two_chains_have_two_secrets() -> None:
    """Each draws its own."""
    source = secrets_of()
    assert source.taken(chain())[0] != source.taken(chain(grant_id="gr-2"))[0]


@given(st.sampled_from([{"grant_id": "gr-2"}, {"grant_id": None, "stream": "gr-1"}]), st.integers(0, 71))
def test_a_sealed_secret_opens_in_its_place_only(other: dict[str, object], place: int) -> None:
    """Copied to another chain, changed, or under another masking key, it is none: a new one is drawn, nobody stops."""
    secret, kept = secrets_of().taken(chain())
    assert secrets_of(first=9).taken(kept.model_copy(update=other))[0] != secret
    assert secrets_of(b"o" * 32, first=9).taken(kept)[0] != secret
    sealed = bytearray(kept.sealed_secret or b"")
    sealed[place] ^= 1
    assert secrets_of(first=9).taken(kept.model_copy(update={"sealed_secret": bytes(sealed)}))[0] != secret


def test_no_representation_shows_a_secret() -> None:
    """Neither the masking key nor what is drawn."""
    assert KEY.decode() not in repr(secrets_of())


def test_pseudonyms_outlive_the_export_and_surrogates_do_not() -> None:
    """Where a profile says `pseudonym`, two exports of one masking key agree; in all else they do not."""
    profile = load_profile(
        "version: 1\nname: p\nextends: pii-basic\nkinds: {record: pseudonym}\n", source="p"
    )
    secrets = secrets_of()
    one, other = (secrets.surrogates(bytes([number]) * 32, profile) for number in (1, 2))
    assert one.pseudonym(Kind.RECORD, b"4711") == other.pseudonym(Kind.RECORD, b"4711")
    assert one.surrogate(Kind.EMAIL, b"a@b") != other.surrogate(Kind.EMAIL, b"a@b")
    plain, again = (secrets.surrogates(bytes([number]) * 32, BUILT_IN["pii-basic"]) for number in (1, 2))
    assert plain.proving != again.proving
