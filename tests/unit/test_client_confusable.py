"""A10: names that a person could take for another one."""

import pytest

from sluicegate.schemas.errors import RefusedError
from sluicegate.streams.clients.confusable import refuse_misleading, refuse_twin, skeleton


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ops-1", "ops-l"),
        ("ops-I", "ops-1"),
        ("Ops", "ops"),
        ("o0o", "OOO"),
        ("modern", "modem"),
        ("vvolf", "wolf"),
        ("crm.read", "crm-read"),
        ("scope", "\u0455\u0441\u043e\u0440\u0435"),
        ("paypal", "p\u0430ypal"),
        ("alpha", "\u03b1lph\u03b1"),
        ("\ufb01le", "file"),
        ("\uff46\uff55\uff4c\uff4c", "full"),
        ("mu\u0308ller", "m\u00fcller"),
        ("zero\u200bwidth", "zerowidth"),
    ],
)
def test_a10_twins_have_one_skeleton(one: str, other: str) -> None:
    """Case, digits, look-alike letters, normal forms, full width and invisible characters."""
    assert skeleton(one) == skeleton(other)
    with pytest.raises(RefusedError, match="looks like"):
        refuse_twin(one, [other], "agent id")


@pytest.mark.parametrize(
    ("one", "other"), [("run-1", "run-2"), ("dana", "dane"), ("airline/10", "airline/01")]
)
def test_different_names_are_not_refused(one: str, other: str) -> None:
    """Names that a person can tell apart."""
    refuse_twin(one, [other, one], "agent id")


@pytest.mark.parametrize(
    "login", ["e\u0301va", "dana ", "da\tna", "dana\u202e", "d\u0430na", "\u0430lice", "dan\u200da", ""]
)
def test_a_login_that_misleads_is_refused_without_being_repeated(login: str) -> None:
    """Decomposed, with spaces, invisible or of two scripts; the error never shows it."""
    if not login:
        refuse_misleading(login, "subject")  # emptiness is the model's to refuse
        return
    with pytest.raises(RefusedError) as refused:
        refuse_misleading(login, "subject")
    assert login not in str(refused.value)


@pytest.mark.parametrize(
    "login", ["dana@clinic.test", "éva", "Дана", "山田タロウ", "U12345", "https://x.test/a?b=c"]
)
def test_a_login_of_one_script_is_accepted(login: str) -> None:
    """Any one script, with digits and punctuation; Han and Kana are one."""
    refuse_misleading(login, "subject")
