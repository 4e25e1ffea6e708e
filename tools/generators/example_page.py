"""The arrangement of an example workflow on ComfyUI's page: its groups, its note, and the view with which it opens.

On the left is the note, with the groups "Model", "What is asked for" and "Where" below it. To the right follow the
groups of the picture and its views, of the ascent, and of the results. Many arrangements are tried. They differ in the
number of columns of each group, in the places of groups, and in the width of the note. `_rate` rates them: in the best
one, text is legible when the workflow opens, few links go from right to left, and the zoom is as large as possible.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from generators.example_groups import (
    ASCENT,
    ASKED,
    DENOISER,
    DIFFUSION,
    GROUPS,
    LOOK,
    MODEL,
    PICTURE,
    RESULT,
    VERDICT,
    VIEWS,
    WHERE,
)
from generators.example_layout import TITLE_HEIGHT, Box, Link, Size, compute_layout

FRAME_PADDING = 20
FRAME_TITLE = 46
"""The height of a group's title, which is inside the box of the group."""

RUN_ROOM = 50
"""The height that a group of ascents has below its nodes: with the text of a run, Optimize is higher than its box."""

GAP = 40
"""The space between groups."""

NOTE_WIDTHS = (440, 520)
NOTE_CHARACTER = 6.2
NOTE_LINE = 20
NOTE_PARAGRAPH = 5
"""In pixels: the least widths of the note that are tried; the width of a character of its text, the height of a line,
and the height of the space below a paragraph, in the fonts of the page."""

COLUMNS: dict[str, Sequence[int]] = {
    MODEL: (1, 2),
    ASKED: (1, 2, 3),
    WHERE: (2, 3),
    PICTURE: (1, 2, 3),
    VIEWS: (1, 2),
    DENOISER: (1, 2, 3),
    ASCENT: (1, 2, 3, 4),
    DIFFUSION: (3, 4),
    RESULT: (1, 2, 3),
    VERDICT: (1, 2),
    LOOK: (2, 3, 4, 5),
}
"""For each group, the numbers of columns that are tried for its nodes."""

SCREEN = (1600, 900)
MARGINS = (80, 110, 20, 20)
"""In pixels: the size of the smallest screen for which the view is made, and how much of this screen the bars of the
page cover at the left, top, right and bottom."""

LEGIBLE = 0.62
"""The smallest zoom at which a workflow opens. Below 0.57 the page draws no text."""

READABLE = 0.66
"""A zoom at which text is read easily. Of the arrangements whose note and first ascent fit the screen at this zoom, the
one with the fewest links from right to left is the best."""

COMFORTABLE = 0.7
"""If a workflow is too large to be shown whole at the zoom `LEGIBLE`, it opens at this zoom or less, and the view shows
the note and the first ascent."""


@dataclass(frozen=True)
class View:
    """The zoom and the position of the page's canvas, the area with the nodes, as in `extra.ds` of a workflow file.

    A point (x, y) of the canvas appears at `scale * (x + offset[0], y + offset[1])` on the screen, in pixels.
    """

    scale: float
    offset: tuple[float, float]


@dataclass(frozen=True)
class Plan:
    """An arrangement: the boxes of nodes by id, the boxes of groups (`frames`) by title, and the box of the note."""

    nodes: dict[str, Box]
    frames: dict[str, Box]
    note: Box

    def bounds(self) -> Box:
        """Return the box around all groups and the note with its title bar."""
        return _surround([*self.frames.values(), _add_title(self.note)])


@dataclass(frozen=True)
class _Block:
    """The layout of a group: its size, and the boxes of its nodes relative to the upper left corner of the group."""

    title: str
    nodes: dict[str, Box]
    width: int
    height: int


class PageTooSmallError(ValueError):
    """No arrangement shows the note and the first ascent at a zoom at which text is legible."""


def plan_page(sizes: Mapping[str, Size], groups: Mapping[str, str], links: Sequence[Link], note: str) -> Plan:
    """Return the best arrangement of those that show the note and the first ascent in one legible view.

    Args:
        sizes: the largest width and height that each node may need, without its title bar.
        groups: the title of the group of every node.
        links: all links between the nodes.
        note: the text of the note.

    Raises:
        PageTooSmallError: there is no such arrangement.
    """
    best = max(_try_plans(sizes, groups, links, note), key=lambda plan: _rate(plan, groups, links))
    if (zoom := _fit(_surround_focus(best, groups, links))) < LEGIBLE:
        raise PageTooSmallError(
            f"note and first ascent fit the page at a zoom of {zoom:.2f} only, and text is legible from {LEGIBLE}; "
            "shorten the note, or let fewer nodes come before the ascent"
        )
    return best


