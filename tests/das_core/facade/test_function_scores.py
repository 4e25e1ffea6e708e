"""Pictures of functions that the user gives."""

import pytest

import direct_ascent as da
from quick_render import render


def test_the_picture_does_what_was_asked() -> None:
    red = render(lambda views: views[:, 0].mean(dim=(1, 2)), steps=6).image
    assert red[:, 0].mean() > red[:, 1:].mean() + 0.05 > 0.55
    # More steps would be white: what is brighter in all colours is bluer, too.
    blue = render(da.of_picture(lambda picture: picture[:, 2].mean(dim=(1, 2))), steps=3)
    assert blue.image[:, 2].mean() > blue.image[:, :2].mean() + 0.1
    assert blue.scores["lambda"][0] == pytest.approx(float(blue.image[:, 2].mean()), abs=1e-3)
