"""Axes: single inputs, inputs that change together, groups with names."""

from typing import Any

import pytest

from cases import each_case
from sweeper.axes import count_choices, list_choices, make_workflow_axis, read_axis
from sweeper.errors import SweepError


@each_case(
    ("name", "written", "options"),
    [
        ("5.seed", {"from": 0, "to": 1}, [("0", {"5.seed": 0}, {"5.seed": 0}), ("1", {"5.seed": 1}, {"5.seed": 1})]),
        # Inputs that change together.
        (
            "both",
            {"zip": {"1.size": [4, 8], "1.level": [0.5, 1]}},
            [
                ("4, 0.5", {"1.size": 4, "1.level": 0.5}, {"1.size": 4, "1.level": 0.5}),
                ("8, 1", {"1.size": 8, "1.level": 1}, {"1.size": 8, "1.level": 1}),
            ],
        ),
        # One input under a name.
        (
            "sizes",
            {"zip": {"1.size": [4, 8]}},
            [("4", {"1.size": 4}, {"1.size": 4}), ("8", {"1.size": 8}, {"1.size": 8})],
        ),
        # Groups are named in the table by their labels.
        (
            "pace",
            {"group": {"slow": {"5.steps": 60, "5.rate": 0.1}, 2: {}}},
            [("slow", {"5.steps": 60, "5.rate": 0.1}, {"pace": "slow"}), ("2", {}, {"pace": "2"})],
        ),
    ],
)
def test_an_axis_is_one_input_or_inputs_that_change_together_or_groups(
    name: str, written: Any, options: list[tuple[str, dict[str, Any], dict[str, Any]]]
) -> None:
    axis = read_axis(name, written)
    assert [(option.label, option.settings, option.columns) for option in axis.options] == options


@each_case(
    ("name", "written", "message"),
    [
        ("pace", [1, 2], "axis pace: write NODE.INPUT"),
        ("pace", {"zip": {}, "group": {}}, "axis pace: write NODE.INPUT"),
        ("both", {"zip": {"1.size": [4, 8], "1.level": [1]}}, "1.size has 2, 1.level has 1"),
        ("both", {"zip": []}, "axis both: zip needs lines NODE.INPUT: [values]"),
        ("pace", {"group": {}}, "group needs lines"),
        ("pace", {"group": {"slow": 3}}, "axis pace, slow: 3 is no mapping"),
        ("pace", {"group": {"slow": {"5.steps": [1]}}}, "axis pace, slow, 5.steps: YAML reads a list"),
        ("5.seed", 3, "5.seed: 3 is no list"),
    ],
)
def test_what_is_no_axis_is_refused(name: str, written: Any, message: str) -> None:
    with pytest.raises(SweepError) as caught:
        read_axis(name, written)
    assert message in str(caught.value)


def test_the_last_axis_changes_first() -> None:
    axes = [make_workflow_axis(["a", "b"]), read_axis("5.seed", [0, 1, 2])]
    assert count_choices(axes) == 6
    labels = [tuple(option.label for option in choice) for choice in list_choices(axes)]
    assert labels == [("a", "0"), ("a", "1"), ("a", "2"), ("b", "0"), ("b", "1"), ("b", "2")]
    assert [choice[0].workflow for choice in list_choices(axes)] == ["a"] * 3 + ["b"] * 3
