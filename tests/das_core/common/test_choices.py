import pytest

from das_core.common.choices import check_choice


@pytest.mark.parametrize("value", ["spectral", "exact"])
@pytest.mark.parametrize("collect", [tuple, list, iter, dict.fromkeys], ids=lambda collect: collect.__name__)
def test_one_of_the_choices_passes(value: str, collect: type) -> None:
    check_choice("method", value, collect(("spectral", "exact")))


@pytest.mark.parametrize("collect", [tuple, list, iter, dict.fromkeys], ids=lambda collect: collect.__name__)
@pytest.mark.parametrize("value", ["fast", "", "Spectral", "spect", "spectral, exact"])
def test_anything_else_is_refused_with_the_choices_in_their_order(value: str, collect: type) -> None:
    with pytest.raises(ValueError, match=r"is unknown") as error:
        check_choice("method", value, collect(("spectral", "exact", "layers")))
    assert str(error.value) == f"method '{value}' is unknown; choose one of spectral, exact, layers"
