import torch

from das_core.common.seeding import make_generator
from das_core.views.draws import Draws, ViewKey

CPU = torch.device("cpu")


def key(item: int = 0, step: int = 0, view: int = 0, seed: int = 0, group: int = 0) -> ViewKey:
    return ViewKey(seed, item, step, view, group)


def test_draws_depend_on_all_numbers_of_their_key_but_the_image_and_not_on_their_company() -> None:
    together = Draws([key(view=0), key(view=1), key(view=2)], CPU)
    alone = Draws([key(view=2)], CPU)
    assert together.numbers()[2] == alone.numbers()[0]
    assert torch.equal(together.noise((3, 4, 4), "uniform")[2], alone.noise((3, 4, 4), "uniform")[0])
    keys = [key(), key(item=1), key(step=1), key(view=1), key(seed=1), key(group=1)]
    numbers = Draws(keys, CPU).numbers()
    assert len(set(numbers)) == len(keys)
    draws = Draws([key(), ViewKey(0, 0, 0, 0, image=1)], CPU, 0.25, 0.1)
    assert (draws.items, len(draws), draws.coarse_progress, draws.progress) == ([0, 1], 2, 0.25, 0.1)
    assert len(set(draws.numbers())) == 1


def test_what_a_transform_draws_is_ready_to_multiply_views_with() -> None:
    keys = [key(view=view) for view in range(3)]
    drawn = Draws(keys, CPU).uniform(-2, 6)
    assert (drawn.shape, drawn.dtype) == ((3, 1, 1, 1), torch.float32)
    torch.testing.assert_close(drawn.flatten(), torch.tensor(Draws(keys, CPU).numbers()) * 8 - 2)


def test_numbers_are_uniform_over_views_and_over_calls_and_noise_has_the_moments_it_should() -> None:
    draws = Draws([key(view=view) for view in range(100)], CPU)
    numbers = torch.tensor([draws.numbers() for _ in range(100)])
    assert 0 <= float(numbers.min()) < float(numbers.max()) < 1
    # Means of a hundred numbers, each with a standard deviation of 0.029.
    for dim in (0, 1):
        assert float((numbers.mean(dim=dim) - 0.5).abs().max()) < 0.12
    assert len(set(numbers.flatten().tolist())) > 9990
    assert numbers[0, 0] != numbers[1, 0]
    uniform = Draws([key()], CPU).noise((3, 100, 100), "uniform")
    assert float(uniform.min()) >= 0
    assert float(uniform.max()) < 1
    assert abs(float(uniform.mean()) - 0.5) < 0.01
    gaussian = Draws([key()], CPU).noise((3, 100, 100), "gaussian")
    assert abs(float(gaussian.mean())) < 0.02
    assert abs(float(gaussian.std()) - 1) < 0.02


def test_numbers_and_noise_come_from_separate_streams() -> None:
    first, second = Draws([key()], CPU), Draws([key()], CPU)
    first.noise((3, 8, 8), "gaussian")
    second.numbers()
    assert first.numbers() == Draws([key()], CPU).numbers()
    assert torch.equal(second.noise((5,), "uniform"), Draws([key()], CPU).noise((5,), "uniform"))
    # Of one stream, the noise would be what the generator of the numbers gives too.
    numbers = torch.rand(1, 5, generator=make_generator(0, 0, 0, 0, 0))
    assert not torch.equal(Draws([key()], CPU).noise((5,), "uniform"), numbers)
