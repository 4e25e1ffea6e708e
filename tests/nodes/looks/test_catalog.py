"""The nodes Look and Save SVG: from a name to pixels and to a file."""

import re
from pathlib import Path

import pytest
import torch

from loaded_pack import Pack


def test_the_picture_of_optimize_has_the_look_and_goes_on_with_it(pack: Pack, saved_stacks: Path) -> None:
    (look,) = pack.run("DAS_Look", look="pixel art", size=2.0, palette="game boy")
    image, stack, *_ = pack.optimize(look=look)
    assert len(image.flatten(0, 2).unique(dim=0)) <= 4
    (name,) = pack.run("DAS_SaveStack", stack=stack)
    (loaded,) = pack.run("DAS_LoadStack", file=name)
    again, *_ = pack.optimize(stack=loaded)
    assert loaded.spec.look == look
    assert len(again.flatten(0, 2).unique(dim=0)) <= 4
    output = pack.node("DAS_SaveSVG").execute(stack=stack, filename_prefix="art/castle")
    (shown,) = output.ui["images"]
    assert shown == {"filename": "castle_00001_.svg", "subfolder": "art", "type": "output"}
    assert pack.node("DAS_SaveSVG").GET_SCHEMA().is_output_node
    text = (saved_stacks.parent / "art" / "castle_00001_.svg").read_text()
    assert text.count("<path") == len(image.flatten(0, 2).unique(dim=0))


def test_a_palette_comes_from_an_image(pack: Pack) -> None:
    image = torch.zeros(1, 8, 8, 3)
    image[:, 4:, :, 0] = 1
    (look,) = pack.run("DAS_Look", look="ink", palette_from=image)
    assert (look.ink, look.paper) == ("#000000", "#ff0000")
    (look,) = pack.run("DAS_Look", look="poster", palette="2", palette_from=image)
    assert look.palette == ("#000000", "#ff0000")


@pytest.mark.parametrize(
    ("node", "values", "message"),
    [
        ("DAS_Look", {"look": "crayon"}, "look 'crayon' is unknown"),
        ("DAS_Look", {"look": "poster", "palette_from": torch.full((1, 4, 4, 3), torch.nan)}, "NaN"),
        ("DAS_SaveSVG", {"filename_prefix": "../out"}, "leaves the folder"),
    ],
)
def test_bad_values_are_named(pack: Pack, node: str, values: dict[str, object], message: str) -> None:
    given = values if node == "DAS_Look" else {"stack": pack.stack(), **values}
    with pytest.raises(ValueError, match=re.escape(message)):
        pack.run(node, **given)
