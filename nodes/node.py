"""The base class of the nodes of the pack."""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from comfy_api.latest import io

from ..das_core.common.interruption import interruptible
from . import bridge
from .input_checks import check_inputs


class Node(io.ComfyNode):
    """A node whose `execute` is given only values of the types that its schema declares, and says itself why it failed.

    Cancel ends it wherever the library allows that (`das_core.common.interruption`): within a second or two.

    A class that inherits this has `define_schema` and `execute`, as every node of ComfyUI; both are added to its
    `execute` when the class is made.
    """

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        execute = vars(cls).get("execute")
        # ComfyUI derives a class from the node for every run, with all that it has.
        if isinstance(execute, classmethod) and not hasattr(execute.__func__, "checks_inputs"):
            cls.execute = classmethod(_add_check(execute.__func__, cls))


def _add_check(execute: Callable[..., io.NodeOutput], node: type[Node]) -> Callable[..., io.NodeOutput]:
    """Return the function of `execute` with the check of its inputs before it, and what shows a failure around both."""

    @cache
    def list_inputs() -> list[Any]:
        # Building some schemas takes long, for they list files. Options may change; types do not.
        return list(node.define_schema().inputs)

    @wraps(execute)
    def run(cls: type[Node], **values: Any) -> io.NodeOutput:
        with bridge.show_failure(), interruptible(bridge.check_interrupted):
            return execute(cls, **check_inputs(list_inputs(), values))

    run.checks_inputs = True  # type: ignore[attr-defined]
    return run
