"""The base class of the nodes of the pack."""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from comfy_api.latest import io

from ..das_core.common.cache import running
from ..das_core.common.interruption import interruptible
from ..das_core.common.modes import own_modes
from . import bridge
from .input_checks import check_inputs


class Node(io.ComfyNode):
    """The base class of the nodes: `execute` gets checked inputs, runs outside inference mode, and shows its errors."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        execute = vars(cls).get("execute")
        # For every run, ComfyUI derives a class from the node and copies all attributes of the node into it. The copied
        # `execute` is wrapped already, and must not be wrapped twice.
        if isinstance(execute, classmethod) and not hasattr(execute.__func__, "checks_inputs"):
            cls.execute = classmethod(_wrap(own_modes()(execute.__func__), cls))


def _wrap(execute: Callable[..., io.NodeOutput], node: type[Node]) -> Callable[..., io.NodeOutput]:
    """Return a function that checks the inputs, calls `execute` with them, and shows errors on the node."""

    @cache
    def list_inputs() -> list[Any]:
        # Cached, because building some schemas takes long: they list files. The options in a cached schema may become
        # outdated, but only types are checked, and types do not change.
        return list(node.define_schema().inputs)

    @wraps(execute)
    def run(cls: type[Node], **values: Any) -> io.NodeOutput:
        with bridge.show_failure(), running(), interruptible(bridge.check_interrupted):
            return execute(cls, **check_inputs(list_inputs(), values))

    run.checks_inputs = True  # type: ignore[attr-defined]
    return run
