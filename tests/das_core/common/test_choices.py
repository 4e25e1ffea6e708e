from typing import Any

import pytest

from das_core.common.choices import check_choice


def test_one_of_the_choices_passes_and_anything_else_is_refused_with_the_choices_in_their_order() -> None:
    for value in ("spectral", "layers"):
        check_choice("method", value, iter(("spectral", "layers")))
    bad: list[Any] = ["fast", "", "Spectral", "spect", "spectral, layers", 3]
    for value in bad:
        with pytest.raises(ValueError, match=f"^method '{value}' is unknown; choose one of spectral, layers$"):
            check_choice("method", value, iter(("spectral", "layers")))
