"""Quick calls of `direct_ascent.render`: two steps of a toy classifier."""

from typing import Any

import direct_ascent as da
from das_core.facade.render import Rendering
from toys import classifier

TOY = classifier()


def render(wish: Any, model: Any = TOY, **settings: Any) -> Rendering:
    """Make a small picture in two steps; `settings` are further arguments of `da.render`, or replace the quick ones."""
    return da.render(model, wish, **({"size": 48, "steps": 2, "progress": False} | settings))
