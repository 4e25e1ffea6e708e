"""The base class of the nodes: its check stands before `execute`, also in the classes that ComfyUI derives."""

from typing import Any

import pytest
from comfy_api.latest import io

from loaded_pack import Pack


def test_a_new_node_is_checked_without_more_words(pack: Pack) -> None:
    base = pack.module("nodes.node").Node

    class Double(base):  # type: ignore[misc, valid-type]
        @classmethod
        def define_schema(cls) -> io.Schema:
            return io.Schema(
                node_id="Double", category="test", inputs=[io.Int.Input("number", default=4)], outputs=[io.Int.Output()]
            )

        @classmethod
        def execute(cls, number: int) -> io.NodeOutput:
            return io.NodeOutput(2 * number)

    execute: Any = Double.execute
    assert execute(number=3).result == (6,)
    with pytest.raises(ValueError, match=r"^number is 'three', not a whole number; give one such as 4$"):
        execute(number="three")
    # As ComfyUI clones a class for a run: the check is not added twice.
    clone: Any = type("DoubleClone", (Double, base), dict(vars(Double)))
    assert clone.execute.__func__ is execute.__func__
    assert clone.execute(number=1).result == (2,)
