"""The core nodes for text: what PreviewAny makes of a value, and how nodes share a text."""

from collections.abc import Callable
from typing import Any

from cases import each_case
from runner.core_text_nodes import PreviewAny

Run = Callable[..., Any]


class Named:
    def __str__(self) -> str:
        return "a value of its own"


@each_case(
    ("value", "text"),
    [
        (None, "None"),
        ("two\nlines", "two\nlines"),
        (0.5, "0.5"),
        (True, "True"),
        ({"a": [1, "b"]}, '{\n    "a": [\n        1,\n        "b"\n    ]\n}'),
        (Named(), "a value of its own"),
        ([Named], f"[{Named!r}]"),
    ],
)
def test_a_value_is_shown_as_text_as_json_or_as_str_of_it(value: object, text: str) -> None:
    assert PreviewAny().show(value) == {"ui": {"text": (text,)}}


def test_one_text_reaches_several_nodes(run: Run) -> None:
    nodes = {
        "1": ("PrimitiveStringMultiline", {"value": "a castle\non a hill"}),
        "2": ("PreviewAny", {"source": ["1", 0]}, "First"),
        "3": ("PreviewAny", {"source": ["1", 0]}, "Second"),
    }
    assert run(nodes).out == "First:\na castle\non a hill\nSecond:\na castle\non a hill\n"
