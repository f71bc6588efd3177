"""`doctor`: is everything as it must be?"""

from dataclasses import asdict

import typer

from sluicegate.streams.doctor import Finding, Grade, examine

from .failures import REFUSED
from .invocation import invocation
from .options import AsJson
from .screen import note, print_json, rows


def doctor(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Look at this machine and at the cluster: connection, versions, topics, rights, keys, documents, clocks, transactions.

    Asks with every password that is on this machine, and changes nothing but a few records on the topic `conformance`.
    Exit status 1 when something fails.

    Example: sluicegate doctor
    """
    found = list(examine(invocation(ctx).settings))
    failed = [finding for finding in found if finding.grade is Grade.FAIL]
    if as_json:
        print_json({"well": not failed, "findings": [asdict(finding) for finding in found]})
    else:
        _show(found)
    if failed:
        raise typer.Exit(REFUSED)


def _show(found: list[Finding]) -> None:
    rows(("", "about", "found"), [(finding.grade, finding.about, finding.said) for finding in found])
    for finding in found:
        if finding.todo:
            note(f"{finding.grade} {finding.about}: {finding.todo}")
    counts = {grade: sum(finding.grade is grade for finding in found) for grade in Grade}
    note(", ".join(f"{count} {grade}" for grade, count in counts.items()))
