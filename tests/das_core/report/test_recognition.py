"""Recognition by judges that look at colour or at fine texture alone, and by a real starter."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import coffee
from torch import Tensor, nn

from cases import each_case
from das_core.models.clip import CLIP, assemble_clip
from das_core.models.judge import Judge
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from das_core.models.text_tower import TextTower
from das_core.report.recognition import Answer, judge_class, judge_text, remove_colour, view_from_afar
from plain_judges import SIZE, MeanColour, make_classifier, noise, paint, resize_by_pillow

COLOURS = {
    "a photo": (1.0, 1.0, 1.0),
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
    "white": (1.0, 1.0, 1.0),
}


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
    judge = Judge("toy", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), SIZE, (0.0,) * 3, (1.0,) * 3)  # type: ignore[arg-type]
    tower = TextTower(lambda text: torch.tensor(COLOURS[text]), count=len, context_length=77)
    return assemble_clip(judge, tower, "shortest", "bicubic")


def checkerboard(side: int = SIZE) -> Tensor:
    """An image of white and black pixels by turns."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return ((rows + columns) % 2).float().expand(1, 3, side, side).contiguous()


def softmax(*logits: float) -> np.ndarray:
    powers = np.exp(np.array(logits))
    return powers / powers.sum()


def test_who_looks_at_colour_alone_recognises_nothing_in_grey() -> None:
    classifier = make_classifier(MeanColour(), 3)
    colours = ((0.8, 0.2, 0.1), (0.3, 0.1, 0.6))
    verdicts = judge_class(classifier, paint(*colours), [0, 2])
    for verdict, colour, target in zip(verdicts, colours, (0, 2), strict=True):
        expected = softmax(*(10 * value for value in colour))[target]
        assert verdict.as_is == Answer(pytest.approx(expected, rel=1e-4), 0)  # type: ignore[arg-type]
        assert verdict.afar == Answer(pytest.approx(expected, rel=1e-4), 0)  # type: ignore[arg-type]
        # All three channels are alike, and a class that is no likelier than the others is not named first.
        assert verdict.grey == Answer(pytest.approx(1 / 3, rel=1e-4), 2)  # type: ignore[arg-type]
        assert not verdict.recognised


def test_who_looks_at_fine_texture_alone_recognises_nothing_from_afar() -> None:
    classifier = make_classifier(Texture(), 2)
    textured, plain = judge_class(classifier, torch.cat([checkerboard(), paint((0.5, 0.5, 0.5))]), [0, 1])
    assert [answer.rank for answer in textured.answers] == [0, 1, 0]
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


def test_values_are_those_that_a_file_could_hold() -> None:
    classifier = make_classifier(MeanColour(), 3)
    beyond, within = paint((3.0, -2.0, 0.4)), paint((1.0, 0.0, 0.4))
    assert judge_class(classifier, beyond, [0]) == judge_class(classifier, within, [0])


def test_a_photograph_is_recognised_and_its_noise_is_not() -> None:
    starter = load_starter(SECOND_OPINION)
    espresso = starter.labels.find("espresso")
    photograph = torch.from_numpy(coffee()).movedim(-1, 0)[None] / 255
    shuffled = photograph.flatten(2)[:, :, torch.randperm(photograph[0, 0].numel(), generator=torch.manual_seed(0))]
    both = torch.cat([photograph, shuffled.reshape(photograph.shape)])
    before = both.clone()
    good, bad = judge_class(starter, both, [espresso, espresso])
    assert good.recognised
    assert all(answer.rank > 5 for answer in bad.answers)
    assert torch.equal(both, before)
    # Each condition by hand: 400 x 600 shrinks to 64 x 96.
    channels = photograph[0].numpy()
    afar = [resize_by_pillow(resize_by_pillow(channel, 96, 64), 600, 400) for channel in channels]
    grey = np.broadcast_to(np.tensordot([0.299, 0.587, 0.114], channels, axes=1), channels.shape)
    for answer, shown in zip(good.answers, (channels, np.stack(afar), grey), strict=True):
        seen = starter.probabilities(torch.from_numpy(shown.astype(np.float32))[None])[0]
        assert answer.score == pytest.approx(float(seen[espresso]), abs=1e-3)
        assert int(seen.argmax()) == espresso
    assert judge_class(starter, photograph, [0])[0].as_is.rank > 0


