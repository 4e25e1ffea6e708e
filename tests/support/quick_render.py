"""Pictures by `render` of a toy, in two steps."""

from typing import Any

import direct_ascent as da
from das_core.facade.render import Rendering
from toys import classifier

TOY = classifier()


def render(wish: Any, model: Any = TOY, **settings: Any) -> Rendering:
    """Make a small picture; settings replace those of a quick one."""
    return da.render(model, wish, **({"size": 48, "steps": 2, "progress": False} | settings))
