"""Charts of histories, and sheets of levels: what they show, and what is said where there is none."""

import torch

from loaded_pack import Pack, assert_is_image, refuse_all


def test_a_history_and_the_one_before_it_are_plotted(pack: Pack) -> None:
    _, stack, _, early, _ = pack.optimize()
    late = pack.optimize(stack=stack)[3]
    assert "at step 3," in pack.run("DAS_PlotHistory", history=late)[0]
    both, chart = pack.run("DAS_PlotHistory", history=late, before=early)
    assert "at step 1," in both
    assert "at step 4," in both
    assert "class 0" in both
    assert_is_image(chart, 1, 380, 600)


def test_levels_are_shown_as_a_sheet(pack: Pack) -> None:
    noise = {"start": "noise", "amplitude": 0.3, "decay": 0.7}
    (sheet,) = pack.run("DAS_StackLevels", stack=pack.stack(batch_size=2, start=noise), size=64)
    assert_is_image(sheet, 2, 4 * 86 + 4, 4 * 68 + 4)
    assert not torch.equal(sheet[0], sheet[1])
    plain = pack.run("DAS_StackLevels", stack=pack.stack(start=noise), size=64, stretch=False)[0]
    assert plain.std() < sheet.std()


test_what_cannot_be_is_refused = refuse_all(
    {
        "^the history holds no step; .*: connect the history output of Direct Ascent Optimize$": (
            lambda pack: pack.run("DAS_PlotHistory", history=(), before=())
        ),
        r"a sheet of 2 x 8 levels needs about .* are free: choose a smaller size, or look into a smaller stack": (
            lambda pack: pack.run("DAS_StackLevels", stack=pack.stack(batch_size=2), size=512)
        ),
    },
    free=2**27,
)
