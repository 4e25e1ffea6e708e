"""Files of what judges were taught: how they are called, and how the nodes that load models offer and apply them."""

import re
from pathlib import Path
from typing import Any

from comfy_api.latest import io

from ...das_core.models.judge import J
from ...das_core.teaching.teach import load_taught
from .. import bridge
from ..schema import tip

NONE = "none"
"""The option with which a model is loaded as it was published."""

_END = ".safetensors"


def name_files(name: str, count: int) -> list[str]:
    """Return the names of the files of what `count` models are taught as one: NAME, or NAME-1, NAME-2 and so on."""
    return [f"{name}{_END}"] if count == 1 else [f"{name}-{number}{_END}" for number in range(1, count + 1)]


def taught_input() -> Any:
    """Return the optional input that chooses what the model was taught; a loader has it as its last input."""
    return tip(
        io.Combo.Input("taught", options=[NONE, *bridge.list_model_files(bridge.TAUGHT)], default=NONE, optional=True),
        "What this model was taught by Direct Ascent Teach Judge, a file in models/taught; press R to see new ones. "
        "none: the model as its source has it. Of two models that were taught as one, the file of either brings both.",
    )


def apply_taught(judge: J, name: Any) -> J:
    """Return a judge in fp32 with what was chosen in `taught_input`."""
    path = _find_file(name)
    if path is None:
        return judge
    names = name_files(re.sub(r"-\d+$", "", path.stem), len(judge.members))
    for each in names if path.name in names else [path.name]:
        if (file := path.with_name(each)).is_file():
            judge = load_taught(judge, file)
    return judge


def read_taught_time(name: Any) -> int:
    """Return when the chosen file was last changed, in nanoseconds since 1970; 0 if there is none."""
    try:
        path = _find_file(name)
        return 0 if path is None else path.stat().st_mtime_ns
    except (OSError, ValueError):
        # The file is gone since the list was made. Loading it raises the error.
        return 0


def _find_file(name: Any) -> Path | None:
    """Return the path of the file that was chosen in `taught_input`; None for 'none'."""
    return None if isinstance(name, str) and name == NONE else bridge.find_model_file(bridge.TAUGHT, name)
