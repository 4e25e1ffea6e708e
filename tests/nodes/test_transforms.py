"""The nodes of views: what they append, and in which order."""

from loaded_pack import Pack


def test_transforms_are_appended_in_the_order_of_the_links(pack: Pack) -> None:
    views = pack.augmentation(views=3, jitter=5)
    for node in ("DAS_ColorShift", "DAS_Perspective", "DAS_PatchMask"):
        (views,) = pack.run(node, augmentation=views)
    assert (views.views, views.windows.jitter) == (3, 5)
    names = [type(transform).__name__ for transform in views.transforms]
    assert names == ["Flip", "Noise", "ColorShift", "Perspective", "PatchMask"]
    image = pack.optimize(augmentation=views)[0]
    assert tuple(image.shape) == (1, 64, 64, 3)


def test_a_tile_goes_on_at_its_opposite_edges_whatever_the_jitter(pack: Pack) -> None:
    image = pack.optimize(stack=pack.stack(tile=True, margin=0, height=48), steps=4)[0]
    assert tuple(image.shape) == (1, 48, 64, 3)
    steps = (image - image.roll(1, 1)).abs().mean(dim=(0, 2, 3))
    assert steps[0] < 2 * steps[1:].mean()


def test_their_order_decides(pack: Pack) -> None:
    (first,) = pack.run("DAS_PatchMask", augmentation=pack.run("DAS_ColorShift", augmentation=pack.augmentation())[0])
    (second,) = pack.run("DAS_ColorShift", augmentation=pack.run("DAS_PatchMask", augmentation=pack.augmentation())[0])
    assert set(map(type, first.transforms)) == set(map(type, second.transforms))
    assert not pack.optimize(augmentation=first)[0].equal(pack.optimize(augmentation=second)[0])


def test_an_augmentation_puts_what_comes_in_before_its_own(pack: Pack) -> None:
    (shifted,) = pack.run("DAS_ColorShift")
    assert [type(t).__name__ for t in shifted.transforms] == ["Flip", "Noise", "ColorShift"]
    assert shifted.windows.jitter == 56
    (views,) = pack.run("DAS_Augmentation", augmentation=shifted, jitter=9)
    assert [type(t).__name__ for t in views.transforms] == ["Flip", "Noise", "ColorShift", "Flip", "Noise"]
    assert views.windows.jitter == 9


def test_views_that_change_over_time_make_another_picture(pack: Pack) -> None:
    steady = pack.augmentation(noise=0.1)
    (again,) = pack.run("DAS_Augmentation", views=4, jitter=16, noise=0.1, over_time={"over_time": "constant"})
    assert steady == again
    ends = {"noise_end": 0.0, "jitter_end": 0, "zoom_min_end": 0.9, "curve": "cosine"}
    moving = pack.augmentation(noise=0.1, over_time={"over_time": "scheduled", **ends})
    assert moving.transforms[1].amplitude_end == 0.0
    assert (moving.windows.jitter_end, moving.windows.zoom_min_end, moving.windows.curve) == (0, 0.9, "cosine")
    pictures = [pack.optimize(augmentation=views, steps=3)[0] for views in (steady, again, moving)]
    assert pictures[0].equal(pictures[1])
    assert not pictures[0].equal(pictures[2])
