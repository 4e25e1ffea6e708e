"""Views at one moment of an ascent: against an evaluation by hand, repeated, and of reference images."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from das_core.ascent.evaluation import ViewEvaluation
from das_core.ascent.pace import Pace
from das_core.models.layers.activations import Activations, make_activation_judge
from das_core.views.augmentation import Augmentation
from das_core.views.draws import Draws, ViewKey
from das_core.views.geometry import ViewGeometry
from das_core.views.transforms import Flip, Noise
from das_core.views.windows import Windows
from toys import classifier, judge

CPU = torch.device("cpu")
GEOMETRY = ViewGeometry((48, 56), margin=8, size=16)
KEYS = [ViewKey(seed=3, item=item, step=5, view=view, group=1) for item in range(2) for view in range(4)]
PACE = Pace(rate=0.5, coarse_progress=0.4, progress=0.3)
# Windows that depend on both kinds of progress, flips from the few draws of a view and noise from its many.
VIEWS = Augmentation(4, Windows(8, jitter_end=2, zoom_min_end=0.8), (Flip(), Noise(0.1, "gaussian")))


def pixels(seed: int = 0) -> Tensor:
    return torch.rand(2, 3, 48, 56, generator=torch.Generator().manual_seed(seed))


def evaluation(**settings: object) -> ViewEvaluation:
    """An evaluation whose judge answers with the views themselves."""
    shown = ViewEvaluation(judge(nn.Identity()), VIEWS, GEOMETRY, KEYS, PACE)
    return replace(shown, **settings)  # type: ignore[arg-type]


def views_by_hand(canvases: Tensor, keys: list[ViewKey], pace: Pace = PACE) -> Tensor:
    """Windows, flips and noise in turn, each view by itself."""
    rows = []
    for key in keys:
        draws = Draws([key], CPU, pace.coarse_progress, pace.progress)
        view = VIEWS.windows(canvases, GEOMETRY, draws)
        for transform in VIEWS.transforms:
            view = transform(view, draws)
        rows.append(view)
    return torch.cat(rows)


def test_answers_are_those_of_the_judge_to_the_views_of_the_keys_at_every_call() -> None:
    model = classifier(16)
    answers = evaluation(judge=model)(pixels())
    torch.testing.assert_close(answers, model(views_by_hand(pixels(), KEYS)))
    assert answers.shape == (8, 10)
    shown = evaluation()
    assert torch.equal(shown(pixels()), shown(pixels()))
    # Also of other canvases, whatever was shown in between.
    torch.testing.assert_close(shown(pixels(1)), views_by_hand(pixels(1), KEYS))


def test_a_view_depends_on_every_part_of_its_own_key_and_on_no_other() -> None:
    whole = evaluation()(pixels())
    assert torch.equal(evaluation(keys=KEYS[3:6])(pixels()), whole[3:6])
    assert torch.equal(evaluation(keys=KEYS[::-1])(pixels()), whole.flip(0))
    for part in ("seed", "step", "view", "group"):
        first, second = evaluation(keys=[KEYS[0], replace(KEYS[0], **{part: 9})])(pixels())
        assert not torch.equal(first, second), part


def test_a_view_shows_the_image_of_its_key_and_gradients_flow_to_it() -> None:
    canvases = torch.stack([torch.full((3, 48, 56), 0.2), torch.full((3, 48, 56), 0.7)])
    shown = evaluation(augmentation=replace(VIEWS, transforms=()), keys=[KEYS[5], KEYS[1], KEYS[6]])(canvases)
    assert shown.mean(dim=(1, 2, 3)).tolist() == pytest.approx([0.7, 0.2, 0.7])
    canvases = pixels().requires_grad_()
    evaluation(keys=KEYS[:4])(canvases).sum().backward()
    assert canvases.grad is not None
    assert bool(canvases.grad[0].any())
    # No view shows the second image.
    assert not bool(canvases.grad[1].any())


@each_case("pace", [Pace(1.0, 0.0, 0.0), Pace(1.0, 1.0, 0.3), Pace(1.0, 1.0, 1.0)])
def test_the_moment_of_the_ascent_reaches_the_windows(pace: Pace) -> None:
    shown = evaluation(pace=pace)(pixels())
    torch.testing.assert_close(shown, views_by_hand(pixels(), KEYS, pace))
    assert not torch.equal(shown, evaluation()(pixels()))


@each_case("layers, requires_grad", [(["1", "3"], False), (["1"], True)])
def test_references_are_answers_to_the_very_same_views_and_have_no_gradient(
    layers: list[str], requires_grad: bool
) -> None:
    seen = make_activation_judge(classifier(16), layers)
    shown = evaluation(judge=seen)
    canvases = pixels().requires_grad_()
    output = shown(canvases)
    first, second = pixels(1).requires_grad_(requires_grad), pixels(2)
    compared = shown.add_references(output, [first, second])
    for reference, canvas in zip(compared.references, (first, second), strict=True):
        expected = seen(views_by_hand(canvas, KEYS))
        assert list(reference.values) == layers
        for layer in layers:
            torch.testing.assert_close(reference[layer], expected[layer])
            assert not reference[layer].requires_grad
    assert compared.values is output.values
    assert compared["1"].requires_grad
    assert output.references == ()


@each_case("output", [torch.ones(8, 3), Activations({})])
def test_without_references_an_answer_stays_as_it_is(output: object) -> None:
    assert evaluation().add_references(output, ()) is output
