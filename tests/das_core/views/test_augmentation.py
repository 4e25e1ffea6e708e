import torch

from cases import refuses
from das_core.views.augmentation import Augmentation
from das_core.views.color_transforms import ColorShift
from das_core.views.transforms import Flip, Noise
from das_core.views.windows import ViewGeometry, Windows
from toys import make_draws

GEOMETRY = ViewGeometry((40, 40), 4, 16)


def test_views_are_windows_and_then_transforms_in_order_and_leave_the_pixels_alone() -> None:
    pixels = torch.rand(2, 3, 40, 40)
    before = pixels.clone()
    windows, drawn = Windows(4), (Flip(), Noise(), ColorShift())
    views = Augmentation(3, windows, drawn)(pixels, GEOMETRY, make_draws(3, items=2))
    # The same streams, which every transform takes on where the one before it has left them.
    draws = make_draws(3, items=2)
    expected = windows(pixels, GEOMETRY, draws)
    for transform in drawn:
        expected = transform(expected, draws)
    assert torch.equal(views, expected)
    assert views.shape == (6, 3, 16, 16)
    assert torch.equal(pixels, before)


def test_views_are_the_same_in_any_chunk() -> None:
    pixels, augmentation = torch.rand(1, 3, 40, 40), Augmentation(6, Windows(4))
    chunks = [make_draws(1), make_draws(3, first=1), make_draws(2, first=4)]
    views = torch.cat([augmentation(pixels, GEOMETRY, draws) for draws in chunks])
    assert torch.equal(views, augmentation(pixels, GEOMETRY, make_draws(6)))


test_too_few_and_too_many_views_are_refused = refuses(
    lambda views: Augmentation(views=views),
    (0, "views 0 is not a whole number from 1 to 65536"),
    (2**16 + 1, "views 65537 is not"),
)
