"""Sampled stacks as a flame graph: one SVG without scripts, frames that are too narrow to read left out."""

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from html import escape
from typing import Final

WIDTH: Final = 1200
ROW: Final = 17
NARROWEST: Final = 0.006
"""Of all samples: narrower frames are not drawn."""
_LETTER: Final = 6.6

Stack = tuple[str, ...]


def flame_graph(stacks: Mapping[Stack, int], title: str) -> str:
    """The graph; a frame's width is its share of the samples, hovering tells it."""
    total = sum(stacks.values())
    boxes = list(_boxes(stacks, total))
    height = (max((depth for depth, *_ in boxes), default=0) + 3) * ROW
    drawn = "\n".join(_draw(height, depth, start, share, name) for depth, start, share, name in boxes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="11">\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n'
        f'<text x="4" y="{ROW - 4}">{escape(title)}: {total:,} samples</text>\n{drawn}\n</svg>\n'
    )


def _boxes(
    stacks: Mapping[Stack, int], total: int, depth: int = 0, start: float = 0.0
) -> Iterator[tuple[int, float, float, str]]:
    """Depth, start, share, name of every frame that is drawn."""
    widths: Counter[str] = Counter()
    for stack, count in stacks.items():
        if len(stack) > depth:
            widths[stack[depth]] += count
    for name, count in sorted(widths.items()):
        share = count / total
        if share >= NARROWEST:
            yield depth, start, share, name
            below = {
                stack: number
                for stack, number in stacks.items()
                if len(stack) > depth and stack[depth] == name
            }
            yield from _boxes(below, total, depth + 1, start)
        start += share


def _draw(height: int, depth: int, start: float, share: float, name: str) -> str:
    left, width = start * WIDTH, share * WIDTH
    top = height - (depth + 1) * ROW
    fits = int(width / _LETTER) - 1
    short = name.rpartition("/")[2]
    text = "" if fits < 3 else short if len(short) <= fits else short[: fits - 1] + "…"  # noqa: PLR2004
    shade = zlib.crc32(name.rpartition(".")[0].encode()) % 60
    return (
        f'<g><title>{escape(name)} {share:.1%}</title><rect x="{left:.1f}" y="{top}" width="{max(width - 0.5, 0.5):.1f}" '
        f'height="{ROW - 1}" fill="hsl({20 + shade},80%,{62 + shade % 12}%)"/>'
        f'<text x="{left + 3:.1f}" y="{top + 12}">{escape(text)}</text></g>'
    )
