"""What benchmarks compute from pictures and times, where the answer is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks import engraving
from benchmarks.common import load_photograph
from benchmarks.distances import mean_difference_from_afar, mean_distance
from benchmarks.films import measure_changes
from benchmarks.pace import Look, average, climb, first_time
from benchmarks.recipes import SKETCH
from benchmarks.recognition import HEADER, RULE, TEXT_HEADER, format_cells, summarise
from benchmarks.zoom import measure_seam
from das_core.models.sources.starters import load_starter
from das_core.report.recognition import Answer, Verdict
from das_core.stack.image_stack import ImageStack
from das_core.stack.render import render_zoom
from das_core.stack.spec import StackSpec
from das_core.stack.zoom import Zoom
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from plain_judges import SIZE, make_classifier, noise, paint
from toys import classifier


def test_changes_of_a_film_are_those_of_neighbours_and_of_the_last_to_the_first() -> None:
    frames = torch.tensor([0.0, 0.1, 0.4, 0.5])[:, None, None, None].expand(4, 3, 5, 6)
    assert measure_changes(frames) == pytest.approx([0.1, 0.3, 0.1, 0.5])


def test_a_seam_of_a_zoom_is_measured_where_it_is() -> None:
    spec = StackSpec(96, 96, 12, zoom=Zoom(3))
    grain = torch.rand(3, 96, 96, generator=torch.Generator().manual_seed(0))
    for moment, shades in ((0.0, [2.0, -2.0, -2.0]), (0.3, [2.0, -2.0, -2.0]), (0.9, [2.0, 2.0, -2.0])):
        assert measure_seam(grain, spec, moment) == pytest.approx(1, abs=0.15)
        # Black in white: there is a gradient nowhere else.
        canvas = torch.tensor(shades)[:, None, None, None].expand(3, 3, *spec.canvas)
        frame = render_zoom(ImageStack.from_canvas(spec, canvas.contiguous()), [moment])[0]
        assert measure_seam(frame + 1e-3 * grain, spec, moment) > 3


def test_looks_at_a_climb_have_the_seconds_so_far_and_a_probability() -> None:
    recipe = replace(SKETCH, steps=3, augmentation=Augmentation(2, Windows(16)), spec=StackSpec(64, 64, 16))
    looks = climb(recipe, classifier(classes=1000), 107)
    assert len(looks) == 3
    assert 0 < looks[0].seconds < looks[1].seconds < looks[2].seconds < 600
    assert all(0 <= look.probability <= 1 for look in looks)


def test_runs_are_averaged_look_by_look_and_a_probability_is_reached_at_the_first_that_has_it() -> None:
    means = average([[Look(1.0, 0.2), Look(2.0, 0.4)], [Look(3.0, 0.4), Look(4.0, 0.8)]])
    assert [look.seconds for look in means] == [2.0, 3.0]
    assert [look.probability for look in means] == pytest.approx([0.3, 0.6])
    looks = [Look(2.0, 0.1), Look(4.0, 0.5), Look(6.0, 0.4)]
    assert [first_time(looks, p) for p in (0.25, 0.5, 0.75)] == ["4 s", "4 s", "not reached"]


def test_rows_about_verdicts_have_the_columns_of_their_headers() -> None:
    verdicts = [
        Verdict(Answer(0.9, 0), Answer(0.5, 0), Answer(0.25, 0)),
        Verdict(Answer(0.8, 0), Answer(0.104, 2), Answer(0.25, 0)),
        Verdict(Answer(0.7, 0), Answer(0.296, 0), Answer(0.0, 9)),
        Verdict(Answer(0.2, 1), Answer(0.1, 0), Answer(0.1, 1)),
    ]
    row = summarise(verdicts)
    assert row == "| 75% | 75% | 50% | 25% | 0.650 | 0.250 | 0.150 |"
    assert {text.count("|") for text in (HEADER, TEXT_HEADER, RULE, row)} == {8}
    assert [format_cells(verdict) for verdict in verdicts[:2]] == [
        "0.900 | 0.500 | 0.250 | yes",
        "0.800 | 0.104 (choice 3) | 0.250 | no",
    ]


def test_white_noise_changes_everywhere_alike_and_one_edge_is_sparse_and_calm() -> None:
    grey = 0.5 + 0.1 * torch.randn(1, 1, 256, 256, generator=torch.Generator().manual_seed(0))
    found = engraving.measure_structure(grey.expand(1, 3, -1, -1))
    assert found.sparsity == pytest.approx(4 / math.pi, rel=0.04)  # nearly a Rayleigh distribution
    assert found.contrast == pytest.approx(0.1, rel=0.03)
    assert found.calm == 0
    image = torch.full((1, 3, 64, 64), 0.25)
    image[..., 32:] = 0.75
    found = engraving.measure_structure(image)
    assert found.sparsity == pytest.approx(63)
    assert [found.calm, found.contrast] == pytest.approx([1, 0], abs=1e-9)


def test_colours_are_those_of_cielab_and_an_average_is_that_of_every_number() -> None:
    red = engraving.measure_structure(torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1).expand(1, 3, 16, 16))
    assert red.lightness == pytest.approx(53.24, abs=0.01)
    assert red.green_red == pytest.approx(80.09, abs=0.01)
    assert red.blue_yellow == pytest.approx(67.20, abs=0.01)
    assert red.chroma == pytest.approx(math.hypot(red.green_red, red.blue_yellow))
    dark, light = (engraving.measure_structure(torch.full((1, 3, 16, 16), value)) for value in (0.0, 1.0))
    assert engraving.average([dark, light]).lightness == pytest.approx(50, abs=0.01)


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
