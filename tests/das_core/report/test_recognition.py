import math

import numpy as np
import pytest
import torch
from skimage.data import coffee
from torch import Tensor, nn

from cases import each_case
from das_core.models.clip import CLIP, assemble_clip
from das_core.models.judge import Judge
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from das_core.models.text_tower import TextTower
from das_core.report.recognition import Answer, judge_class, judge_text, remove_colour, view_from_afar
from plain_judges import SIZE, MeanColour, make_classifier, noise, paint, resize_by_pillow

COLOURS = {"a photo": (1, 1, 1), "red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "white": (1, 1, 1)}


class Texture(nn.Module):
    """Two logits: how much a view differs from itself blurred, and a fifth of that of a checkerboard."""

    def forward(self, views: Tensor) -> Tensor:
        blurred = nn.functional.avg_pool2d(views, 2, stride=1)
        fine = (views[:, :, 1:, 1:] - blurred).abs().mean(dim=(1, 2, 3))
        return torch.stack([20 * fine, torch.full_like(fine, 2.0)], dim=1)


class Constant(nn.Module):
    """Logits that are the same whatever the view shows."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, views: Tensor) -> Tensor:
        return self.logits.expand(len(views), -1)


def make_clip() -> CLIP:
    module = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    judge = Judge("toy", module, SIZE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    tower = TextTower(lambda text: torch.tensor(COLOURS[text]).float(), count=len, context_length=77)
    return assemble_clip(judge, tower, "shortest", "bicubic")


def softmax(*logits: float) -> np.ndarray:
    powers = np.exp(np.array(logits))
    return powers / powers.sum()


def test_who_looks_at_colour_alone_recognises_nothing_in_grey() -> None:
    classifier = make_classifier(MeanColour(), 3)
    # Values beyond 0..1 are clamped, as in a file.
    colours = ((0.8, 0.2, 0.0), (0.3, 0.1, 1.0))
    verdicts = judge_class(classifier, paint((0.8, 0.2, -0.4), (0.3, 0.1, 1.7)), [0, 2])
    for verdict, colour, target in zip(verdicts, colours, (0, 2), strict=True):
        expected = softmax(*(10 * value for value in colour))[target]
        assert [answer.score for answer in verdict] == pytest.approx([expected, expected, 1 / 3], rel=1e-4)
        # In grey all three channels are alike, and a class that is no likelier than the others is not named first.
        assert [answer.rank for answer in verdict] == [0, 0, 2]
        assert not verdict.recognised


def test_who_looks_at_fine_texture_alone_recognises_nothing_from_afar() -> None:
    checkerboard = (torch.arange(SIZE)[:, None] + torch.arange(SIZE)).remainder(2).float().expand(1, 3, -1, -1)
    both = torch.cat([checkerboard, paint((0.5, 0.5, 0.5))])
    textured, plain = judge_class(make_classifier(Texture(), 2), both, [0, 1])
    assert [answer.rank for answer in textured] == [0, 1, 0]
    # Every pixel of a checkerboard differs by 0.5 from the mean around it: logits 10 and 2. From afar it is one grey.
    assert textured.as_is.score == pytest.approx(softmax(10, 2)[0], rel=1e-4)
    assert textured.afar.score == pytest.approx(softmax(0, 2)[0], abs=0.02)
    assert not textured.recognised
    assert plain.recognised


def test_ranks_count_the_classes_that_are_likelier_and_no_opinion_recognises_nothing() -> None:
    classifier = make_classifier(Constant(1.0, 4.0, 3.0, 2.0), 4)
    verdicts = judge_class(classifier, noise(4, 3, SIZE, SIZE), [0, 1, 2, 3])
    assert [verdict.as_is.rank for verdict in verdicts] == [3, 0, 1, 2]
    expected = softmax(1, 4, 3, 2)
    assert [verdict.grey.score for verdict in verdicts] == pytest.approx(list(expected), rel=1e-4)
    assert [verdict.recognised for verdict in verdicts] == [False, True, False, False]
    verdicts = judge_class(make_classifier(Constant(1.0, 1.0), 2), noise(2, 3, SIZE, SIZE), [0, 1])
    assert [verdict.as_is for verdict in verdicts] == [Answer(0.5, 1)] * 2


def test_a_photograph_is_recognised_and_its_noise_is_not() -> None:
    starter = load_starter(SECOND_OPINION)
    espresso = starter.labels.find("espresso")
    photograph = torch.from_numpy(coffee()).movedim(-1, 0)[None] / 255
    shuffled = photograph.flatten(2)[:, :, torch.randperm(photograph[0, 0].numel(), generator=torch.manual_seed(0))]
    both = torch.cat([photograph, shuffled.reshape(photograph.shape)])
    good, bad = judge_class(starter, both, [espresso, espresso])
    assert good.recognised
    assert all(answer.rank > 5 for answer in bad)
    assert judge_class(starter, photograph, [0])[0].as_is.rank > 0


@each_case(
    ("logits", "images", "targets", "says"),
    ((1.0, 0.0), noise(1, 3, SIZE, SIZE), [-1], "class -1 is not a whole number from 0 to 1; toy has no others"),
    ((1.0, 0.0), noise(1, 3, SIZE, SIZE), [2], "class 2 is not a whole number from 0 to 1"),
    ((1.0, 0.0), noise(2, 3, SIZE, SIZE), [0], "2 images and 1 answers; every image needs one"),
    ((1.0, 0.0), noise(SIZE, SIZE), [0], "the image to judge has the shape"),
    ((1.0, math.nan), noise(1, 3, SIZE, SIZE), [0], "values that are no numbers"),
)
def test_what_cannot_be_judged_is_refused(
    logits: tuple[float, ...], images: Tensor, targets: list[int], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        judge_class(make_classifier(Constant(*logits), 2), images, targets)
    with pytest.raises(ValueError, match="2 images and 1 answers; every image needs one of its own"):
        judge_text(make_clip(), noise(2, 3, SIZE, SIZE), ["red"])


def test_texts_are_ranked_by_cosine_under_the_three_conditions() -> None:
    colours = ((0.8, 0.2, 0.1), (0.3, 0.5, 0.6))
    texts = ["red", "green", "blue", "white"]
    # A text that is given twice counts once in the ranks.
    verdicts = judge_text(make_clip(), paint(*colours), [*texts, "red", "blue"])
    targets = np.array([COLOURS[text] for text in texts], dtype=float)
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    for number, (verdict, colour) in enumerate(zip(verdicts, colours, strict=True)):
        luminance = float(np.dot(colour, (0.299, 0.587, 0.114)))
        for answer, shown in zip(verdict, (colour, colour, (luminance,) * 3), strict=True):
            cosines = targets @ np.array(shown) / np.linalg.norm(shown)
            assert answer.score == pytest.approx(cosines[number], abs=1e-5)
    assert [answer.rank for answer in verdicts[0]] == [0, 0, 3]
    # White and blue are nearer; in grey, red, green and blue are alike behind white.
    assert [answer.rank for answer in verdicts[1]] == [2, 2, 3]


@each_case(("height", "width", "small"), (96, 160, (64, 107)), (200, 65, (197, 64)), (65, 64, None), (40, 300, None))
def test_from_afar_is_what_pillow_makes_of_64_pixels(height: int, width: int, small: tuple[int, int] | None) -> None:
    # Hard edges, so that both resizings overshoot and clamping counts.
    images = (noise(2, 3, height, width) > 0.5).float()
    seen = view_from_afar(images)
    if small is None:
        assert torch.equal(seen, images)
        return
    for image, shown in zip(images.numpy(), seen.numpy(), strict=True):
        for channel, found in zip(image, shown, strict=True):
            shrunk = resize_by_pillow(channel, small[1], small[0])
            np.testing.assert_allclose(found, resize_by_pillow(shrunk, width, height), atol=5e-5)


def test_grey_is_the_luminance_of_rec_601_in_three_equal_channels() -> None:
    images = noise(2, 3, 30, 50)
    red, green, blue = images.double().numpy().transpose(1, 0, 2, 3)
    expected = 0.299 * red + 0.587 * green + 0.114 * blue
    np.testing.assert_allclose(remove_colour(images).numpy(), np.stack([expected] * 3, axis=1), atol=1e-6)
    assert float(remove_colour(torch.ones(1, 3, 4, 4)).max()) <= 1
