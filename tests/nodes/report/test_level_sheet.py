"""Stack Levels: a sheet for every image of a batch."""

from collections.abc import Callable

import pytest
import torch

from loaded_pack import Pack, assert_is_image


def test_levels_are_shown_as_a_sheet(pack: Pack) -> None:
    noise = {"start": "noise", "amplitude": 0.3, "decay": 0.7}
    (sheet,) = pack.run("DAS_StackLevels", stack=pack.stack(batch_size=2, start=noise), size=64)
    assert_is_image(sheet, 2, 4 * 86 + 4, 4 * 68 + 4)
    assert not torch.equal(sheet[0], sheet[1])
    plain = pack.run("DAS_StackLevels", stack=pack.stack(start=noise), size=64, stretch=False)[0]
    assert plain.std() < sheet.std()


def test_a_sheet_that_does_not_fit_into_memory_is_refused(pack: Pack, set_free_memory: Callable[[int], None]) -> None:
    stack = pack.stack(batch_size=2)
    set_free_memory(2**20)
    says = r"a sheet of 2 x 8 levels needs about .* are free: choose a smaller size, or look into a smaller stack"
    with pytest.raises(ValueError, match=says):
        pack.run("DAS_StackLevels", stack=stack, size=64)
