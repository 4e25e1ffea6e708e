import numpy as np
import torch
from torch import Tensor, nn
from toys import SPEC, Output, climb, judge

from das_core.ascent.loop import Ascent
from das_core.ascent.result import make_importance_mask, measure_gradient_strength
from das_core.stack.image_stack import ImageStack
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows


class Left(nn.Module):
    """Sees the left half of its views alone."""

    def forward(self, views: Tensor) -> Tensor:
        return views[..., : views.shape[-1] // 2].square()


def test_it_is_bright_where_a_judge_looks() -> None:
    still = Augmentation(2, Windows(8, 1.0, 1.0, 1.0), ())
    result = climb(ImageStack.grey(SPEC, 2), objectives=[Output(judge(Left()))], augmentation=still)
    importance = result.importance
    assert importance.shape == (2, 32, 32)
    assert importance[:, :, :15].mean() > 0.5
    assert importance[:, :, 18:].max() == 0
    assert importance.min() >= 0
    assert importance.max() == 1


def test_before_the_first_step_it_is_dark() -> None:
    assert Ascent(ImageStack.grey(SPEC), [Output(judge(Left()))]).result.importance.max() == 0


def test_it_is_that_of_numpy() -> None:
    steps = torch.randn(4, 2, 3, 12, 10, generator=torch.Generator().manual_seed(0))
    mask = make_importance_mask(torch.stack([measure_gradient_strength(step) for step in steps]).sum(dim=0))
    for item in range(2):
        sizes = np.sqrt((steps[:, item].numpy() ** 2).sum(axis=1))
        gathered = (sizes / sizes.mean(axis=(1, 2), keepdims=True)).sum(axis=0)
        white = np.sort(gathered.ravel())[round(0.99 * 120) - 1]
        np.testing.assert_allclose(mask[item].numpy(), np.minimum(gathered / white, 1), rtol=1e-5)


def test_every_step_counts_alike_however_large_its_gradient() -> None:
    one, other = torch.rand(2, 1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(measure_gradient_strength(other * 1000), measure_gradient_strength(other))
    assert torch.isfinite(measure_gradient_strength(one * 0)).all()
