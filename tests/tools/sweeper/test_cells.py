"""Cells and their hashes."""

from sweeper.axes import Option
from sweeper.cells import Cell, hash_cell, hash_node


def test_a_cell_sets_and_says_what_its_options_do() -> None:
    cell = Cell(
        "ab", "w", (Option("4", {"1.size": 4}, {"1.size": 4}), Option("slow", {"5.steps": 60}, {"pace": "slow"}))
    )
    assert cell.settings == {"1.size": 4, "5.steps": 60}
    assert cell.columns == {"1.size": 4, "pace": "slow"}
    assert cell.title == "1.size=4, pace=slow"
    assert Cell("ab", "w", (Option("w", workflow="w"),)).title == "w"


def test_the_hash_depends_on_all_nodes_and_on_no_order() -> None:
    one, two = hash_node("1", "A", {"a": 1, "b": 2}), hash_node("2", "B", {"image": ["1", 0]})
    assert hash_cell([one, two]) == hash_cell([two, one])
    assert len(hash_cell([one])) == 32
    assert hash_node("1", "A", {"b": 2, "a": 1}) == one
    others = [
        hash_node("2", "A", {"a": 1, "b": 2}),
        hash_node("1", "C", {"a": 1, "b": 2}),
        hash_node("1", "A", {"a": 1, "b": 2.5}),
        hash_node("1", "A", {"a": 1, "b": 2}, ["file"]),
    ]
    assert len({one, *others}) == 5
