"""README's table of what masking finds, how fast, beside the other analyser: from the rows of one run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

Row = Mapping[str, Any]

BEGIN: Final = "<!-- measured masking: written by `make bench-keep` -->"
END: Final = "<!-- measured masking: end -->"

_OWN: Final = "sluicegate"
_MACHINE: Final = ("processor", "system", "Python", "hyperscan", "numpy", "pyarrow")
_SHARES: Final = (
    ("recall", "identifiers masked whole"),
    ("named", "of what Safe Harbor names, masked whole"),
    ("any", "masked in part at least"),
    ("over", "other letters and digits masked"),
    ("clean", "texts without identifiers touched"),
    ("NAME", "names masked whole"),
    ("PERSON", "names masked whole"),
    ("ADDRESS", "addresses masked whole"),
)
_SPEEDS: Final[tuple[tuple[dict[str, str], str, str], ...]] = (
    ({"what": "verified", "corpus": "dense"}, "free text with 20 identifiers per KB, masked and verified, one thread", "≥ 6 MB/s"),
    ({"what": "verified", "corpus": "sparse"}, "free text with 8 identifiers per KB, masked and verified, one thread", "≥ 11 MB/s"),
    ({"what": "all", "corpus": "dense"}, "20 per KB, without the verifier", ""),
    ({"what": "all", "corpus": "sparse"}, "8 per KB, without the verifier", ""),
    ({"what": "file"}, "`mask file`, JSON lines of notes with 20 per KB, read to written and verified", ""),
    ({"what": "short"}, "one text of 150 bytes", "≤ 2 ms"),
    ({"what": "rows"}, "rows of ten columns, eight of them identifiers", "≥ 100,000/s"),
    ({"what": "rows verified"}, "such rows, masked and verified", ""),
    ({"what": "processes"}, "two processes against one", "≥ 1.6 x"),
    ({"what": "memory"}, "memory of a process, at most", "≤ 600 MB"),
    ({"what": "lexicon build"}, "vocabulary, built from its packages", "≤ 20 s"),
    ({"what": "lexicon size"}, "vocabulary, its file", "≤ 12 MB"),
    ({"what": "lexicon load"}, "vocabulary, mapped", "≤ 20 ms"),
)  # fmt: skip


def text(section: Mapping[str, Any]) -> str:
    """Everything between the two marks; nothing when masking was not measured."""
    rows: Sequence[Row] = [row for row in section.get("measures", ()) if "what" in row.get("labels", {})]
    if not rows:
        return "Not measured yet: `python -m benchmarks --only masking`."
    machine = section["machine"]
    where = ", ".join(f"{name} {machine[name]}" for name in _MACHINE if name in machine)
    share = f" ({section['scale']:g} of the work)" if section["scale"] < 1 else ""
    said = (
        f"Measured {machine['at'][:10]} on commit {machine['commit']}{share}: {where}; "
        f"load before it {machine['load before'].split()[0]}."
    )
    return "\n\n".join(
        ["\n".join(part) for part in ([said], list(_scores(rows)), list(_speeds(rows))) if part]
    )


def _scores(rows: Sequence[Row]) -> Iterator[str]:
    others = sorted({row["labels"]["by"] for row in rows if "by" in row["labels"]} - {_OWN})
    yield f"| texts | what | {' | '.join([_OWN, *others])} |"
    yield "| --- " * (3 + len(others)) + "|"
    for corpus in dict.fromkeys(row["labels"]["corpus"] for row in rows if "by" in row["labels"]):
        for what, said in _SHARES:
            cells = [_cell(_one(rows, by=by, corpus=corpus, what=what)) for by in (_OWN, *others)]
            if cells[0]:
                yield f"| {corpus} | {said} | {' | '.join(cells)} |"
        times = [_cell(_one(rows, by=by, corpus=corpus, what="times")) for by in others]
        if any(times):
            yield f"| {corpus} | time it takes, as a multiple of ours | 1 | {' | '.join(times)} |"


def _speeds(rows: Sequence[Row]) -> Iterator[str]:
    yield "| what | wanted | median (lowest to highest) |"
    yield "| --- | --- | --- |"
    for labels, said, wanted in _SPEEDS:
        row = _one(rows, **labels)
        if row is not None:
            spread = f"{_number(row['median'])} ({_number(row['lowest'])} to {_number(row['highest'])})"
            yield f"| {said} | {wanted} | {spread} {row['unit']} |"


def _one(rows: Sequence[Row], **labels: str) -> Row | None:
    return next((row for row in rows if labels.items() <= row["labels"].items()), None)


def _cell(row: Row | None) -> str:
    return "" if row is None else f"{_number(row['median'])} {row['unit']}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004 (three digits)
