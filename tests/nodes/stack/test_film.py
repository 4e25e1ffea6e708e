"""Film Stack: frames that climb together, from a picture, a batch or a film; and films in nodes that take stacks."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from cases import each_case
from loaded_pack import Pack, assert_is_free, assert_is_image, assert_refused


def film(pack: Pack, frames: int = 4, *, loop: bool = False, **inputs: Any) -> Any:
    return pack.run("DAS_FilmStack", stack=pack.stack(**inputs), frames=frames, loop=loop)[0]


@pytest.fixture(scope="module")
def climbed(loaded: Pack) -> Any:
    """A film of four frames that has climbed for two steps."""
    return loaded.optimize(stack=film(loaded))[1]


def test_optimize_climbs_all_frames(pack: Pack) -> None:
    image, stack, frames, history, importance = pack.optimize(stack=film(pack, loop=True))
    assert_is_image(image, 4, 64, 64)
    assert torch.equal(frames, image)
    assert importance.shape == (4, 64, 64)
    assert len(history) == 2
    assert (stack.batch, stack.spec.time.frames, stack.spec.time.loop) == (4, 4, True)
    assert image.std() > 0.001


def test_without_an_augmentation_a_step_has_views_for_its_frames(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[int] = []
    loop = pack.module("nodes.ascent.loop")
    prepare = loop.suit_film

    def note(recipe: Any) -> Any:
        suited = prepare(recipe)
        shown.append(suited.augmentation.views)
        return suited

    monkeypatch.setattr(loop, "suit_film", note)
    pack.optimize(stack=film(pack), steps=1, augmentation=None)
    pack.optimize(stack=pack.stack(), steps=1, augmentation=None)
    pack.optimize(stack=film(pack), steps=1)
    assert shown == [24]


def test_a_batch_is_spread_over_the_film(pack: Pack) -> None:
    start = {"start": {"start": "image", "contrast": 1.0}}
    images = torch.rand(2, 64, 64, 3, generator=torch.Generator().manual_seed(1))
    stack = film(pack, 3, image=images, **start)
    still = pack.stack(image=images, **start)
    assert torch.equal(stack.canvas[[0, 2]], still.canvas)
    torch.testing.assert_close(stack.canvas[1], still.canvas.mean(dim=0))
    own = film(pack, 0, image=images, **start)
    assert torch.equal(own.canvas, still.canvas)
    assert own.spec.time.frames == 2
    assert_is_free(stack.canvas)


def test_a_film_goes_on_with_more_frames(pack: Pack, climbed: Any) -> None:
    (more,) = pack.run("DAS_FilmStack", stack=climbed, frames=8)
    assert torch.equal(more.canvas[[0, 7]], climbed.canvas[[0, 3]])
    assert_is_image(pack.optimize(stack=more, steps=1)[0], 8, 64, 64)


NODES: dict[str, Callable[[Pack, Any], Any]] = {
    "edited": lambda pack, stack: pack.optimize(
        stack=pack.run("DAS_EditStack", stack=stack, gains="1-8: 0.5", freeze="1-4")[0], steps=1
    )[0],
    "blended with a picture": lambda pack, stack: pack.run("DAS_EditStack", stack=stack, other=pack.stack())[0].image(),
    "levels": lambda pack, stack: pack.run("DAS_StackLevels", stack=stack)[0],
    "spectrum": lambda pack, stack: pack.run("DAS_Spectrum", stack=stack)[1],
    "sgd": lambda pack, stack: pack.optimize(
        stack=stack, steps=1, optimizer={"optimizer": "sgd", "learning_rate": 0.1}
    )[0],
}


@each_case("use", NODES)
def test_nodes_that_take_stacks_take_films(pack: Pack, climbed: Any, use: str) -> None:
    made = NODES[use](pack, climbed)
    assert torch.isfinite(made).all()
    assert len(made) in (1, 4)


def test_a_film_is_saved_and_loaded_and_goes_on(pack: Pack, climbed: Any) -> None:
    (name,) = pack.run("DAS_SaveStack", stack=climbed)
    (stack,) = pack.run("DAS_LoadStack", file=name)
    assert stack.spec == climbed.spec
    again, kept = (pack.optimize(stack=one, steps=1)[0] for one in (stack, climbed))
    assert torch.equal(again, kept)


BAD: dict[str, Callable[[Pack], object]] = {
    r"1 frame is a picture and no film; set frames to 2 or more, such as 24": lambda pack: film(pack, 1),
    r"1 frame is a picture and no film; .* or leave this node out": lambda pack: film(pack, 0),
    r"does not keep its levels as tensors; choose the method spectral": lambda pack: film(pack, method="layers"),
    r"Adam moves every picture by itself and not a film; choose .*'ascent'.*'sgd'": lambda pack: pack.optimize(
        stack=film(pack), optimizer={"optimizer": "adam"}
    ),
    r"1 images do not blend with 4: the other stack needs 1$": lambda pack: pack.run(
        "DAS_EditStack", stack=pack.stack(), other=film(pack)
    ),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_what_cannot_be_is_refused(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)


def test_a_film_that_does_not_fit_is_refused_before_it_is_made(
    pack: Pack, set_free_memory: Callable[[int], None]
) -> None:
    stack, short = pack.stack(), film(pack)
    set_free_memory(2**26)
    with pytest.raises(ValueError, match=r"an ascent of 1024 frames of 64 x 64 needs about .*: take fewer frames"):
        pack.run("DAS_FilmStack", stack=stack, frames=1024)
    set_free_memory(2**20)
    with pytest.raises(ValueError, match=r"an ascent of 4 frames of 64 x 64 .* the number of frames smaller"):
        pack.optimize(stack=short)
