import torch

from cases import refuses
from das_core.views.augmentation import Augmentation
from das_core.views.transforms import Flip, Grayscale, Noise
from das_core.views.windows import ViewGeometry, Windows
from direct_ascent import Ascent, ImageStack, StackSpec
from toys import ask, classifier, make_draws

GEOMETRY = ViewGeometry((40, 40), 4, 16)


def test_views_are_windows_and_then_transforms_in_order_and_leave_the_pixels_alone() -> None:
    pixels = torch.rand(2, 3, 40, 40)
    before = pixels.clone()
    windows, drawn = Windows(4), (Flip(), Noise(), Grayscale(0.5))
    views = Augmentation(3, windows, drawn).make_views(pixels, GEOMETRY, make_draws(3, items=2))
    # The same streams, which every transform takes on where the one before it has left them.
    draws = make_draws(3, items=2)
    expected = windows(pixels, GEOMETRY, draws)
    for transform in drawn:
        expected = transform(expected, draws)
    assert torch.equal(views, expected)
    assert views.shape == (6, 3, 16, 16)
    assert torch.equal(pixels, before)


def test_views_are_the_same_in_any_chunk() -> None:
    pixels, augmentation = torch.rand(1, 3, 40, 40), Augmentation(6, Windows(4))
    chunks = [make_draws(1), make_draws(3, first=1), make_draws(2, first=4)]
    views = torch.cat([augmentation.make_views(pixels, GEOMETRY, draws) for draws in chunks])
    assert torch.equal(views, augmentation.make_views(pixels, GEOMETRY, make_draws(6)))


def test_a_loop_of_ones_own_sees_the_views_of_an_ascent_and_gets_their_gradients() -> None:
    augmentation, model = Augmentation(3, Windows(4), (Flip(), Noise())), classifier(16)
    stack, seen = ImageStack.noise(StackSpec(32, 32, 4), batch=2, seed=1), list[torch.Tensor]()

    def watch(output: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        seen.append(output.detach())
        return output.mean(dim=1)

    Ascent(stack, ask(watch, model), augmentation, steps=1, seed=7, chunk=6, denoising=None).run()
    images = stack.pixels().requires_grad_()
    views = augmentation(images, size=16, seed=7, margin=4, progress=0.0)
    torch.testing.assert_close(model(views), seen[0])
    assert not torch.equal(views, augmentation(images, size=16, seed=7, step=1, margin=4, progress=0.0))
    (gradient,) = torch.autograd.grad(views.square().sum(), images)
    assert gradient.flatten(1).any(dim=1).all()
    # Gradient ascent by torch.optim on the pixels, without anything else of this library.
    pixels = torch.full((1, 3, 32, 32), 0.5, requires_grad=True)
    optimizer, scores = torch.optim.Adam([pixels], lr=0.1), []
    for step in range(30):
        score = model(augmentation(pixels, size=16, step=step, margin=4)).log_softmax(dim=1)[:, 3].mean()
        optimizer.zero_grad()
        (-score).backward()
        optimizer.step()
        scores.append(float(score.detach()))
    assert sum(scores[-10:]) > sum(scores[:10]) + 5


test_what_has_no_views_is_said = refuses(
    lambda images, settings: Augmentation(2, Windows(4, fitted=True))(images, **settings),
    (torch.zeros(3, 32, 32), {}, r"images are torch.float32 \(3, 32, 32\); .* \(B, 3, H, W\), 0..1"),
    (torch.zeros(1, 3, 32, 32).byte(), {}, "images are torch.uint8"),
    ([1], {}, "images are list"),
    (torch.zeros(1, 3, 32, 32), {"size": 0}, "size 0 is not a whole number from 1"),
    (torch.zeros(1, 3, 32, 32), {"step": -1}, "step -1 is not"),
    (torch.zeros(1, 3, 32, 32), {"seed": 0.5}, "seed 0.5 is not"),
)

test_too_few_and_too_many_views_are_refused = refuses(
    lambda views: Augmentation(views=views),
    (0, "views 0 is not a whole number from 1 to 65536"),
    (2**16 + 1, "views 65537 is not"),
)


test_transforms_are_a_list = refuses(
    lambda transforms: Augmentation(transforms=transforms), (Flip(), "transforms a value of the type Flip is no list")
)