def make_view(plan: Plan, groups: Mapping[str, str], links: Sequence[Link]) -> View:
    """Return the view with which the page opens the workflow.

    The view begins at the top left corner of the workflow. If text is legible at the zoom that shows everything, the
    view has this zoom, at most 1. Otherwise it has the zoom at which the note and the first ascent fit, at most
    `COMFORTABLE`. The zoom is rounded down to hundredths.

    Args:
        plan: the arrangement of the workflow.
        groups: the title of the group of every node.
        links: all links between the nodes. Groups and links tell which node is the first ascent.
    """
    focus = _surround_focus(plan, groups, links)
    whole = _fit(plan.bounds())
    scale = min(whole if whole >= LEGIBLE else min(_fit(focus), COMFORTABLE), 1.0)
    scale = math.floor(scale * 100) / 100
    shown = plan.bounds()
    left, top, *_ = MARGINS
    return View(scale, (round(left / scale) - shown.x, round(top / scale) - shown.y))


def _rate(plan: Plan, groups: Mapping[str, str], links: Sequence[Link]) -> tuple[float, int, float]:
    """Return the rating of an arrangement; the arrangement with the largest tuple is the best.

    The tuple has three numbers: the zoom at which the note and the first ascent fit the screen, at most `READABLE`; the
    number of links from right to left, negated; and the zoom at which everything fits the screen.
    """
    boxes = plan.nodes
    back = sum(boxes[link.source].x + boxes[link.source].width > boxes[link.target].x for link in links)
    return min(_fit(_surround_focus(plan, groups, links)), READABLE), -back, _fit(plan.bounds())


def _surround_focus(plan: Plan, groups: Mapping[str, str], links: Sequence[Link]) -> Box:
    """Return the box that must be visible when the workflow opens.

    It contains the upper left corner of the arrangement, the note and, if there are ascents (nodes in the group
    `ASCENT`), the first one: the first ascent that no link from another ascent leads to.
    """
    ascents = [node for node, group in groups.items() if group == ASCENT]
    first = [n for n in ascents if not any(link.target == n and link.source in ascents for link in links)][:1]
    corner = plan.bounds()
    return _surround(
        [Box(corner.x, corner.y, 0, 0), _add_title(plan.note), *(_add_title(plan.nodes[n]) for n in first)]
    )


def _fit(box: Box) -> float:
    """Return the largest zoom at which a box fits the part of the screen that no bars of the page cover."""
    left, top, right, bottom = MARGINS
    return min((SCREEN[0] - left - right) / box.width, (SCREEN[1] - top - bottom) / box.height)


def _try_plans(
    sizes: Mapping[str, Size], groups: Mapping[str, str], links: Sequence[Link], note: str
) -> Iterator[Plan]:
    """Yield an arrangement for each combination of layouts of the groups, width of the note, and columns of the page.

    Args:
        sizes: the largest width and height that each node may need, without its title bar.
        groups: the title of the group of every node.
        links: all links between the nodes.
        note: the text of the note.
    """
    present = [title for title in GROUPS if title in groups.values()]
    blocks = {title: _lay_out_group(title, sizes, groups, links) for title in present}
    for chosen in itertools.product(*(blocks[title] for title in present)):
        block = dict(zip(present, chosen, strict=True))
        for width, columns in itertools.product(NOTE_WIDTHS, _try_columns(present)):
            yield _place(block, columns, note, width)


def _try_columns(present: Sequence[str]) -> Iterator[list[list[list[str]]]]:
    """Yield ways to divide the page into columns.

    Each way is a list of columns; a column is a list of rows, and a row a list of titles of groups, from left to right.
    The title "" stands for the note. The last element of each way is not a column but a band of rows below all
    columns; it may be empty.

    Args:
        present: the titles of the groups of the workflow. The titles `VERDICT` and `LOOK` are left out if they are not
            among these. All other titles are always there, even those of groups that the workflow lacks.
    """
    closer = [title for title in (VERDICT, LOOK) if title in present]
    asked = [[""], [MODEL, ASKED], [WHERE]]
    for start in ([asked, [[PICTURE], [VIEWS], [DENOISER]]], [asked, [[PICTURE, VIEWS, DENOISER]]]):
        for end, band in (
            ([[[RESULT], closer]], []),
            ([[[RESULT]], [closer]], []),
            ([[[RESULT]]], [closer]),
        ):
            yield [*start, [[ASCENT]], [[DIFFUSION]], *end, band]


