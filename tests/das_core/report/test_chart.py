import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Rectangle

from cases import each_case
from das_core.report.chart import (
    BLUE,
    DOTS_PER_INCH,
    GREY,
    LIGHT_BLUE,
    TEXT_SIZE,
    TICK_SIZE,
    WIDTH,
    new_figure,
    render_figure,
    style_axes,
)


def to_color(name: str) -> torch.Tensor:
    """The red, green and blue of '#rrggbb', 0..1."""
    return torch.tensor([int(name[i : i + 2], 16) for i in (1, 3, 5)]) / 255


@each_case("height", [0.5, 1, 1.35, 5.0])
def test_a_figure_is_white_paper_600_pixels_wide_and_200_pixels_high_for_every_inch(height: float) -> None:
    image = render_figure(new_figure(height))
    assert torch.equal(image, torch.ones(1, 3, round(200 * height), 600))
    assert (WIDTH, DOTS_PER_INCH) == (3, 200)
    assert image.dtype == torch.float32
    assert image.is_contiguous()


def test_small_capitals_are_six_pixels_high_where_a_node_draws_the_chart_270_pixels_wide() -> None:
    figure = new_figure(1)
    figure.text(0.5, 0.5, "H", fontsize=TICK_SIZE)
    dark = (render_figure(figure)[0, 0] < 0.5).any(dim=1).sum()
    assert dark * 270 / 600 > 6
    assert TEXT_SIZE > TICK_SIZE


def test_styled_axes_have_no_frame_at_the_top_or_on_the_right() -> None:
    axes = new_figure(1).add_subplot()
    style_axes(axes)
    assert [side for side, spine in axes.spines.items() if spine.get_visible()] == ["left", "bottom"]


@each_case("color", [BLUE, LIGHT_BLUE, GREY])
def test_colours_come_out_as_they_are_named_and_where_they_are_drawn(color: str) -> None:
    figure = new_figure(1)
    figure.set_facecolor(color)
    expected = to_color(color)[None, :, None, None].expand(1, 3, 200, 600)
    torch.testing.assert_close(render_figure(figure), expected, rtol=0, atol=1e-6)
    figure = new_figure(1)
    # In fractions of the figure, from its lower left corner.
    figure.add_artist(Rectangle((0, 0.5), 0.5, 0.5, color=color, linewidth=0))
    image = render_figure(figure)[0]
    # The first row is the top, and the first column the left.
    torch.testing.assert_close(image[:, 50, 150], to_color(color), rtol=0, atol=1e-6)
    for row, column in ((50, 450), (150, 150), (150, 450)):
        assert torch.equal(image[:, row, column], torch.ones(3))


def test_an_image_does_not_change_with_its_figure_which_pyplot_does_not_keep() -> None:
    before = plt.get_fignums()
    figure = new_figure(1)
    image = render_figure(figure)
    figure.set_facecolor(BLUE)
    again = render_figure(figure)
    assert torch.equal(image, torch.ones(1, 3, 200, 600))
    assert not torch.equal(again, image)
    assert plt.get_fignums() == before
