"""How different pictures are to a classifier and from afar, against all pairs one by one."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks.common import load_photograph
from benchmarks.distances import mean_difference_from_afar, mean_distance
from das_core.models.sources.starters import load_starter
from plain_judges import SIZE, make_classifier, noise, paint


def cosine_distance(features: np.ndarray) -> float:
    """The mean over all pairs, one by one."""
    lengths, count = np.linalg.norm(features, axis=1), len(features)
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    return float(np.mean([1 - features[i] @ features[j] / lengths[i] / lengths[j] for i, j in pairs]))


def test_the_distance_is_the_mean_over_all_pairs_0_for_equal_images_and_1_for_those_that_share_nothing() -> None:
    # Its features are the mean red, green and blue.
    toy = make_classifier(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5)), 5)
    image = noise(1, 3, SIZE, SIZE)
    # The length of the features does not count, only their direction.
    assert mean_distance(toy, torch.cat([image, image, image / 2])) == pytest.approx(0, abs=1e-6)
    red, blue = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
    assert mean_distance(toy, paint(red, red, blue)) == pytest.approx(2 / 3)
    colours = noise(21, 3)
    images = colours[:, :, None, None].expand(-1, -1, SIZE, SIZE + 10).contiguous()
    assert mean_distance(toy, images) == pytest.approx(cosine_distance(colours.double().numpy()), rel=1e-4)


def test_from_afar_colours_and_large_shapes_differ_and_fine_noise_does_not() -> None:
    black, white, red = paint((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (1.0, 0.0, 0.0))
    # Pairs: black and white 1, black and red sqrt(1/3), white and red sqrt(2/3).
    expected = (1 + (1 / 3) ** 0.5 + (2 / 3) ** 0.5) / 3
    assert mean_difference_from_afar(torch.stack([black, white, red])) == pytest.approx(expected, rel=1e-4)
    checkered = torch.zeros(3, 224, 224)
    checkered[:, ::2, ::2] = checkered[:, 1::2, 1::2] = 1
    assert mean_difference_from_afar(torch.stack([checkered, checkered.roll(1, 2)])) < 0.01


def test_features_of_a_real_classifier_are_those_of_timm() -> None:
    starter = load_starter()
    images = torch.cat([load_photograph(subject)[:, :, :224, :224] for subject in ("coffee", "astronaut", "brick")])
    with torch.no_grad():
        seen: Tensor = starter.module.forward_features((images - 0.5) / 0.5)  # type: ignore[operator]
        pooled: Tensor = starter.module.forward_head(seen, pre_logits=True)  # type: ignore[operator]
    expected = cosine_distance(pooled.double().numpy())
    assert expected > 0.3
    assert mean_distance(starter, images) == pytest.approx(expected, rel=1e-4)
