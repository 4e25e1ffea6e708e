"""Parts of a package that are imported when they are first asked for, because what they need takes seconds to load."""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def import_on_demand(package: str, names: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package that imports some of its names when they are first asked for (PEP 562).

    Args:
        package: the name of the package.
        names: by the module below it, such as '.sources', the names that it defines.

    Example:
        >>> from das_core.common.lazy import import_on_demand
        >>> find = import_on_demand("das_core.common", {".seeding": ["make_generator"]})
        >>> find("make_generator").__module__
        'das_core.common.seeding'
        >>> find("nothing")
        Traceback (most recent call last):
        AttributeError: module 'das_core.common' has no attribute 'nothing'
    """
    modules = {name: module for module, several in names.items() for name in several}

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(modules[name], package), name)
        # The next time it is found without a search.
        setattr(sys.modules[package], name, value)
        return value

    return find
