"""The core nodes that join images, and the sizes that they refuse."""

from collections.abc import Callable
from typing import Any

import torch

from cases import each_case
from runner.core_image_joining import ImageStitch

Run = Callable[..., Any]
COLOR = {"1": ("TOY_Color", {"size": 4, "level": 0.5, "batch": 3})}


def test_images_are_stitched_side_to_side(run: Run) -> None:
    dark = ("TOY_Color", {"size": 4, "level": 0.0, "batch": 3})
    stitch = {"image1": ["1", 0], "direction": "right", "match_image_size": True, "spacing_width": 0}
    nodes: dict[str, Any] = COLOR | {
        "2": dark,
        "3": ("ImageStitch", stitch | {"spacing_color": "white", "image2": ["2", 0]}),
        "4": ("SaveImage", {"images": ["3", 0], "filename_prefix": "sheet"}),
    }
    result = run(nodes)
    assert len(result.files) == 3
    right = result.pixels()
    assert right.shape == (4, 8, 3)
    assert (right[:, :4] == 127).all()
    assert (right[:, 4:] == 0).all()
    up = run(nodes, "--set", "3.direction=up", "--set", "3.spacing_width=3", "--set", "3.spacing_color=red").pixels()
    assert up.shape == (12, 4, 3)
    assert (up[:4] == 0).all()
    assert (up[4:8] == (255, 0, 0)).all()
    assert (up[8:] == 127).all()
    alone = nodes | {"3": ("ImageStitch", stitch | {"spacing_color": "green"})}
    assert run(alone).pixels().shape == (4, 4, 3)
    result = run(nodes, "--set", "2.size=5")
    assert result.code == 2
    assert "do not fit side to side" in result.err


@each_case(
    ("color", "channels", "spacing"),
    [
        ("green", 1, [0.0]),
        ("red", 2, [1.0, 0.0]),
        ("green", 3, [0.0, 1.0, 0.0]),
        ("blue", 4, [0.0, 0.0, 1.0, 1.0]),
        ("black", 4, [0.0, 0.0, 0.0, 1.0]),
        ("white", 5, [1.0, 1.0, 1.0, 0.0, 0.0]),
    ],
)
def test_the_spacing_has_the_channels_of_the_images(color: str, channels: int, spacing: list[float]) -> None:
    left, right = torch.full((2, 3, 4, channels), 0.25), torch.full((2, 3, 5, channels), 0.75)
    (joined,) = ImageStitch().stitch(left, "right", True, 2, color, right)
    between = torch.tensor(spacing).expand(2, 3, 2, channels)
    assert torch.equal(joined, torch.cat([left, between, right], dim=2))


def test_batches_are_joined_in_the_order_of_the_slots(run: Run) -> None:
    nodes = {
        "1": ("TOY_Color", {"level": 0.25}),
        "2": ("TOY_Color", {"level": 0.75, "batch": 2}),
        "3": ("BatchImagesNode", {"images.image1": ["2", 0], "images.image0": ["1", 0]}),
        "4": ("SaveImage", {"images": ["3", 0]}),
    }
    result = run(nodes)
    assert [int(result.pixels(number).mean()) for number in range(len(result.files))] == [63, 191, 191]
    refused = run(nodes | {"2": ("TOY_Color", {"size": 5})})
    assert refused.code == 2
    assert "node 3 (BatchImagesNode)" in refused.err
    assert "do not go into one batch" in refused.err
