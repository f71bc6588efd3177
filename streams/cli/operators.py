"""What commands that sign documents share: the operator's client, and how they say what was published."""

from collections.abc import Mapping, Sequence
from typing import Any

from sluicegate.streams.clients.operator import Operator

from .initialising import OPERATOR
from .invocation import Invocation
from .screen import print_json, rows


def operator_of(called: Invocation) -> Operator:
    """The operator of this machine, with `keys/operator.ed25519`."""
    return Operator.connect(OPERATOR, settings=called.settings)


def show_published(done: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Kind, id and version of each document, and whether it is new."""
    if as_json:
        print_json(list(done))
        return
    rows(
        ("kind", "id", "version", ""),
        [
            (one["kind"], one["id"], str(one["version"]), "published" if one["published"] else "unchanged")
            for one in done
        ],
    )
