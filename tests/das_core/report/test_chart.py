import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.patches import Rectangle

from das_core.report.chart import BLUE, DOTS_PER_INCH, GREY, new_figure, render_figure


def to_color(name: str) -> torch.Tensor:
    """The red, green and blue of '#rrggbb', 0..1."""
    return torch.tensor([int(name[i : i + 2], 16) for i in (1, 3, 5)]) / 255


@pytest.mark.parametrize(("width", "height"), [(6, 1.35), (7, 5.0), (2, 2)])
def test_a_figure_of_so_many_inches_is_an_image_of_a_hundred_pixels_each(width: float, height: float) -> None:
    image = render_figure(new_figure(width, height))
    assert image.shape == (1, 3, round(100 * height), round(100 * width))
    assert DOTS_PER_INCH == 100


def test_an_empty_figure_is_white_paper() -> None:
    image = render_figure(new_figure(2, 1))
    assert torch.equal(image, torch.ones(1, 3, 100, 200))
    assert image.dtype == torch.float32
    assert image.is_contiguous()


@pytest.mark.parametrize("color", [BLUE, GREY])
def test_colours_come_out_as_they_are_named(color: str) -> None:
    figure = new_figure(1, 1)
    figure.set_facecolor(color)
    expected = to_color(color)[None, :, None, None].expand(1, 3, 100, 100)
    torch.testing.assert_close(render_figure(figure), expected, rtol=0, atol=1e-6)


def test_the_first_row_is_the_top_and_the_first_column_the_left() -> None:
    figure = new_figure(1, 1)
    # In fractions of the figure, from its lower left corner.
    figure.add_artist(Rectangle((0, 0.5), 0.5, 0.5, color=BLUE, linewidth=0))
    image = render_figure(figure)[0]
    torch.testing.assert_close(image[:, 25, 25], to_color(BLUE), rtol=0, atol=1e-6)
    for row, column in ((25, 75), (75, 25), (75, 75)):
        assert torch.equal(image[:, row, column], torch.ones(3))


def test_an_image_does_not_change_with_its_figure() -> None:
    figure = new_figure(1, 1)
    image = render_figure(figure)
    figure.set_facecolor(BLUE)
    again = render_figure(figure)
    assert torch.equal(image, torch.ones(1, 3, 100, 100))
    assert not torch.equal(again, image)


def test_figures_are_not_kept_by_pyplot() -> None:
    before = plt.get_fignums()
    render_figure(new_figure(1, 1))
    assert plt.get_fignums() == before
