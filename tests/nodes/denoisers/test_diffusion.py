"""The node Denoiser from Diffusion: what it refuses. tests/comfyui runs it with a real sampler."""

from typing import Any

from cases import each_case
from loaded_pack import Pack, assert_refused
from stand_in_diffusion import StandInVAE, make_patcher


def make(pack: Pack, model: Any, vae: Any, positive: Any = None) -> Any:
    return pack.run("DAS_DenoiserFromDiffusion", model=model, vae=vae, positive=positive or [])[0]


@each_case(
    ("model", "vae", "says"),
    [
        (object(), StandInVAE(), "there is no diffusion model"),
        (make_patcher, object(), "there is no VAE"),
        (make_patcher, StandInVAE(16), "latents of 16 channels and the diffusion model of 4"),
        (lambda: make_patcher(dimensions=3), StandInVAE(), "of video"),
    ],
)
def test_a_vae_that_does_not_fit_and_models_of_other_things_are_refused(
    pack: Pack, model: Any, vae: Any, says: str
) -> None:
    assert_refused(pack, says, lambda pack: make(pack, model() if callable(model) else model, vae))


@each_case("positive", ["a castle", [], [None], [[]], [["words"]], 3])
def test_what_is_no_condition_is_refused(pack: Pack, positive: Any) -> None:
    assert_refused(
        pack,
        "there is no condition in what is connected to positive",
        lambda pack: pack.run("DAS_DenoiserFromDiffusion", model=make_patcher(), vae=StandInVAE(), positive=positive),
    )
