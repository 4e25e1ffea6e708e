"""Stack Levels: a sheet for every image of a batch."""

import pytest
import torch

from loaded_pack import Pack, assert_is_image


def test_levels_are_shown_as_a_sheet(pack: Pack) -> None:
    (sheet,) = pack.run("DAS_StackLevels", stack=pack.stack(batch_size=2, start={"start": "noise"}), size=64)
    assert sheet.shape == (2, 2 * 86 + 4, 8 * 68 + 4, 3)
    assert not torch.equal(sheet[0], sheet[1])
    plain = pack.run("DAS_StackLevels", stack=pack.stack(start={"start": "noise"}), size=64, stretch=False)[0]
    assert plain.std() < sheet.std()


def test_a_sheet_is_an_image_that_the_next_node_can_use(pack: Pack) -> None:
    (sheet,) = pack.run("DAS_StackLevels", stack=pack.optimize()[1], size=40)
    assert_is_image(sheet, 1, *sheet.shape[1:3])


def test_pictures_that_would_be_too_small_are_refused(pack: Pack) -> None:
    with pytest.raises(ValueError, match="size 1 "):
        pack.run("DAS_StackLevels", stack=pack.stack(), size=1)
