import pytest

from cases import each_case
from das_core.common.choices import check_choice


@each_case("value", ["spectral", "layers"])
@each_case("collect", [tuple, list, iter, dict.fromkeys])
def test_one_of_the_choices_passes(value: str, collect: type) -> None:
    check_choice("method", value, collect(("spectral", "layers")))


@each_case("collect", [tuple, list, iter, dict.fromkeys])
@each_case("value", ["fast", "", "Spectral", "spect", "spectral, exact"])
def test_anything_else_is_refused_with_the_choices_in_their_order(value: str, collect: type) -> None:
    with pytest.raises(ValueError, match=r"is unknown") as error:
        check_choice("method", value, collect(("spectral", "layers", "dense")))
    assert str(error.value) == f"method '{value}' is unknown; choose one of spectral, layers, dense"
