import pytest
import torch
from torch import Tensor

from cases import each_case
from das_core.views.augmentation import Augmentation
from das_core.views.draws import Draws
from das_core.views.geometry import ViewGeometry
from das_core.views.transforms import Flip, Noise, PatchMask, Transform
from das_core.views.windows import Windows
from toys import make_draws


def test_views_are_windows_and_then_transforms_in_order_and_leave_the_pixels_alone() -> None:
    class Double:
        def __call__(self, views: Tensor, draws: Draws) -> Tensor:
            return 2 * views

    class AddOne:
        def __call__(self, views: Tensor, draws: Draws) -> Tensor:
            return views + 1

    pixels = torch.rand(1, 3, 32, 32)
    before = pixels.clone()
    windows = Windows(0, 1, 1, 1)
    views = Augmentation(2, windows, (Double(), AddOne()))(pixels, ViewGeometry((32, 32), 0, 32), make_draws(2))
    torch.testing.assert_close(views, 2 * pixels.expand(2, -1, -1, -1) + 1)
    assert torch.equal(pixels, before)

    pixels, geometry = torch.rand(2, 3, 40, 40), ViewGeometry((40, 40), 4, 16)
    windows, drawn = Windows(4), (Flip(), Noise(), PatchMask())
    views = Augmentation(3, windows, drawn)(pixels, geometry, make_draws(3, items=2))
    # The same streams, which every transform takes on where the one before it has left them.
    draws = make_draws(3, items=2)
    expected = windows(pixels, geometry, draws)
    for transform in drawn:
        expected = transform(expected, draws)
    assert torch.equal(views, expected)
    assert views.shape == (6, 3, 16, 16)


def test_views_are_the_same_in_any_chunk_and_without_ends_at_any_time() -> None:
    pixels, geometry = torch.rand(1, 3, 40, 40), ViewGeometry((40, 40), 4, 16)
    augmentation = Augmentation(6, Windows(4))
    chunks = [make_draws(1), make_draws(3, first=1), make_draws(2, first=4)]
    views = torch.cat([augmentation(pixels, geometry, draws) for draws in chunks])
    assert torch.equal(views, augmentation(pixels, geometry, make_draws(6)))
    early, late = (augmentation(pixels, geometry, make_draws(3, progress=done)) for done in (0.0, 1.0))
    assert torch.equal(early, late)


def test_gradients_flow_through_windows_and_transforms_to_what_was_seen() -> None:
    pixels = torch.full((1, 3, 40, 40), 0.5, requires_grad=True)
    transforms: tuple[Transform, ...] = (Flip(), Noise(0.01))
    views = Augmentation(4, Windows(0, 0.5, 0.5), transforms)(pixels, ViewGeometry((40, 40), 4, 16), make_draws(4))
    views.sum().backward()
    assert pixels.grad is not None
    # Windows of 16 pixels are not resized, so that each of their pixels counts once; none lies in the margin.
    assert float(pixels.grad.sum()) == 4 * 3 * 16 * 16
    assert float(pixels.grad[:, :, 4:36, 4:36].sum()) == 4 * 3 * 16 * 16
    assert set(pixels.grad.unique().tolist()) <= {0.0, 1.0, 2.0, 3.0, 4.0}


@each_case(
    ("views", "says"),
    [
        (0, "views 0 is too few; a step needs at least 1"),
        (-1, "views -1 is too few; a step needs at least 1"),
        # More than memory holds the draws of.
        (2**16 + 1, "views 65537 is too many: a step shows at most 65536"),
        (2**31, "views 2147483648 is too many: a step shows at most 65536"),
        (2**63, "views 9223372036854775808 is too many: a step shows at most 65536"),
    ],
)
def test_too_few_and_too_many_views_are_refused(views: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Augmentation(views=views)
