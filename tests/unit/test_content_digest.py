"""What makes two records the same action."""

import pytest

from sluicegate.processors.gate.submissions import content_digest
from sluicegate.schemas.action import AccountName, Action
from sluicegate.schemas.canonical import canonical_json, sha256

ACTION = Action(
    deployment="prod",
    action_id="ac-1",
    agent="ops",
    lane="ops",
    type="crm.read",
    nonce=bytes(16),
    created_at_ms=1,
    arguments={"rows": 3, "share": 0.25, "names": ["ward", {"ü": None}], "deep": {"b": True, "a": 1e300}},
    summary="a round",
    supersedes="ac-0",
    on_behalf_of=AccountName(issuer="idp", subject="ann"),
)


def test_the_content_digest_is_the_one_that_changelogs_hold() -> None:
    """A gate that starts over what an earlier version kept finds the same digest for the same content."""
    assert content_digest(ACTION).hex() == "5945a84bb71b83747c7402e9fd0fc7a04ef2b7e188e2414a92a678f08b3ae870"


@pytest.mark.parametrize(
    "action", [ACTION, ACTION.model_copy(update={"on_behalf_of": None, "summary": None})]
)
def test_the_content_is_everything_but_nonce_and_creation_time(action: Action) -> None:
    """A second nonce or time changes nothing; every other field is in it."""
    content = action.model_dump(exclude={"nonce", "created_at_ms"})
    assert content_digest(action) == sha256(canonical_json(content))
    assert content_digest(action) == content_digest(
        action.model_copy(update={"nonce": bytes(32), "created_at_ms": 2})
    )
