import torch

from das_core.common.seeding import make_generator
from das_core.views.draws import Draws, ViewKey

CPU = torch.device("cpu")


def key(item: int = 0, step: int = 0, view: int = 0, seed: int = 0, judge: int = 0) -> ViewKey:
    return ViewKey(seed, item, step, view, judge)


def test_draws_belong_to_their_key_not_to_their_company() -> None:
    together = Draws([key(view=0), key(view=1), key(view=2)], CPU)
    alone = Draws([key(view=2)], CPU)
    assert together.uniform()[2] == alone.uniform()[0]
    assert torch.equal(together.noise((3, 4, 4), "uniform")[2], alone.noise((3, 4, 4), "uniform")[0])


def test_every_part_of_the_key_counts() -> None:
    keys = [key(), key(item=1), key(step=1), key(view=1), key(seed=1), key(judge=1)]
    numbers = Draws(keys, CPU).uniform()
    assert len(set(numbers)) == len(keys)


def test_a_stream_goes_on() -> None:
    draws = Draws([key()], CPU)
    assert draws.uniform() != draws.uniform()


def test_noise_has_the_moments_it_should() -> None:
    uniform = Draws([key()], CPU).noise((3, 100, 100), "uniform")
    assert float(uniform.min()) >= 0
    assert float(uniform.max()) < 1
    assert abs(float(uniform.mean()) - 0.5) < 0.01
    gaussian = Draws([key()], CPU).noise((3, 100, 100), "gaussian")
    assert abs(float(gaussian.mean())) < 0.02
    assert abs(float(gaussian.std()) - 1) < 0.02


def test_any_seed_that_a_node_can_hold_works() -> None:
    assert float(torch.rand((), generator=make_generator(2**64 - 1, 0))) != float(
        torch.rand((), generator=make_generator(0, 0))
    )
