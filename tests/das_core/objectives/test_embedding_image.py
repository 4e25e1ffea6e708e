"""Images as targets."""

import pytest
import torch
from tinyclip import clip
from torch import Tensor

from das_core.models.clip import CLIP
from das_core.objectives.embedding import ImageObjective


@pytest.fixture(scope="module")
def model() -> CLIP:
    return clip()


def pictures(count: int, height: int = 40, width: int = 50) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def test_a_view_of_the_target_is_as_near_as_can_be(model: CLIP) -> None:
    picture = pictures(1, 32, 32)
    objective = ImageObjective.from_images(model, picture)
    assert float(objective.score(model(picture))) == pytest.approx(1, abs=1e-5)
    assert float(objective.score(model(1 - picture))) < 0.999
    assert float(ImageObjective.from_images(model, picture, "spherical").score(model(picture))) == pytest.approx(
        0, abs=1e-5
    )


def test_every_image_of_a_batch_counts_fully(model: CLIP) -> None:
    batch = pictures(3)
    output = model(pictures(2, 32, 32))
    alone = sum(ImageObjective.from_images(model, picture[None]).score(output) for picture in batch)
    assert isinstance(alone, Tensor)
    together = ImageObjective.from_images(model, batch, weight=5.0)
    torch.testing.assert_close(together.score(output), alone, atol=1e-5, rtol=1e-5)
    assert (together.name, together.weights, together.weight) == ("3 images", (1.0, 1.0, 1.0), 5.0)


@pytest.mark.parametrize("shape", [(7, 9), (300, 20), (32, 32)])
def test_images_of_any_size_are_targets(model: CLIP, shape: tuple[int, int]) -> None:
    objective = ImageObjective.from_images(model, pictures(1, *shape))
    assert objective.targets.shape == (1, 24)
    assert objective.name == "image"
    assert not objective.targets.requires_grad


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_plain_black_and_white_are_targets(model: CLIP, value: float) -> None:
    objective = ImageObjective.from_images(model, torch.full((1, 3, 20, 20), value))
    assert float(objective.score(model(torch.full((1, 3, 32, 32), value)))) == pytest.approx(1, abs=1e-4)


def test_an_alpha_channel_is_refused(model: CLIP) -> None:
    with pytest.raises(ValueError, match=r"the image to embed has 4 channels \(an alpha channel\)"):
        ImageObjective.from_images(model, torch.rand(1, 4, 20, 20))
