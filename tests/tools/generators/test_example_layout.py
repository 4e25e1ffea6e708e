"""Layout of example workflows: what a reader of the picture relies on, on small graphs and on random ones."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.example_layout import TITLE_HEIGHT, Box, Link, compute_layout


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, tuple[int, int]], list[Link]]:
    """Sizes and acyclic links: every link goes from a lower to a higher number."""
    count = draw(st.integers(1, 12))
    side = st.integers(1, 600)
    sizes = {str(node): (draw(side), draw(side)) for node in range(count)}
    pairs = list(itertools.combinations(range(count), 2))
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=20)) if pairs else []
    return sizes, [Link(str(a), str(b), order) for order, (a, b) in enumerate(chosen)]


def overlap(a: Box, b: Box) -> bool:
    return (
        a.x < b.x + b.width
        and b.x < a.x + a.width
        and a.y - TITLE_HEIGHT < b.y + b.height
        and b.y - TITLE_HEIGHT < a.y + a.height
    )


@given(graphs())
def test_every_node_gets_a_box_of_its_size_that_overlaps_no_other_and_stands_right_of_what_feeds_it(
    graph: tuple[dict[str, tuple[int, int]], list[Link]],
) -> None:
    sizes, links = graph
    boxes = compute_layout(sizes, links)
    assert boxes.keys() == sizes.keys()
    assert not any(overlap(a, b) for a, b in itertools.combinations(boxes.values(), 2))
    assert all(boxes[link.source].x + boxes[link.source].width < boxes[link.target].x for link in links)
    assert all(boxes[node].width >= width and boxes[node].height == height for node, (width, height) in sizes.items())


@given(graphs(), st.integers(1, 4))
def test_in_rows_nothing_overlaps_and_no_row_is_longer_than_it_may_be(
    graph: tuple[dict[str, tuple[int, int]], list[Link]], columns: int
) -> None:
    sizes, links = graph
    boxes = compute_layout(sizes, links, columns)
    assert boxes.keys() == sizes.keys()
    assert not any(overlap(a, b) for a, b in itertools.combinations(boxes.values(), 2))
    for box in boxes.values():
        beside = {
            other.x for other in boxes.values() if other.y < box.y + box.height and box.y < other.y + other.height
        }
        assert len(beside) <= columns


def test_a_long_chain_goes_on_in_rows_of_equal_length() -> None:
    chain = [Link(a, b) for a, b in itertools.pairwise("abcdef")]
    boxes = compute_layout(dict.fromkeys("abcdef", (100, 50)), chain, 4)
    assert [boxes[node].x for node in "abc"] == [boxes[node].x for node in "def"]
    assert boxes["a"].y == boxes["c"].y < boxes["d"].y


def test_nodes_without_links_share_the_columns_out_from_left_to_right() -> None:
    boxes = compute_layout(dict.fromkeys("abcd", (100, 50)), [], 2)
    assert boxes["a"].y == boxes["b"].y < boxes["c"].y == boxes["d"].y
    assert boxes["a"].x == boxes["c"].x < boxes["b"].x == boxes["d"].x


def test_columns_follow_the_longest_path_and_sources_stand_by_what_they_feed() -> None:
    links = [Link("a", "b"), Link("b", "d"), Link("a", "d", 1), Link("c", "d", 2)]
    boxes = compute_layout(dict.fromkeys("abcd", (100, 50)), links)
    assert boxes["a"].x < boxes["b"].x == boxes["c"].x < boxes["d"].x


def test_what_feeds_the_first_input_is_on_top_so_that_links_of_two_parallel_chains_do_not_cross() -> None:
    links = [Link("a", "bottom"), Link("b", "top"), Link("top", "end", 0), Link("bottom", "end", 1)]
    boxes = compute_layout(dict.fromkeys(["a", "b", "bottom", "top", "end"], (100, 50)), links)
    assert boxes["b"].y < boxes["a"].y
    assert boxes["top"].y < boxes["bottom"].y
    boxes = compute_layout(dict.fromkeys("abc", (100, 50)), [Link("a", "c", 1), Link("b", "c", 0)])
    assert boxes["b"].y < boxes["a"].y


def test_a_cycle_is_refused_and_named() -> None:
    with pytest.raises(ValueError, match=r"cycle among \['a', 'b'\]"):
        compute_layout({"a": (1, 1), "b": (1, 1)}, [Link("a", "b"), Link("b", "a")])
