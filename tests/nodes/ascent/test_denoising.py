"""The input denoise of Optimize: what its choices are."""

from typing import Any

from loaded_pack import Pack, refuse_all


def read(pack: Pack, *arguments: Any) -> Any:
    return pack.module("nodes.ascent.denoising").read_denoising(*arguments)


def test_on_is_total_variation_or_the_denoiser_that_is_connected_and_off_is_none(pack: Pack) -> None:
    core = pack.module("das_core")
    settings = {"strength": 0.1, "end": 0.05, "share": 0.5, "keep": 0.03}
    assert read(pack, {"denoise": "on", **settings}) == core.Denoising(core.TotalVariation(), **settings)
    other = core.TotalVariation(9)
    assert read(pack, {"denoise": "on"}, other) == core.Denoising(other)
    assert read(pack, {"denoise": "off"}) is None


test_what_cannot_be_is_refused = refuse_all(
    {r"denoise is missing or unknown; choose on or off": lambda pack: pack.optimize(denoise={"denoise": "oil"})}
)
