"""What benchmarks compute from pictures and times, where the answer is known."""

from dataclasses import replace

import pytest
import torch

from benchmarks.films import measure_changes
from benchmarks.pace import Look, average, climb, first_time
from benchmarks.recipes import SKETCH
from benchmarks.recognition import HEADER, RULE, TEXT_HEADER, format_cells, summarise
from benchmarks.zoom import measure_seam
from das_core.report.recognition import Answer, Verdict
from das_core.stack.image_stack import ImageStack
from das_core.stack.render import render_zoom
from das_core.stack.spec import StackSpec
from das_core.stack.zoom import Zoom
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import classifier


def test_changes_of_a_film_are_those_of_neighbours_and_of_the_last_to_the_first() -> None:
    frames = torch.tensor([0.0, 0.1, 0.4, 0.5])[:, None, None, None].expand(4, 3, 5, 6)
    assert measure_changes(frames) == pytest.approx([0.1, 0.3, 0.1, 0.5])


def test_a_seam_of_a_zoom_is_measured_where_it_is() -> None:
    spec = StackSpec(96, 96, 12, zoom=Zoom(3))
    noise = torch.rand(3, 96, 96, generator=torch.Generator().manual_seed(0))
    for moment, shades in ((0.0, [2.0, -2.0, -2.0]), (0.3, [2.0, -2.0, -2.0]), (0.9, [2.0, 2.0, -2.0])):
        assert measure_seam(noise, spec, moment) == pytest.approx(1, abs=0.15)
        # Black in white: there is a gradient nowhere else.
        canvas = torch.tensor(shades)[:, None, None, None].expand(3, 3, *spec.canvas)
        frame = render_zoom(ImageStack.from_canvas(spec, canvas.contiguous()), [moment])[0]
        assert measure_seam(frame + 1e-3 * noise, spec, moment) > 3


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
