"""Direct Ascent Synthesis in a line: `import direct_ascent as da`.

    >>> import direct_ascent as da
    >>> picture = da.render(da.load_starter(), "jellyfish", size=64, steps=2, progress=False)
    >>> picture.image.shape
    torch.Size([1, 3, 64, 64])

It hands on all of `das_core` and its facade.
"""

from das_core import *  # noqa: F403
from das_core import __all__ as _core
from das_core.facade import *  # noqa: F403
from das_core.facade import __all__ as _facade

__all__ = sorted({*_core, *_facade})
