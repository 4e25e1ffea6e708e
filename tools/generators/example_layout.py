"""A layered layout for the nodes of one group, without overlaps: rows of columns; in a row, links go to the right.

The steps are those of Sugiyama, Tagawa and Toda (1981), "Methods for Visual Understanding of Hierarchical System
Structures". Layers, here called columns, follow from the lengths of paths; barycentres give the order within a column;
coordinates come last. `example_page` places the groups on the page.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

TITLE_HEIGHT = 30
"""The height of the title bar of a node, which lies above the position of the node (LiteGraph.NODE_TITLE_HEIGHT)."""

COLUMN_GAP = 60
ROW_GAP = 30

SWEEPS = 4
"""The number of barycentre sweeps. In graphs of a dozen nodes, the order no longer changes after the second sweep."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Link:
    """A link from the node `source` to the node `target`.

    `order` is the position of the link among the linked inputs of the target, from 0 at the top.
    """

    source: str
    target: str
    order: int = 0


@dataclass(frozen=True)
class Box:
    """Position and size of a node without its title bar, or of a group, in pixels of the page's canvas."""

    x: int
    y: int
    width: int
    height: int

    def move(self, x: int, y: int) -> "Box":
        """Return the box moved to the right by `x` and down by `y`."""
        return Box(self.x + x, self.y + y, self.width, self.height)


def compute_layout(sizes: Mapping[str, Size], links: Sequence[Link], columns: int | None = None) -> dict[str, Box]:
    """Return the box of every node, without its title bar; the title bar of the top left node begins at (0, 0).

    All nodes of a column are as wide as its widest node.

    Args:
        sizes: width and height of each node without its title bar. If the links leave the order of two nodes in a
            column open, the nodes are in the order of this mapping.
        links: links between nodes in `sizes`.
        columns: the maximum number of columns in a row; further columns go into a new row below, and nodes without
            links go into a row of their own. If None, all nodes are in a single row with any number of columns.

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
    """Return rows of at most `count` columns, or a single row if `count` is None; a column is a list of nodes.

    With a `count`, all nodes without links are in one row of their own.
    """
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
            # Rows of about equal length, not full rows and a short last row.
            length = math.ceil(len(columns) / math.ceil(len(columns) / count))
            rows += [columns[first : first + length] for first in range(0, len(columns), length)]
        else:
            # The nodes are dealt out to the columns in turn.
            rows.append([part[first::count] for first in range(min(count, len(part)))])
    return rows


def _assign_columns(nodes: Sequence[str], links: Sequence[Link]) -> list[list[str]]:
    """Put each node one column to the right of its rightmost source, then move it as far right as its targets allow.

    The second step keeps links short, because a link that skips a column would pass behind the nodes of that column.
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
    """Order the nodes of each column by the mean height of their sources, then by the mean height of their targets.

    Both steps are done `SWEEPS` times. They reduce the number of links that cross. Height is 0 at the top of a column
    and 1 at its bottom.
    """
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
        # The position of the input counts too, so that the source of the first input of a node is above the
        # sources of its other inputs.
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
