"""The nodes of views: what their inputs make, how one goes on from another, and what is said of bad values."""

from dataclasses import replace

from loaded_pack import Pack, refuse_all


def test_the_defaults_of_the_page_are_those_of_das_core(pack: Pack) -> None:
    core = replace(pack.module("das_core.ascent").PICTURE.augmentation, windows=pack.module("das_core.views").Windows())
    fitted = replace(core, windows=replace(core.windows, fitted=True))
    assert pack.run("DAS_Augmentation")[0] == pack.run("DAS_Augmentation", details="default")[0] == fitted
    # Each by itself, a jitter that is larger than the margin is an error.
    assert pack.run("DAS_Augmentation", details="custom")[0] == core


def test_every_input_has_its_place(pack: Pack) -> None:
    inputs = {"views": 5, "jitter": 7, "zoom_min": 0.3, "zoom_max": 0.8, "zoom_start": 0.6, "flip": 0.25}
    inputs |= {"grayscale": 0.6, "distance": 0.4}
    (made,) = pack.run("DAS_Augmentation", **inputs, noise=0.2, noise_kind="uniform")
    windows, (flip, far, gray, noise) = made.windows, made.transforms
    assert (made.views, windows.jitter) == (5, 7)
    assert (windows.zoom_min, windows.zoom_max, windows.zoom_start) == (0.3, 0.8, 0.6)
    assert (gray.probability, far.probability) == (0.6, 0.4)
    assert (flip.probability, noise.amplitude, noise.kind) == (0.25, 0.2, "uniform")


def test_an_augmentation_puts_what_comes_in_before_its_own(pack: Pack) -> None:
    before = pack.augmentation(noise=0.5, flip=0.0)
    both = pack.augmentation(views=3, zoom_min=0.3, augmentation=before)
    assert both.transforms == before.transforms + pack.augmentation().transforms
    assert (both.views, both.windows.zoom_min) == (3, 0.3)


test_what_cannot_be_is_refused = refuse_all(
    {r"details 'x' is unknown; choose default or custom": lambda pack: pack.run("DAS_Augmentation", details="x")}
)
