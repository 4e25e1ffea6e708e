import math
from dataclasses import replace

import pytest
import torch
from torch import nn

import direct_ascent as da
from cases import refuses
from das_core.report.objective_scores import ImageScorer, ObjectiveScores, format_scores, plot_scores
from plain_judges import paint
from stops import assert_ends_anywhere
from toys import ask, judge, output_objective, toy_class

WHOLE = da.views.Augmentation(1, da.views.Windows(jitter=0, zoom_min=1.0), transforms=())


# Without a judge, and of another scale than all others.
REDNESS = ask(lambda canvas, images: 1000 * canvas.pixels[:, 0].mean(dim=(1, 2)), name="redness")


def brightness(weight: float = 1.0) -> da.Objective:
    return output_objective(judge(nn.Identity(), 32), "brightness", weight)


COLORS = paint((0.2, 0.2, 0.2), (0.9, 0.6, 0.6), (0.5, 0.9, 0.9), side=32)


def test_pictures_are_ranked_by_the_weighted_scores_of_their_views_and_of_equals_the_first_comes_first() -> None:
    scores = da.score_images(COLORS, [brightness()], WHOLE)
    assert scores.names == ("brightness",)
    torch.testing.assert_close(scores.table[:, 0], torch.tensor([0.2, 0.7, 2.3 / 3]))
    assert torch.equal(scores.totals, scores.table[:, 0])
    assert scores.ranking == [2, 1, 0]
    assert da.score_images(COLORS, [brightness(weight=-2.0)], WHOLE).ranking == [0, 1, 2]
    assert da.score_images(COLORS[:1].expand(3, -1, -1, -1), [brightness()], WHOLE).ranking == [0, 1, 2]


def test_all_pictures_are_seen_through_the_same_views() -> None:
    noisy = da.views.Augmentation(5, da.views.Windows(jitter=8), (da.views.Noise(0.3),))
    same = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)).expand(3, -1, -1, -1)
    table = da.score_images(same, [toy_class()], noisy, seed=4).table
    assert len(set(table[:, 0].tolist())) == 1
    assert da.score_images(same, [toy_class()], noisy, seed=5).table[0] != table[0]


def test_objectives_of_one_model_are_added_and_those_of_several_brought_to_one_scale() -> None:
    one = judge(nn.Identity(), 32)
    both = [output_objective(one, "a", 1.0), output_objective(one, "b", -0.5)]
    scores = da.score_images(COLORS, both, WHOLE)
    torch.testing.assert_close(scores.totals, 0.5 * scores.table[:, 0])
    # Groups of several models have other scales, and are standardised.
    mixed = da.score_images(COLORS, [brightness(weight=2.0), REDNESS], WHOLE)
    parts = [column - column.mean() for column in mixed.table.unbind(dim=1)]
    expected = sum(w * part / part.square().mean().sqrt() for w, part in zip((2.0, 1.0), parts, strict=True))
    torch.testing.assert_close(mixed.totals, expected)


def test_an_objective_on_which_all_pictures_agree_does_not_count_and_none_counts_for_a_lone_picture() -> None:
    grey = paint((0.2, 0.2, 0.2), (0.2, 0.9, 0.9), side=32)
    scores = da.score_images(grey, [brightness(), REDNESS], WHOLE)
    assert scores.totals.tolist() == pytest.approx([-1, 1])
    # It has scores, but where scales differ the total 0.
    scores = da.score_images(COLORS[:1], [brightness(), REDNESS], WHOLE)
    assert scores.totals.tolist() == [0.0]
    assert scores.table[0].tolist() == pytest.approx([0.2, 200.0])


def test_the_parts_of_an_ensemble_are_one_score() -> None:
    parts = tuple(output_objective(judge(nn.Identity(), size), "bright") for size in (32, 16))
    scores = da.score_images(COLORS, [da.share_views(*parts)], replace(WHOLE, views=4))
    torch.testing.assert_close(scores.table[:, 0], COLORS.mean(dim=(1, 2, 3)))
    # Two ensembles that share a model are in three groups, and each counts once.
    other = (parts[0], output_objective(judge(nn.Identity(), 8), "bright"))
    totals = da.score_images(COLORS, [da.share_views(*parts), da.share_views(*other)], replace(WHOLE, views=4)).totals
    torch.testing.assert_close(totals, 2 * COLORS.mean(dim=(1, 2, 3)))


def test_a_region_is_where_a_picture_is_looked_at_and_one_of_any_aspect_covers_it_if_that_is_wanted() -> None:
    halves = torch.zeros(2, 3, 32, 32)
    halves[0, :, :, :16], halves[1, :, :, 16:] = 1, 0.5
    right = torch.zeros(1, 32, 32)
    right[:, :, 16:] = 1
    each = torch.cat([right.flip(2), right])
    for mask, expected in ((right, [0.0, 0.5]), (each, [1.0, 0.5])):
        table = da.score_images(halves, [da.in_region(brightness(), mask)], WHOLE).table
        assert table[:, 0].tolist() == pytest.approx(expected)
    # Of a mask that is twice as wide as the picture, the middle half lies over it.
    wide = torch.zeros(1, 32, 64)
    wide[:, :, 16:32] = 1
    table = da.score_images(halves, [da.in_region(brightness(), wide)], WHOLE, any_aspect=True).table
    assert table[:, 0].tolist() == pytest.approx([1.0, 0.0])


def test_scores_as_text_and_as_a_chart_even_if_all_are_0() -> None:
    scores = ObjectiveScores(("a", "b"), torch.tensor([[1.0, -200.5], [3.25, 0.0]]), torch.tensor([-1.0, 1.0]))
    assert format_scores(scores) == "image 2: 1  (a 3.25, b 0)\nimage 1: -1  (a 1, b -200.5)"
    assert plot_scores(replace(scores, totals=torch.zeros(2))).isfinite().all()


test_what_cannot_be_scored_is_named = refuses(
    lambda images, objectives: da.score_images(images, objectives, WHOLE),
    (COLORS, [], "no objective is given, so there is nothing to score by"),
    (COLORS, [brightness(weight=0.0)], "the weights of all objectives are 0"),
    (COLORS[:, :, :8], [brightness()], "the image is 32 x 8 pixels; at least 16"),
    (COLORS * math.nan, [brightness()], "the image holds 9216 values that are NaN"),
    (COLORS, [da.in_region(brightness(), torch.ones(1, 32, 64))], "of another aspect"),
    (COLORS, [da.in_region(brightness(), torch.ones(2, 32, 32))], "2 region masks do not go with 3 images"),
)


def test_scoring_can_be_ended_between_two_chunks() -> None:
    scorer = ImageScorer(COLORS, brightness(), WHOLE)
    assert assert_ends_anywhere(scorer.score) >= len(COLORS)
