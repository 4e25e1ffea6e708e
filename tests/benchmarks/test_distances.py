"""How different pictures are to a classifier and from afar, against all pairs one by one."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks.common import load_photograph
from benchmarks.distances import mean_difference_from_afar, mean_distance
from cases import each_case
from das_core.models.classifier import Classifier
from das_core.models.sources.starters import load_starter
from plain_judges import SIZE, MeanColour, make_classifier, noise, paint


class Pooling(nn.Module):
    """A network that averages its features inside its own code, so that no layer has them averaged."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 6, 5, stride=3)
        self.head = nn.Linear(6, 4)
        generator = torch.Generator().manual_seed(1)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator)

    def forward(self, views: Tensor) -> Tensor:
        logits: Tensor = self.head(self.convolution(views).mean(dim=(2, 3)))
        return logits


def linear_on_colour() -> Classifier:
    """Features: the mean red, green and blue."""
    return make_classifier(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5)), 5)


def cosine_distance(features: np.ndarray) -> float:
    """The mean over all pairs, one by one."""
    lengths = np.linalg.norm(features, axis=1)
    found = [
        1 - features[i] @ features[j] / lengths[i] / lengths[j]
        for i in range(len(features))
        for j in range(i + 1, len(features))
    ]
    return float(np.mean(found))


def test_the_distance_is_the_mean_over_all_pairs_0_for_equal_images_and_1_for_those_that_share_nothing() -> None:
    image = noise(1, 3, SIZE, SIZE)
    assert mean_distance(linear_on_colour(), image.repeat(18, 1, 1, 1)) == pytest.approx(0, abs=1e-6)
    # The length of the features does not count, only their direction.
    assert mean_distance(linear_on_colour(), torch.cat([image, image / 2])) == pytest.approx(0, abs=1e-6)
    red, green, blue = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
    assert mean_distance(linear_on_colour(), paint(red, green, blue)) == pytest.approx(1)
    assert mean_distance(linear_on_colour(), paint(red, red, blue)) == pytest.approx(2 / 3)
    colours = noise(21, 3)
    images = colours[:, :, None, None].expand(-1, -1, SIZE, SIZE + 10).contiguous()
    expected = cosine_distance(colours.double().numpy())
    assert mean_distance(linear_on_colour(), images) == pytest.approx(expected, rel=1e-4)


def test_from_afar_colours_and_large_shapes_differ_and_fine_noise_does_not() -> None:
    black, white, red = paint((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (1.0, 0.0, 0.0))
    assert mean_difference_from_afar(torch.stack([black, white])) == pytest.approx(1)
    # Pairs: black and white 1, black and red sqrt(1/3), white and red sqrt(2/3).
    expected = (1 + (1 / 3) ** 0.5 + (2 / 3) ** 0.5) / 3
    assert mean_difference_from_afar(torch.stack([black, white, red])) == pytest.approx(expected, rel=1e-4)
    checkered = torch.zeros(3, 224, 224)
    checkered[:, ::2, ::2] = checkered[:, 1::2, 1::2] = 1
    assert mean_difference_from_afar(torch.stack([checkered, checkered.roll(1, 2)])) < 0.01


def test_features_are_those_that_the_last_linear_layer_takes_averaged_over_positions() -> None:
    generator = torch.Generator().manual_seed(2)
    module = nn.Sequential(
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 4)
    )
    for parameter in module.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    images = noise(5, 3, SIZE, SIZE)
    expected = cosine_distance(module[:-1](images).double().detach().numpy())
    assert mean_distance(make_classifier(module, 4), images) == pytest.approx(expected, rel=1e-4)
    pooling = Pooling()
    images = noise(5, 3, SIZE, SIZE) * noise(5, 3, 1, 1, seed=1)
    expected = cosine_distance(pooling.convolution(images).mean(dim=(2, 3)).double().detach().numpy())
    assert mean_distance(make_classifier(pooling, 4), images) == pytest.approx(expected, rel=1e-4)


def test_features_of_a_real_classifier_are_those_of_timm() -> None:
    starter = load_starter()
    images = torch.cat([load_photograph(subject)[:, :, :224, :224] for subject in ("coffee", "astronaut", "brick")])
    with torch.no_grad():
        seen: Tensor = starter.module.forward_features((images - 0.5) / 0.5)  # type: ignore[operator]
        pooled: Tensor = starter.module.forward_head(seen, pre_logits=True)  # type: ignore[operator]
    expected = cosine_distance(pooled.double().numpy())
    assert expected > 0.3
    assert mean_distance(starter, images) == pytest.approx(expected, rel=1e-4)


@each_case(
    ("make", "images", "message"),
    [
        (linear_on_colour, noise(1, 3, SIZE, SIZE), "1 image has nothing to differ from; compare at least 2"),
        (lambda: make_classifier(MeanColour(), 3), noise(2, 3, SIZE, SIZE), "toy has no layers"),
        (
            lambda: make_classifier(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), 3),
            noise(2, 3, SIZE, SIZE),
            "toy has no linear layer at its end",
        ),
        (linear_on_colour, paint((1.0, 0.0, 0.0), (0.0, 0.0, 0.0)), "toy finds no features in an image"),
    ],
)
def test_what_cannot_be_compared_is_refused(make: Callable[[], Classifier], images: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mean_distance(make(), images)
