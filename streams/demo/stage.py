"""Tell the story: what is happening, what had to be, what was seen; then the table, then the proof."""

import signal
import threading
import time
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from sluicegate.processors.verification import Report
from sluicegate.streams.clients.audit_reader import AuditReader
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.local import LocalDeployment
from sluicegate.streams.settings import GateSettings

from .scene import Scene
from .story import STEPS, Finding, Step

_SKEW_MS = 500
"""Everything runs on one machine, so clocks agree and nobody has to wait two seconds for them."""


def show(console: Console, print_report: Callable[[Report], None], *, workers: int, keep: bool) -> bool:
    """Play everything; whether every finding holds and the audit log is clean."""
    started = time.monotonic()
    with (
        console.status("starting") as status,
        LocalDeployment.temporary(
            workers=workers,
            gate=GateSettings(skew_ms=_SKEW_MS),
            said=lambda what: status.update(f"starting: {what}"),
        ) as deployment,
        Scene(deployment) as scene,
    ):
        status.stop()
        console.print(
            Text(f"Apache Kafka and the gate are up ({time.monotonic() - started:.1f} s).", style="dim")
        )
        findings = [
            finding
            for number, step in enumerate(STEPS, start=1)
            for finding in _tell(console, number, step, scene)
        ]
        report = AuditReader(deployment.connection(Role.ANALYST)).verify()
        console.print(Text("\nWhat the audit log proves, read back with an analyst's rights", style="bold"))
        print_report(report)
        _conclude(console, findings, report, time.monotonic() - started)
        if keep:
            _stay(console, deployment)
    return report.ok and all(finding.holds for finding in findings)


def _tell(console: Console, number: int, step: Step, scene: Scene) -> list[Finding]:
    title = (getattr(step, "__doc__", "") or "").strip(" .\n")
    console.print()
    console.print(Text(f"{number}. {title}", style="bold"))
    findings = []
    for line in step(scene):
        if isinstance(line, Finding):
            findings.append(line)
            mark = Text("   ✓ ", style="green") if line.holds else Text("   ✗ ", style="bold red")
            console.print(mark + Text(line.claim) + Text(f"  [{line.seen}]", style="dim"))
        else:
            console.print(Text(f"   {line.sentence}"))
            if line.view is not None:
                console.print(Text(f"     │ {line.view}", style="cyan"), soft_wrap=True)
    return findings


def _conclude(console: Console, findings: list[Finding], report: Report, seconds: float) -> None:
    held = sum(finding.holds for finding in findings)
    good = held == len(findings) and report.ok
    console.print()
    console.print(
        Text(
            f"{held} of {len(findings)} findings hold. {seconds:.1f} s.",
            style="bold green" if good else "bold red",
        )
    )


def _stay(console: Console, deployment: LocalDeployment) -> None:
    config = deployment.settings.state_dir / "sluicegate.toml"
    console.print()
    console.print(Text("Everything stays up until Ctrl-C. In another terminal:", style="bold"))
    for command in ("audit replay", "verify", "inbox", "identity show"):
        console.print(Text(f"   sluicegate --config {config} {command}"))
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    ending.wait()
