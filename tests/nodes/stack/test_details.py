"""The input details of Image Stack: default is what custom begins with, and every setting reaches the stack."""

from collections.abc import Callable
from typing import Any

import torch

from cases import each_case
from loaded_pack import Pack, assert_refused


def read(pack: Pack, choice: Any) -> Any:
    return pack.module("nodes.stack.details").read_details(choice)


def test_default_is_what_custom_begins_with(pack: Pack) -> None:
    small = {"width": 64, "height": 48}
    plain, custom = (pack.run("DAS_ImageStack", **small, details=details)[0] for details in ("default", "custom"))
    assert plain.spec == custom.spec
    assert torch.equal(plain.canvas, custom.canvas)
    assert pack.run("DAS_ImageStack", details="default")[0].spec == pack.module("das_core").StackSpec()


def test_every_setting_reaches_the_stack(pack: Pack) -> None:
    spec = pack.stack(margin=8, color="rgb", method="layers", levels={"levels": "custom", "resolutions": "1, 5"}).spec
    assert (spec.margin, spec.color, spec.method, spec.levels) == (8, "rgb", "layers", (1, 5))
    assert pack.stack(tile=True).spec.tile
    photo = torch.rand(1, 40, 56, 3)
    assert pack.stack(image=photo, size="image", start={"start": "image"}).spec.width == 56
    mask = torch.zeros(1, 64, 64)
    mask[:, 16:48, 16:48] = 1
    hard, soft = (pack.stack(image=torch.rand(1, 64, 64, 3), mask=mask, feather=feather) for feather in (0, 8))
    assert not torch.equal(hard.surroundings.mask, soft.surroundings.mask)


BAD: dict[str, Callable[[Pack], object]] = {
    r"details 'many' is unknown; choose default or custom": lambda pack: read(pack, {"details": "many"}),
    r"details is missing or unknown; choose default": lambda pack: read(pack, None),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)
