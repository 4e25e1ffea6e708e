"""The input denoise of Optimize: what its choices are, and what is said of bad values."""

from collections.abc import Callable
from typing import Any

from cases import each_case
from loaded_pack import Pack, assert_refused


def read(pack: Pack, choice: Any) -> Any:
    return pack.module("nodes.ascent.denoising").read_denoising(choice)


def test_on_is_total_variation_or_the_denoiser_that_is_connected(pack: Pack) -> None:
    core = pack.module("das_core")
    settings = {"strength": 0.1, "end": 0.05, "share": 0.5, "keep": 0.03}
    assert read(pack, {"denoise": "on", **settings}) == core.Denoising(core.TotalVariation(), **settings)
    assert read(pack, {"denoise": "on"}) == read(pack, {"denoise": "on", "keep": None}) == core.Denoising()
    other = core.TotalVariation(9)
    assert pack.module("nodes.ascent.denoising").read_denoising({"denoise": "on"}, other) == core.Denoising(other)


def test_off_is_none(pack: Pack) -> None:
    assert read(pack, {"denoise": "off"}) is None
    assert read(pack, "off") is None


def test_a_workflow_without_the_input_is_not_denoised_as_before_there_was_one(pack: Pack) -> None:
    off, left = (pack.optimize(steps=3, **more)[0] for more in ({"denoise": {"denoise": "off"}}, {}))
    assert off.equal(left)


def test_it_makes_surfaces_more_even(pack: Pack) -> None:
    def roughness(**more: Any) -> float:
        stack = pack.stack(start={"start": "noise", "amplitude": 1.0, "decay": 1.0})
        image = pack.optimize(stack=stack, steps=6, **more)[0]
        return float(image.diff(dim=1).abs().mean() + image.diff(dim=2).abs().mean())

    strong = {"denoise": "on", "strength": 0.2, "end": 0.2, "share": 0.6}
    assert roughness(denoise=strong) < 0.9 * roughness()


BAD: dict[str, Callable[[Pack], object]] = {
    r"denoise is missing or unknown; choose on or off": lambda pack: pack.optimize(denoise={"denoise": "oil"}),
    r"denoise\.end nan is no finite number": lambda pack: pack.optimize(denoise={"denoise": "on", "end": float("nan")}),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)
