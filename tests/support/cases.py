"""A table of cases as one test: all cases are tried, and every one that fails is listed."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import pytest

Check = Callable[..., None]


def each_case(names: str | Sequence[str], *cases: Any) -> Callable[[Check], Check]:
    """Call a test with each case of a table, as `pytest.mark.parametrize` does, but as a single test."""
    given = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    table = [case if isinstance(names, tuple | list) or len(given) > 1 else (case,) for case in cases]

    def decorate(check: Check) -> Check:
        signature = inspect.signature(check)

        @functools.wraps(check)
        def test(subtests: pytest.Subtests, **fixtures: Any) -> None:
            assert table
            # The test may have a parameter `subtests` itself, to try the rows of a table of its own.
            more: dict[str, Any] = {"subtests": subtests} if "subtests" in signature.parameters else {}
            for number, case in enumerate(table):
                values = dict(zip(given, case, strict=True))
                if "tmp_path" in fixtures:
                    more["tmp_path"] = fixtures["tmp_path"] / str(number)
                    more["tmp_path"].mkdir()
                with subtests.test(**values), pytest.MonkeyPatch.context() as patch:
                    if "monkeypatch" in signature.parameters:
                        more["monkeypatch"] = patch
                    check(**fixtures | values | more)

        own = (*given, "subtests", "monkeypatch")
        others = [value for name, value in signature.parameters.items() if name not in own]
        subtests = inspect.Parameter("subtests", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        test.__signature__ = signature.replace(parameters=[subtests, *others])  # type: ignore[attr-defined]
        return test

    return decorate


def refuses(call: Callable[..., object], *rows: Sequence[Any], error: type[Exception] = ValueError) -> Check:
    """Return a test that a call with each row, but for its last value, raises an error that matches that value."""

    @each_case("row", *rows)
    def test(row: Sequence[Any]) -> None:
        with pytest.raises(error, match=row[-1]):
            call(*row[:-1])

    return test
