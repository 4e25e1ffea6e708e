"""A layered layout for the nodes of one group: from left to right along the links, in rows, without overlaps.

The steps are those of Sugiyama, Tagawa and Toda (1981), "Methods for Visual Understanding of Hierarchical System
Structures": layers by path length, order within a layer by barycentres, then coordinates. `example_page` sets the
groups on the page.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

TITLE_HEIGHT = 30
"""The height of a node's title bar, which lies above its position (LiteGraph.NODE_TITLE_HEIGHT)."""

COLUMN_GAP = 60
ROW_GAP = 30

SWEEPS = 4
"""The number of barycentre sweeps; graphs of a dozen nodes do not change after the second."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Link:
    """An output of one node that feeds another; `order` counts the target's inputs from the top."""

    source: str
    target: str
    order: int = 0


@dataclass(frozen=True)
class Box:
    """Position and size of a node, without its title bar, in the canvas' pixels."""

    x: int
    y: int
    width: int
    height: int

    def move(self, x: int, y: int) -> "Box":
        """Return the box moved by that much."""
        return Box(self.x + x, self.y + y, self.width, self.height)


def compute_layout(sizes: Mapping[str, Size], links: Sequence[Link], columns: int | None = None) -> dict[str, Box]:
    """Return a box for every node; nodes of a column share the width of its widest, and the first title bar is at 0, 0.

    Args:
        sizes: width and height of each node without its title bar; their order breaks ties.
        links: between nodes in `sizes`.
        columns: the most columns side by side; further ones go into a new row below. Nodes without links have a row of
            their own, divided among that many columns. None: all columns are in one row.

    Raises:
        ValueError: the links form a cycle.
    """
    boxes: dict[str, Box] = {}
    top = 0
    for row in _make_rows(sizes, links, columns):
        x = 0
        bottom = top
        for column in row:
            width = max(sizes[node][0] for node in column)
            y = top + TITLE_HEIGHT
            for node in column:
                boxes[node] = Box(x, y, width, sizes[node][1])
                y += sizes[node][1] + TITLE_HEIGHT + ROW_GAP
            x += width + COLUMN_GAP
            bottom = max(bottom, y - TITLE_HEIGHT)
        top = bottom
    return boxes


def _make_rows(nodes: Iterable[str], links: Sequence[Link], count: int | None) -> list[list[list[str]]]:
    """Return rows of at most `count` columns, one of them for all nodes without links; for None a single row of all."""
    if count is None:
        return [_order_columns(_assign_columns(list(nodes), links), links)]
    linked = {node for link in links for node in (link.source, link.target)}
    parts: dict[bool, list[str]] = {}
    for node in nodes:
        parts.setdefault(node in linked, []).append(node)
    rows = []
    for has_links, part in parts.items():
        if has_links:
            columns = _order_columns(_assign_columns(part, links), links)
            length = math.ceil(len(columns) / math.ceil(len(columns) / count))
            rows += [columns[first : first + length] for first in range(0, len(columns), length)]
        else:
            rows.append([part[first::count] for first in range(min(count, len(part)))])
    return rows


def _assign_columns(nodes: Sequence[str], links: Sequence[Link]) -> list[list[str]]:
    """Put each node one column to the right of its last source, then move it as far to the right as its targets allow.

    The second step keeps links short: a link that skips a column would pass behind the nodes there.
    """
    column: dict[str, int] = {}
    while len(column) < len(nodes):
        ready = [
            node
            for node in nodes
            if node not in column and all(link.source in column for link in links if link.target == node)
        ]
        if not ready:
            raise ValueError(f"the links form a cycle among {sorted(set(nodes) - column.keys())}")
        for node in ready:
            column[node] = max((column[link.source] + 1 for link in links if link.target == node), default=0)
    for node in sorted(nodes, key=column.__getitem__, reverse=True):
        column[node] = min((column[link.target] - 1 for link in links if link.source == node), default=column[node])
    return [[node for node in nodes if column[node] == number] for number in range(max(column.values()) + 1)]


def _order_columns(columns: Sequence[Sequence[str]], links: Sequence[Link]) -> list[list[str]]:
    """Order each column by the mean height of the sources of its nodes, then of their targets; then few links cross."""
    result = [list(column) for column in columns]
    inputs = {
        node: 1 + max((link.order for link in links if link.target == node), default=0) for c in result for node in c
    }
    height: dict[str, float] = {}

    def update(column: Sequence[str]) -> None:
        height.update({node: (row + 0.5) / len(column) for row, node in enumerate(column)})

    def mean_source_height(node: str) -> float:
        above = [height[link.source] for link in links if link.target == node]
        return sum(above) / len(above) if above else height[node]

    def mean_target_height(node: str) -> float:
        # The position of the input counts too: the source of the first input belongs on top.
        below = [height[link.target] + 0.1 * link.order / inputs[link.target] for link in links if link.source == node]
        return sum(below) / len(below) if below else height[node]

    for column in result:
        update(column)
    for _ in range(SWEEPS):
        for column in result:
            column.sort(key=mean_source_height)
            update(column)
        for column in reversed(result):
            column.sort(key=mean_target_height)
            update(column)
    return result
