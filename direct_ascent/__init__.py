"""Direct Ascent Synthesis in one line of code: `import direct_ascent as da`.

    >>> import direct_ascent as da
    >>> picture = da.render(da.load_starter(), "jellyfish", size=64, steps=2, progress=False)
    >>> picture.image.shape
    torch.Size([1, 3, 64, 64])

This package re-exports the public names of `das_core` and of `das_core.facade`, and `atlas`,
`explain`, `activation_atlas`, `saliency` and `sweep`.
"""

from typing import TYPE_CHECKING

from das_core import __all__ as _core
from das_core import __version__ as __version__
from das_core.common.lazy import import_on_demand
from das_core.facade import __all__ as _facade

if TYPE_CHECKING:
    from das_core import *  # noqa: F403
    from das_core.atlas.activation_atlas import activation_atlas as activation_atlas
    from das_core.atlas.atlas import atlas as atlas
    from das_core.atlas.explain import explain as explain
    from das_core.atlas.saliency import saliency as saliency
    from das_core.facade import *  # noqa: F403
    from das_core.runs.sweep import sweep as sweep
else:
    _more = {f"das_core.atlas.{name}": [name] for name in ("activation_atlas", "atlas", "explain", "saliency")}
    _more["das_core.runs.sweep"] = ["sweep"]
    __getattr__ = import_on_demand(__name__, {"das_core": _core, "das_core.facade": _facade, **_more})

__all__ = sorted({*_core, *_facade, "activation_atlas", "atlas", "explain", "saliency", "sweep"})


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