def _lay_out_group(
    title: str, sizes: Mapping[str, Size], groups: Mapping[str, str], links: Sequence[Link]
) -> list[_Block]:
    """Return the layouts of a group, one for each number of columns that `COLUMNS` has for the group.

    Of several layouts with the same width and height, only the first is returned.

    Args:
        title: the title of the group.
        sizes: the width and height of every node of the workflow, without its title bar.
        groups: the title of the group of every node.
        links: all links between the nodes.
    """
    members = {node: sizes[node] for node, group in groups.items() if group == title}
    inside = [link for link in links if link.source in members and link.target in members]
    found: dict[tuple[int, int], _Block] = {}
    for columns in COLUMNS[title]:
        boxes = compute_layout(members, inside, columns)
        around = _surround([_add_title(box) for box in boxes.values()])
        width, height = around.width + 2 * FRAME_PADDING, around.height + FRAME_TITLE + FRAME_PADDING
        height += RUN_ROOM if title == ASCENT else 0
        nodes = {node: box.move(FRAME_PADDING - around.x, FRAME_TITLE - around.y) for node, box in boxes.items()}
        found.setdefault((width, height), _Block(title, nodes, width, height))
    return list(found.values())


def _place(blocks: Mapping[str, _Block], columns: Sequence[Sequence[Sequence[str]]], note: str, width: int) -> Plan:
    """Return the arrangement with the groups and the note in columns, from left to right, and in a band below them.

    Args:
        blocks: the layout of each group, by its title.
        columns: the columns from left to right, and as the last element the band. Each of these is a list of rows, and
            a row is a list of titles of groups. "" stands for the note; other titles that are not in `blocks` are
            skipped.
        note: the text of the note.
        width: the least width of the note; the note becomes as wide as its column.
    """
    nodes: dict[str, Box] = {}
    frames: dict[str, Box] = {}

    def place(rows: Sequence[Sequence[str]], x: int, y: int) -> tuple[int, int]:
        """Place rows of groups one below the other, from the top left corner (x, y) on.

        A row lists the titles of its groups. An empty title stands for the note; titles that are not in `blocks` are
        skipped. The last group of each row is widened, so that all rows are equally wide. Return the x at which the
        next column begins, and the y at which a further row would begin.
        """
        rows = [row for row in ([title for title in row if not title or title in blocks] for row in rows) if row]
        widths = [[blocks[title].width if title else width for title in row] for row in rows]
        # Without rows the total is -GAP, so that the next column has the same x.
        total = max((sum(row) + GAP * (len(row) - 1) for row in widths), default=-GAP)
        for row, own in zip(rows, widths, strict=True):
            own[-1] += total - sum(own) - GAP * (len(row) - 1)
            heights = [blocks[title].height if title else measure_note(note, total) + TITLE_HEIGHT for title in row]
            left = x
            for title, right in zip(row, own, strict=True):
                frames[title] = Box(left, y, right, max(heights))
                if title:
                    nodes.update({node: box.move(left, y) for node, box in blocks[title].nodes.items()})
                left += right + GAP
            y += max(heights) + GAP
        return x + total + GAP, y

    x, bottom = 0, 0
    *upper, band = columns
    for rows in upper:
        x, end = place(rows, x, 0)
        bottom = max(bottom, end)
    place(band, 0, bottom)
    around = frames.pop("")
    return Plan(nodes, frames, Box(around.x, around.y + TITLE_HEIGHT, around.width, around.height - TITLE_HEIGHT))


def measure_note(text: str, width: int) -> int:
    """Return an estimate of the height that a note of a given width needs for its text in Markdown.

    Height and width are in pixels; the height is rounded up to a multiple of 10. The lines of the text are taken to be
    60 pixels narrower than the note. There is a space of `NOTE_PARAGRAPH` below each paragraph; five more such spaces
    are added as a reserve.
    """
    paragraphs = [line for line in text.splitlines() if line.strip()]
    lines = sum(max(1, math.ceil(len(line) * NOTE_CHARACTER / (width - 60))) for line in paragraphs)
    return 10 * math.ceil((lines * NOTE_LINE + (len(paragraphs) + 5) * NOTE_PARAGRAPH) / 10)


def _add_title(box: Box) -> Box:
    """Return a node's box with its title bar, which lies above it."""
    return Box(box.x, box.y - TITLE_HEIGHT, box.width, box.height + TITLE_HEIGHT)


def _surround(boxes: Sequence[Box]) -> Box:
    """Return the smallest box around all the given boxes."""
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.x + box.width for box in boxes), max(box.y + box.height for box in boxes)
    return Box(left, top, right - left, bottom - top)
