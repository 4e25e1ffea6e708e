"""A layered layout for the nodes of a workflow: from left to right along the links, without overlaps.

The steps are those of Sugiyama, Tagawa and Toda (1981), "Methods for Visual Understanding of Hierarchical System
Structures": layers by path length, order within a layer by barycentres, then coordinates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TITLE_HEIGHT = 30
"""The height of a node's title bar, which lies above its position (LiteGraph.NODE_TITLE_HEIGHT)."""

COLUMN_GAP = 90
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


def compute_layout(sizes: Mapping[str, Size], links: Sequence[Link]) -> dict[str, Box]:
    """Return a box for every node; nodes of a column share the width of its widest.

    Args:
        sizes: width and height of each node without its title bar; their order breaks ties.
        links: between nodes in `sizes`.

    Raises:
        ValueError: the links form a cycle.
    """
    boxes: dict[str, Box] = {}
    x = 0
    for column in _order_columns(_assign_columns(list(sizes), links), links):
        width = max(sizes[node][0] for node in column)
        y = 0
        for node in column:
            boxes[node] = Box(x, y, width, sizes[node][1])
            y += sizes[node][1] + TITLE_HEIGHT + ROW_GAP
        x += width + COLUMN_GAP
    return boxes


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
    """Order each column by the mean height of the sources of its nodes, then of their targets: few links cross then."""
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
