"""Submit to outcome at a steady rate: one worker, two partitions, 50 rules, every action signed and verified.

An open loop (see `sluicegate.streams.bench`): due times are fixed in advance and latency counts from them, so nothing is
left out while gate or generator stand still (no coordinated omission). Percentiles of each round, then their median; the
worst of all rounds is the highest `worst`. Generator, reader, gate and broker share the machine.
"""

import sys
from collections.abc import Iterator
from typing import Final

from sluicegate.streams.bench import Load, Loaded, run_load
from sluicegate.streams.kafka.embedded import temporary_broker

from .measuring import Effort, Measure
from .throughput import HEAP_MIB
from .world import GateWorld

RATES: Final = (200, 1_000, 3_000)
ROUNDS: Final = 3
SECONDS: Final = 8.0
WARM_S: Final = 2.0
PARTITIONS: Final = 2
SETTLED_S: Final = 60.0
"""A gate that cannot keep up answers late, and is charged for it."""
SHARES: Final = ("p50", "p95", "p99", "worst")


def measure(effort: Effort) -> Iterator[Measure]:
    """Every row, as it is ready."""
    with temporary_broker(heap_mib=HEAP_MIB) as broker, GateWorld(broker, PARTITIONS) as world, world.gate():
        _run(world, Load(RATES[0], WARM_S))
        for rate in RATES:
            load = Load(rate, SECONDS * effort.scale, WARM_S)
            rounds = [_run(world, load)]
            while not rounds[-1].missing and len(rounds) < ROUNDS:
                rounds.append(_run(world, load))
            yield from rows(rate, rounds)
            if missing := rounds[-1].missing:
                sys.stdout.write(
                    f"!! THE GATE DOES NOT KEEP UP: {missing:,} of {load.count:,} actions at {rate:,}/s had no outcome "
                    f"{SETTLED_S:.0f} s after the last one, and are in no figure; higher rates are not measured\n"
                )
                return


def rows(rate: int, rounds: list[Loaded], what: str = "gate") -> Iterator[Measure]:
    """The percentiles of one rate, and how late the generator itself was."""
    answered = [one for one in rounds if one.latencies is not None]
    if not answered:
        return
    missing = f", {rounds[-1].missing:,} unanswered" if rounds[-1].missing else ""
    for share in SHARES:
        found = [getattr(one.latencies, share) for one in answered]
        name = f"{what}: due to outcome at {rate:,}/s, {share}{missing}"
        yield Measure.values(name, "ms", found, what=what, rate=rate, share=share)
    late = [one.behind.p99 for one in rounds if one.behind]
    yield Measure.values(
        f"generator behind at {rate:,}/s, p99", "ms", late, what="generator", rate=rate, share="p99"
    )


def _run(world: GateWorld, load: Load) -> Loaded:
    connection, deployment = world.cluster.connection("agent-local"), world.settings.deployment
    found = run_load(connection, deployment, world.submitters, load, settled_s=SETTLED_S)
    if set(found.told) - {"granted"}:
        raise AssertionError(f"only grants were wanted, told were {dict(found.told)}")
    return found
