"""Where judges come from: packages of PyPI, torchvision, timm, open_clip, or a checkpoint on disk."""

from typing import TYPE_CHECKING

from ...common.lazy import import_on_demand

if TYPE_CHECKING:
    from .dictionaries import load_dictionary
    from .files import load
    from .open_clip_models import load_open_clip
    from .preferences import load_preference
    from .starter_clip import load_starter_clip
    from .starters import SECOND_OPINION, STARTER, THIRD_OPINION, load_starter, load_starters
    from .timm_models import load_timm
    from .torchvision_models import load_torchvision
else:
    # These modules need packages that take seconds to load.
    __getattr__ = import_on_demand(
        __name__,
        {
            ".dictionaries": ["load_dictionary"],
            ".files": ["load"],
            ".open_clip_models": ["load_open_clip"],
            ".preferences": ["load_preference"],
            ".starter_clip": ["load_starter_clip"],
            ".starters": ["SECOND_OPINION", "STARTER", "THIRD_OPINION", "load_starter", "load_starters"],
            ".timm_models": ["load_timm"],
            ".torchvision_models": ["load_torchvision"],
        },
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# fmt: off
__all__ = [
    "SECOND_OPINION", "STARTER", "THIRD_OPINION", "load", "load_dictionary", "load_open_clip", "load_preference",
    "load_starter", "load_starter_clip", "load_starters", "load_timm", "load_torchvision",
]
