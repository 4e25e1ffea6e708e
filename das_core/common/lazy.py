"""Lazy imports: parts of a package that are imported at their first use, because they take seconds to load."""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# The extra that installs an optional package.
_EXTRAS = dict.fromkeys(("open_clip", "transformers"), "text")
_EXTRAS |= dict.fromkeys(("filelock", "jinja2", "pyarrow", "pydantic", "tqdm"), "atlas")


def import_on_demand(package: str, names: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Return a `__getattr__` (PEP 562) for a package that imports names of its modules at their first use."""
    modules = {name: module for module, several in names.items() for name in several}

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            value = getattr(importlib.import_module(modules[name], package), name)
        except ModuleNotFoundError as error:
            if error.name not in _EXTRAS:
                raise
            message = f"{error.name} is not installed; run pip install 'direct-ascent[{_EXTRAS[error.name]}]'"
            raise ModuleNotFoundError(message, name=error.name) from None
        setattr(sys.modules[package], name, value)  # Where Python finds it from now on.
        return value

    return find