@each_case(
    ("judge", "says"),
    [
        (
            lambda: judge_class(make_classifier(MeanColour(), 3), paint((1.0, 0.0, 0.0)), [-1]),
            "class -1 is out of range; toy has classes 0 to 2",
        ),
        (
            lambda: judge_class(make_classifier(MeanColour(), 3), paint((1.0, 0.0, 0.0)), [3]),
            "class 3 is out of range; toy has classes 0 to 2",
        ),
        (
            lambda: judge_class(make_classifier(MeanColour(), 3), noise(2, 3, SIZE, SIZE), [0]),
            "2 images and 1 classes; every image needs one",
        ),
        (
            lambda: judge_class(make_classifier(MeanColour(), 3), noise(SIZE, SIZE), [0]),
            "the image to judge has the shape",
        ),
        (
            lambda: judge_class(make_classifier(Constant(1.0, math.nan), 2), noise(1, 3, SIZE, SIZE), [0]),
            "values that are no numbers",
        ),
        (
            lambda: judge_text(make_clip(), paint((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)), ["red"]),
            "2 images and 1 texts; every image needs a text of its own",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused(judge: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        judge()


def test_texts_are_ranked_by_cosine_under_the_three_conditions() -> None:
    colours = ((0.8, 0.2, 0.1), (0.3, 0.5, 0.6))
    texts = ["red", "green", "blue", "white"]
    verdicts = judge_text(make_clip(), paint(*colours), texts)
    targets = np.array([COLOURS[text] for text in texts])
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    for number, (verdict, colour) in enumerate(zip(verdicts, colours, strict=True)):
        luminance = float(np.dot(colour, (0.299, 0.587, 0.114)))
        for answer, shown in zip(verdict.answers, (colour, colour, (luminance,) * 3), strict=True):
            cosines = targets @ np.array(shown) / np.linalg.norm(shown)
            assert answer.score == pytest.approx(cosines[number], abs=1e-5)
    assert [answer.rank for answer in verdicts[0].answers] == [0, 0, 3]
    # White and blue are nearer; in grey, red, green and blue are alike behind white.
    assert [answer.rank for answer in verdicts[1].answers] == [2, 2, 3]
    # One that is right everywhere is recognised.
    (white,) = judge_text(make_clip(), paint((0.7, 0.7, 0.7)), ["white", "red", "green", "blue"])
    assert white.recognised


def test_images_may_share_a_text() -> None:
    colours = paint((0.9, 0.1, 0.1), (0.8, 0.2, 0.0), (0.1, 0.9, 0.3))
    verdicts = judge_text(make_clip(), colours, ["red", "red", "green", "blue", "blue", "red"])
    assert [verdict.as_is.rank for verdict in verdicts] == [0, 0, 0]
    assert verdicts[1] == judge_text(make_clip(), colours[1:2], ["red", "green", "blue"])[0]


@each_case(
    ("height", "width", "small"),
    [(224, 224, (64, 64)), (96, 160, (64, 107)), (200, 65, (197, 64)), (65, 64, None), (40, 300, None)],
)
def test_from_afar_is_what_pillow_makes_of_64_pixels(height: int, width: int, small: tuple[int, int] | None) -> None:
    # Hard edges, so that both resizings overshoot and clamping counts.
    images = (noise(2, 3, height, width) > 0.5).float()
    seen = view_from_afar(images)
    assert seen.shape == images.shape
    if small is None:
        assert torch.equal(seen, images)
        return
    for image, shown in zip(images.numpy(), seen.numpy(), strict=True):
        for channel, found in zip(image, shown, strict=True):
            shrunk = resize_by_pillow(channel, small[1], small[0])
            np.testing.assert_allclose(found, resize_by_pillow(shrunk, width, height), atol=5e-5)
    assert not torch.equal(seen, images)
    assert float(seen.min()) >= 0
    assert float(seen.max()) <= 1


def test_from_afar_values_stay_in_the_range_of_a_picture() -> None:
    step = torch.zeros(1, 3, 128, 128)
    step[..., 64:] = 1
    seen = view_from_afar(step)
    assert (float(seen.min()), float(seen.max())) == (0, 1)


def test_grey_is_the_luminance_of_rec_601_as_pillow_has_it_in_three_equal_channels() -> None:
    images = noise(2, 3, 30, 50)
    red, green, blue = images.double().numpy().transpose(1, 0, 2, 3)
    expected = 0.299 * red + 0.587 * green + 0.114 * blue
    grey = remove_colour(images)
    assert grey.shape == images.shape
    for channel in range(3):
        np.testing.assert_allclose(grey[:, channel].numpy(), expected, atol=1e-6)
    assert float(remove_colour(torch.ones(1, 3, 4, 4)).max()) <= 1
    photograph = torch.from_numpy(coffee()).movedim(-1, 0)[None] / 255
    pixels = (photograph[0] * 255).round().byte().movedim(0, -1).numpy()
    by_pillow = np.asarray(Image.fromarray(pixels).convert("L")).astype(np.float64)
    np.testing.assert_allclose(remove_colour(photograph)[0, 0].numpy() * 255, by_pillow, atol=0.51)
