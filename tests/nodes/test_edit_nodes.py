"""Stacks looked into, edited and rendered at other sizes by nodes."""

from typing import Any

import pytest
import torch
from loaded_pack import Pack

BAD: dict[str, dict[str, Any]] = {
    r"the band 'large' is none; write resolutions such as '17-64'": {"gains": "large: 2"},
    r"the line '1-16' has no factor": {"gains": "1-16"},
    r"the band '64-17' holds nothing": {"reset": "64-17"},
    r"the band '97-' holds no level: there are 8, from 1 to 96": {"freeze": "97-"},
    r"the frozen bands 1- leave nothing that could move": {"freeze": "1-"},
    r"blend 1.5 is not between": {"blend": 1.5},
    r"the band '3' holds no level": {"blend_bands": "3"},
}


@pytest.mark.parametrize(("message", "edit"), list(BAD.items()))
def test_an_edit_that_makes_no_sense_is_named(pack: Pack, message: str, edit: dict[str, Any]) -> None:
    stack = pack.stack()
    with pytest.raises(ValueError, match=message):
        pack.run("DAS_EditStack", stack=stack, other=stack, **edit)


def test_a_stack_that_is_not_edited_shows_the_same_picture(pack: Pack) -> None:
    stack = pack.optimize()[1]
    edited = pack.run("DAS_EditStack", stack=stack)[0]
    torch.testing.assert_close(edited.canvas, stack.canvas, rtol=0, atol=1e-5)


def test_an_edited_stack_climbs_on_and_leaves_what_is_frozen(pack: Pack) -> None:
    stack = pack.optimize()[1]
    text = {"gains": "33-: 0.5\n1: 1.5", "reset": "65-", "freeze": "1-16", "blend_bands": "17-32"}
    edited = pack.run("DAS_EditStack", stack=stack, other=pack.stack(start={"start": "noise"}), **text)[0]
    assert (edited.canvas - stack.canvas).abs().max() > 0.01
    after = pack.optimize(stack=edited)[1]
    change = after.spec.operator(torch.device("cpu")).basis.forward(after.canvas - edited.canvas)
    assert change[..., :16, :16].norm() < 1e-5 * change.norm()
    assert after.steps == 4
    thawed = pack.run("DAS_EditStack", stack=after)[0]
    assert thawed.spec.frozen == ()


def test_levels_are_shown_as_a_sheet(pack: Pack) -> None:
    (sheet,) = pack.run("DAS_StackLevels", stack=pack.stack(batch_size=2, start={"start": "noise"}), size=64)
    assert sheet.shape == (2, 2 * 86 + 4, 8 * 68 + 4, 3)
    assert not torch.equal(sheet[0], sheet[1])
    plain = pack.run("DAS_StackLevels", stack=pack.stack(start={"start": "noise"}), size=64, stretch=False)[0]
    assert plain.std() < sheet.std()


@pytest.mark.parametrize(("scale", "side"), [(0.5, 32), (1.0, 64), (2.5, 160)])
def test_a_stack_is_rendered_at_any_size(pack: Pack, scale: float, side: int) -> None:
    stack = pack.optimize()[1]
    (image,) = pack.run("DAS_StackToImage", stack=stack, scale=scale)
    assert image.shape == (1, side, side, 3)
    assert 0 <= image.min() < image.max() <= 1
    if scale == 1:
        assert torch.equal(image, pack.run("DAS_StackToImage", stack=stack)[0])


def test_a_picture_that_does_not_fit_into_memory_is_refused(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    import comfy.model_management

    stack = pack.stack()
    for scale in (0.0, 33.0, float("nan")):
        with pytest.raises(ValueError, match=r"scale .* is not between 0.05 and 32"):
            pack.run("DAS_StackToImage", stack=stack, scale=scale)
    monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda device=None: 2**24)
    with pytest.raises(ValueError, match=r"a picture of 2048 x 2048 needs about .* choose a smaller scale"):
        pack.run("DAS_StackToImage", stack=stack, scale=32.0)
