"""`sign`, and the arguments of `submit`: pure until something is sent."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sluicegate.schemas import codec
from sluicegate.schemas.action import Action
from sluicegate.schemas.envelope import verify
from sluicegate.schemas.errors import SluicegateError
from sluicegate.schemas.grant import Signed
from sluicegate.schemas.ids import partition_of
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.cli import app
from sluicegate.streams.cli.actions import read_arguments
from sluicegate.streams.cli.times import since_ms


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A starter folder that is the working directory."""
    CliRunner().invoke(app, ["init", str(tmp_path)])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_sign_gives_a_record_that_a_gate_accepts_as_it_is(folder: Path) -> None:
    """Signature, payload type, key and partition fit the exact text of the value."""
    done = CliRunner().invoke(app, ["sign"], input='{"type": "crm.read", "arguments": {"id": 7}}')
    said = json.loads(done.stdout)
    key = PrivateKey.from_text((folder / ".sluicegate/keys/ops-agent.ed25519").read_text())
    value = said["value"].encode()
    headers = said["headers"]
    verify(key.public, Signed(payload_type=headers["content-type"], value=value, sig=headers["sig"]))
    action = codec.decode(headers["content-type"], value, {"action"})
    assert isinstance(action, Action)
    assert (action.type, action.agent, action.arguments) == ("crm.read", "ops-agent", {"id": 7})
    assert (said["topic"], said["key"]) == ("sluicegate.actions", "ops-agent")
    assert said["partition"] == partition_of("ops-agent", 6)


def test_sign_keeps_what_is_given_and_refuses_another_agent(folder: Path) -> None:
    """An id is the caller's to choose; whose action it is, is the key's."""
    assert folder
    mine = CliRunner().invoke(app, ["sign"], input='{"type": "x", "arguments": {}, "action_id": "mine-1"}')
    assert json.loads(mine.stdout)["id"] == "mine-1"
    other = CliRunner().invoke(app, ["sign"], input='{"type": "x", "arguments": {}, "agent": "other"}')
    assert other.exit_code == 2
    assert "another agent" in other.stderr


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '{"type": "x"}', '{"type": "x", "arguments": {"a": NaN}}', "\x00"]
)
def test_sign_refuses_what_no_gate_would_read(folder: Path, text: str) -> None:
    """Status 2, and nothing on standard output that could be sent."""
    assert folder
    done = CliRunner().invoke(app, ["sign"], input=text)
    assert (done.exit_code, done.stdout) == (2, "")


def test_sign_with_the_key_of_an_account_is_for_decisions(folder: Path) -> None:
    """Topic and signer follow."""
    decision = {
        "kind": "decision",
        "request_id": "rq-1",
        "action_id": "a-1",
        "action_digest": "00" * 32,
        "view_digest": "00" * 32,
        "agent": "ops-agent",
        "account": {"issuer": "local", "subject": "robin"},
        "choice": "reject",
    }
    done = CliRunner().invoke(app, ["sign", "--key", "robin"], input=json.dumps(decision))
    said = json.loads(done.stdout)
    key = PrivateKey.from_text((folder / ".sluicegate/keys/robin.ed25519").read_text())
    assert said["topic"] == "sluicegate.decisions"
    assert said["headers"]["sig"].startswith(key.key_id)


@pytest.mark.parametrize(
    ("pairs", "whole", "read"),
    [
        ([], None, {}),
        (
            ["records=3", "who=ann", "really=true", 'tags=["a"]'],
            None,
            {"records": 3, "who": "ann", "really": True, "tags": ["a"]},
        ),
        (["note=a=b"], None, {"note": "a=b"}),
        (["empty="], None, {"empty": ""}),
        (["more=1"], '{"id": "x"}', {"id": "x", "more": 1}),
    ],
)
def test_an_argument_is_json_when_it_reads_as_json_else_text(
    pairs: list[str], whole: str | None, read: dict[str, object]
) -> None:
    """`--arg` adds to `--arguments`."""
    assert read_arguments(pairs, whole) == read


@pytest.mark.parametrize(
    ("pairs", "whole"),
    [
        (["records"], None),
        (["=3"], None),
        (["a=1", "a=2"], None),
        ([], "[1]"),
        (["a=1"], '{"a": 2}'),
        ([], "/nofile"),
    ],
)
def test_arguments_that_could_mean_two_things_are_refused(pairs: list[str], whole: str | None) -> None:
    """Nothing is guessed about what an agent intends."""
    with pytest.raises(SluicegateError):
        read_arguments(pairs, whole)


def test_times_are_spans_before_now_or_dates() -> None:
    """A date without a zone is local."""
    assert since_ms(None) is None
    assert since_ms("2h", now_ms=10_000_000) == 2_800_000
    assert since_ms("1970-01-01T00:00:01+00:00") == 1_000
    for wrong in ("soon", "2x", "-1h", ""):
        with pytest.raises(SluicegateError, match="is no time"):
            since_ms(wrong)
