"""The nodes Direct Ascent Look and Stack to SVG: from a name to pixels and to shapes."""

import re
from pathlib import Path

import pytest
import torch

from loaded_pack import Pack


def test_the_picture_of_optimize_has_the_look_and_goes_on_with_it(pack: Pack, saved_stacks: Path) -> None:
    (look,) = pack.run("DAS_Look", look="pixel art", size=2.0, palette={"palette": "game boy"})
    image, stack, *_ = pack.optimize(look=look)
    assert len(image.flatten(0, 2).unique(dim=0)) <= 4
    (name,) = pack.run("DAS_SaveStack", stack=stack)
    (loaded,) = pack.run("DAS_LoadStack", file=name)
    again, *_ = pack.optimize(stack=loaded)
    assert loaded.spec.look == look
    assert len(again.flatten(0, 2).unique(dim=0)) <= 4
    (svg,) = pack.run("DAS_StackToSVG", stack=stack)
    (drawing,) = svg.data
    assert drawing.getvalue().count(b"<path") == len(image.flatten(0, 2).unique(dim=0))


def test_a_palette_is_found_or_written(pack: Pack) -> None:
    image = torch.zeros(1, 8, 8, 3)
    image[:, 4:, :, 0] = 1
    (look,) = pack.run("DAS_Look", look="ink", palette={"palette": "of an image", "image": image, "colors": 8})
    assert (look.ink, look.paper) == ("#000000", "#ff0000")
    (look,) = pack.run("DAS_Look", look="poster", palette={"palette": "of an image", "image": image, "colors": 2})
    assert look.palette == ("#000000", "#ff0000")
    (look,) = pack.run("DAS_Look", look="poster", palette={"palette": "of the picture", "colors": 5})
    assert look.palette == 5
    (look,) = pack.run("DAS_Look", look="ink", palette={"palette": "hex codes", "codes": "#123 #fff1e8"})
    assert (look.ink, look.paper) == ("#112233", "#fff1e8")


NAN_IMAGE = {"palette": "of an image", "image": torch.full((1, 4, 4, 3), torch.nan), "colors": 8}


@pytest.mark.parametrize(
    ("node", "values", "message"),
    [
        ("DAS_Look", {"look": "crayon"}, "look 'crayon' is unknown"),
        ("DAS_Look", {"look": "oil", "palette": {"palette": "pico-8"}}, "this look has no palette"),
        ("DAS_Look", {"look": "poster", "palette": {"palette": "gold"}}, "palette 'gold' is unknown"),
        ("DAS_Look", {"look": "poster", "palette": NAN_IMAGE}, "NaN"),
        ("DAS_StackToSVG", {"image": torch.rand(1, 99, 99, 3), "start": "image"}, "Connect Direct Ascent Look to"),
    ],
)
def test_bad_values_are_named(pack: Pack, node: str, values: dict[str, object], message: str) -> None:
    given = values if node == "DAS_Look" else {"stack": pack.stack(width=99, height=99, **values)}
    with pytest.raises(ValueError, match=re.escape(message)):
        pack.run(node, **given)
