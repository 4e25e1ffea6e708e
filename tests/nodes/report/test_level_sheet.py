"""Stack Levels: a sheet for every image of a batch."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from loaded_pack import Pack, assert_is_image


def test_levels_are_shown_as_a_sheet(pack: Pack) -> None:
    noise = {"start": "noise", "amplitude": 0.3, "decay": 0.7}
    (sheet,) = pack.run("DAS_StackLevels", stack=pack.stack(batch_size=2, start=noise), size=64)
    assert sheet.shape == (2, 4 * 86 + 4, 4 * 68 + 4, 3)
    assert not torch.equal(sheet[0], sheet[1])
    plain = pack.run("DAS_StackLevels", stack=pack.stack(start=noise), size=64, stretch=False)[0]
    assert plain.std() < sheet.std()


def test_a_sheet_is_an_image_that_the_next_node_can_use(pack: Pack) -> None:
    (sheet,) = pack.run("DAS_StackLevels", stack=pack.optimize()[1], size=40)
    assert_is_image(sheet, 1, *sheet.shape[1:3])


def test_a_sheet_that_does_not_fit_into_memory_is_refused(pack: Pack, set_free_memory: Callable[[int], None]) -> None:
    stack = pack.stack(batch_size=2)
    set_free_memory(2**20)
    says = r"a sheet of 2 x 8 levels needs about .* are free: choose a smaller size, or look into a smaller stack"
    with pytest.raises(ValueError, match=says):
        pack.run("DAS_StackLevels", stack=stack, size=64)


def test_cancel_is_heard_at_the_next_level(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    import comfy.model_management as mm

    sums, done = pack.module("das_core.stack.decomposition"), []
    enlarge, stack = sums._show_level, pack.stack(start={"start": "noise"})

    def press_cancel(*arguments: Any) -> Tensor:
        done.append(arguments[1])
        mm.interrupt_current_processing(len(done) == 3)
        level: Tensor = enlarge(*arguments)
        return level

    monkeypatch.setattr(sums, "_show_level", press_cancel)
    with pytest.raises(mm.InterruptProcessingException):
        pack.run("DAS_StackLevels", stack=stack, size=40)
    assert done == [0, 1, 2]


def test_pictures_that_would_be_too_small_are_refused(pack: Pack) -> None:
    with pytest.raises(ValueError, match="size 1 "):
        pack.run("DAS_StackLevels", stack=pack.stack(), size=1)
