"""The page of an example: nothing overlaps, all stands in its group, and it opens on the note and the first ascent."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.example_groups import ASCENT, GROUPS, LOOK, RESULT
from generators.example_layout import TITLE_HEIGHT, Box, Link
from generators.example_page import (
    LEGIBLE,
    MARGINS,
    SCREEN,
    PageTooSmallError,
    Plan,
    make_view,
    measure_note,
    plan_page,
)

NOTE = "# A title\n\nSome words about it.\n\n- One thing.\n- Another one."


@st.composite
def workflows(draw: st.DrawFn) -> tuple[dict[str, tuple[int, int]], dict[str, str], list[Link]]:
    """Up to eight nodes of usual sizes in any groups, with an ascent among them; links go to higher numbers."""
    count = draw(st.integers(1, 8))
    sizes = {str(node): (draw(st.integers(200, 420)), draw(st.integers(60, 700))) for node in range(count)}
    groups = {node: draw(st.sampled_from(GROUPS)) for node in sizes} | {"0": ASCENT}
    pairs = list(itertools.combinations(range(count), 2))
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=10)) if pairs else []
    return sizes, groups, [Link(str(a), str(b), order) for order, (a, b) in enumerate(chosen)]


def with_title(box: Box) -> Box:
    return Box(box.x, box.y - TITLE_HEIGHT, box.width, box.height + TITLE_HEIGHT)


def overlap(a: Box, b: Box) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


def contains(outer: Box, inner: Box) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.x + inner.width <= outer.x + outer.width
        and inner.y + inner.height <= outer.y + outer.height
    )


def check(plan: Plan, sizes: dict[str, tuple[int, int]], groups: dict[str, str]) -> None:
    """No two nodes, and no two groups, overlap; every node has its size, inside its group."""
    nodes = {node: with_title(box) for node, box in plan.nodes.items()}
    assert not any(overlap(a, b) for a, b in itertools.combinations(nodes.values(), 2))
    frames = [*plan.frames.values(), with_title(plan.note)]
    assert not any(overlap(a, b) for a, b in itertools.combinations(frames, 2))
    assert all(contains(plan.frames[groups[node]], box) for node, box in nodes.items())
    assert all(plan.nodes[node].width >= w and plan.nodes[node].height == h for node, (w, h) in sizes.items())


@settings(max_examples=15, deadline=None)
@given(workflows())
def test_nothing_overlaps_and_every_node_stands_in_its_group(
    workflow: tuple[dict[str, tuple[int, int]], dict[str, str], list[Link]],
) -> None:
    sizes, groups, links = workflow
    try:
        plan = plan_page(sizes, groups, links, NOTE)
    except PageTooSmallError:
        return
    check(plan, sizes, groups)
    assert plan.frames.keys() == set(groups.values())


def test_a_large_workflow_opens_on_its_note_and_its_first_ascent_not_on_all() -> None:
    sizes = {str(i): (340, 800) for i in range(8)}
    groups = dict.fromkeys(sizes, LOOK) | {"0": ASCENT, "1": ASCENT, "2": RESULT}
    links = [Link("1", "0")]
    plan = plan_page(sizes, groups, links, NOTE)
    view = make_view(plan, groups, links)
    assert LEGIBLE <= view.scale <= 1
    left, top, right, bottom = MARGINS
    for box in (plan.note, plan.nodes["1"]):
        x, y = ((view.offset[0] + box.x) * view.scale, (view.offset[1] + box.y - TITLE_HEIGHT) * view.scale)
        assert left - 1 <= x <= SCREEN[0] - right - box.width * view.scale
        assert top - 1 <= y <= SCREEN[1] - bottom - (box.height + TITLE_HEIGHT) * view.scale
    whole = plan.bounds()
    assert whole.width * view.scale > SCREEN[0] or whole.height * view.scale > SCREEN[1]


def test_a_small_workflow_opens_as_a_whole_and_no_larger_than_it_is() -> None:
    view = make_view(plan_page({"a": (300, 300)}, {"a": ASCENT}, [], NOTE), {"a": ASCENT}, [])
    assert view.scale == 1


def test_what_cannot_be_legible_is_refused_and_says_so() -> None:
    with pytest.raises(PageTooSmallError, match=r"zoom of 0\.\d\d only, and text is legible from 0\.62"):
        plan_page({"a": (300, 3000)}, {"a": ASCENT}, [], NOTE)


def test_a_long_note_needs_more_height_and_a_wide_one_less() -> None:
    assert measure_note(NOTE * 3, 440) > measure_note(NOTE, 440)
    assert measure_note("word " * 200, 700) < measure_note("word " * 200, 440)
