"""The docstrings of the library: what is public says what it takes, and its examples run; so does the README's."""

import doctest
import importlib
import inspect
import io
import pkgutil
from pathlib import Path
from typing import Any

import das_core
import direct_ascent
from cases import each_case

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(info.name for info in pkgutil.walk_packages(das_core.__path__, "das_core."))


PARTS = [getattr(direct_ascent, name) for name in ("ascent", "looks", "stack", "steering", "views")]
FACE = {name: getattr(module, name) for module in (direct_ascent, *PARTS) for name in module.__all__}
EXPORTED = {name: item for name, item in FACE.items() if inspect.isclass(item) or inspect.isfunction(item)}
"""Every class and function that users import from the library."""


def run_examples(examples: list[doctest.DocTest]) -> tuple[int, str]:
    """The number of examples that were run, and what is wrong with them."""
    told = io.StringIO()
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for example in examples:
        runner.run(example, out=told.write)
    return sum(len(example.examples) for example in examples), told.getvalue()


@each_case("name", *MODULES)
def test_the_examples_of_a_module_run(name: str) -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    _, wrong = run_examples(finder.find(importlib.import_module(name)))
    assert not wrong, wrong


PAGES = ("README.md", "docs/first_picture.md", "docs/extending.md", "docs/coming_from_lucent.md", "docs/attacks.md")


@each_case("page", *PAGES)
def test_the_examples_of_a_page_run(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    count, wrong = run_examples([doctest.DocTestParser().get_doctest(text, {}, page, page, 0)])
    assert count > 2
    assert not wrong, wrong


@each_case("name", *EXPORTED)
def test_what_is_exported_says_what_it_takes(name: str) -> None:
    item = EXPORTED[name]
    if inspect.isclass(item) and (issubclass(item, Exception) or getattr(item, "_is_protocol", False)):
        return
    own = item.__doc__ or ""
    # What a class inherits its base describes; what film and zoom share with render stands there.
    others: tuple[Any, ...] = (
        inspect.getmro(item) if inspect.isclass(item) else (direct_ascent.render,) * ("as in `render`" in own)
    )
    described = "".join((each.__doc__ or "").partition("Args:")[2] for each in (item, *others))
    names = [name for name in inspect.signature(item).parameters if name not in ("self", "cls")]
    assert not [name for name in names if f" {name}: " not in described and f"`{name}`" not in own]
