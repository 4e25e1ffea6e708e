"""Edit Stack: what an edit changes, what later ascents leave alone, and edits that make no sense."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from cases import each_case
from loaded_pack import Pack

BAD: dict[str, dict[str, Any]] = {
    r"the band '97-' holds no level: there are 8, from 1 to 85; Stack Levels shows them$": {"freeze": "97-"},
    r"the band '99-' holds no level: there are 8": {"reset": "99-"},
    r"a picture has no changes in time to scale": {"changes": "1-: 0", "other": None},
}


@each_case(("message", "edit"), *list(BAD.items()))
def test_an_edit_that_makes_no_sense_is_named(pack: Pack, message: str, edit: dict[str, Any]) -> None:
    stack = pack.stack()
    with pytest.raises(ValueError, match=message):
        pack.run("DAS_EditStack", **({"stack": stack, "other": stack} | edit))


def test_an_edited_stack_climbs_on_and_leaves_what_is_frozen(pack: Pack) -> None:
    stack = pack.optimize()[1]
    text = {"gains": "33-: 0.5\n1: 1.5", "reset": "65-", "freeze": "1-16", "blend_bands": "17-32"}
    edited = pack.run("DAS_EditStack", stack=stack, other=pack.stack(start={"start": "noise"}), **text)[0]
    assert (edited.canvas - stack.canvas).abs().max() > 0.01
    after = pack.optimize(stack=edited)[1]
    change = after.spec.operator(torch.device("cpu")).basis.forward(after.canvas - edited.canvas)
    assert change[..., :16, :16].norm() < 1e-5 * change.norm()
    assert pack.run("DAS_EditStack", stack=after)[0].spec.frozen == ()


def test_an_edit_that_does_not_fit_into_memory_is_refused(pack: Pack, set_free_memory: Callable[[int], None]) -> None:
    stack = pack.stack(batch_size=2)
    set_free_memory(2**20)
    with pytest.raises(ValueError, match=r"editing 2 x 8 levels needs about .* are free: edit a smaller stack, or one"):
        pack.run("DAS_EditStack", stack=stack, gains="1-16: 0.5")


def test_without_another_stack_blend_changes_nothing_and_blend_1_shows_the_other(pack: Pack) -> None:
    stack, other = pack.optimize()[1], pack.stack(start={"start": "noise"})
    edited = [pack.run("DAS_EditStack", stack=stack, blend=blend)[0].canvas for blend in (0.0, 1.0)]
    assert torch.equal(*edited)
    torch.testing.assert_close(edited[0], stack.canvas, rtol=0, atol=1e-5)
    blended = pack.run("DAS_EditStack", stack=stack, other=other, blend=1.0)[0]
    torch.testing.assert_close(blended.canvas, other.canvas, rtol=0, atol=1e-5)
    assert not blended.canvas.is_inference()


def test_a_film_is_held_still(pack: Pack) -> None:
    film = pack.run("DAS_FilmStack", stack=pack.stack(batch_size=3, start={"start": "noise"}), frames=3)[0]
    still = pack.run("DAS_EditStack", stack=film, changes="1-: 0")[0]
    torch.testing.assert_close(still.canvas, film.canvas.mean(dim=0, keepdim=True).expand_as(film.canvas))
