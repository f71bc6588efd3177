"""`init`: a starter folder that works as it is."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sluicegate.streams.clients.privacy_key import NAME as PRIVACY_KEY
from sluicegate.streams.clients.privacy_key import privacy_key_or_new
from sluicegate.streams.clients.signed_record import random_id
from sluicegate.streams.clients.stored_key import key_or_new
from sluicegate.streams.masking_workers import MASKING_KEY
from sluicegate.streams.settings import FILE_NAME, Settings, find_file
from sluicegate.streams.state_folder import StateFolder

from . import starter
from .identities_file import FILE_NAME as IDENTITIES
from .identities_file import read_identities
from .options import AsJson
from .screen import note, print_json, rows

OPERATOR = "operator"
"""The id of the operator's key file."""
STATE = ".sluicegate"

NEXT = """\
Next, {where}in this order:
  sluicegate up                        a real Kafka with the gate, until Ctrl-C; go on in a second terminal
  sluicegate identity apply            publish who is who
  sluicegate policy publish            put policy.yaml in force
  sluicegate executor add crm --types crm.read,crm.delete
  sluicegate submit crm.delete --arg records=3
  sluicegate inbox                     then: sluicegate approve REQUEST"""


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where to write; made when missing.")
    ] = Path(),
    *,
    as_json: AsJson = False,
) -> None:
    """Write a starter folder: settings, a policy, identities, keys. Never overwrites; repeat it safely.

    The operator's public key is pinned in sluicegate.toml; private keys go to .sluicegate/keys, mode 0600.

    Example: sluicegate init clinic
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = StateFolder(folder / STATE)
    state.create()
    done = write_starter(folder, state)
    if as_json:
        print_json({"folder": str(folder.resolve()), "files": done})
        return
    rows(("file", ""), [(name, "written" if new else "kept") for name, new in done.items()])
    where = "" if folder.resolve() == Path.cwd() else f"in `{folder}`, "
    outer = find_file(folder.resolve().parent)
    if outer is not None:
        note(f"note: `{outer}` is above this folder and does not apply inside it")
    note("\n" + NEXT.format(where=where))


def write_starter(folder: Path, state: StateFolder, settings: Settings | None = None) -> dict[str, bool]:
    """Write what is missing; the name of each file, and whether it was written now.

    `settings` names another cluster, deployment and number of partitions than a starter folder has.
    """
    operator, made = key_or_new(state, OPERATOR)
    done = {f"{STATE}/keys/{OPERATOR}.ed25519": made}
    files = starter.Starter(
        operator_key_id=operator.key_id,
        operator_key=operator.public.text,
        owner=_person_id(),
        reviewer=_person_id(),
        second_reviewer=_person_id(),
        **_chosen(settings, state),
    )
    for name, content in {
        FILE_NAME: files.settings(),
        "policy.yaml": starter.policy(),
        IDENTITIES: files.identities(),
        ".gitignore": starter.IGNORED,
    }.items():
        done[name] = _write_new(folder / name, content)
    for name in read_identities(folder / IDENTITIES).keyless():
        _, done[f"{STATE}/keys/{name}.ed25519"] = key_or_new(state, name)
    _, done[f"{STATE}/keys/{MASKING_KEY}.ed25519"] = key_or_new(state, MASKING_KEY)
    _, done[f"{STATE}/keys/{PRIVACY_KEY}"] = privacy_key_or_new(state)
    return done


def _chosen(settings: Settings | None, state: StateFolder) -> dict[str, Any]:
    if settings is None:
        return {}
    chosen = settings.model_dump(include={"deployment", "partitions", "bootstrap"})
    return {**chosen, "privacy_key": privacy_key_or_new(state)[0].text}


def _person_id() -> str:
    # 40 random bits: short enough to read in a starter file, and says nothing about who it is.
    return random_id("p")[: len("p-") + 8]


def _write_new(path: Path, content: str) -> bool:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError:
        return False
    return True
