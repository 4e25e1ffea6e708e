import pytest
import torch
import torch.nn.functional as F

from cases import each_case
from das_core.views.distance import Distance
from toys import make_draws, random_views


def test_a_view_from_afar_is_shrunk_to_a_fifth_to_half_of_its_side_and_enlarged_as_by_torch() -> None:
    views, draws = random_views(60, 12), make_draws(12)
    far = Distance(1.0)(views, make_draws(12))
    draws.numbers()
    sizes = [round(60 * 0.2 * 2.5**place) for place in draws.numbers()]
    assert len(set(sizes)) > 5
    for seen, view, size in zip(far, views, sizes, strict=True):
        small = F.interpolate(view[None], size=size, mode="bilinear", antialias=True)
        expected = F.interpolate(small, size=60, mode="bilinear")[0]
        torch.testing.assert_close(seen, expected, atol=1e-5, rtol=0)


def test_so_many_views_as_the_probability_says_are_seen_from_afar_each_by_its_own_draws() -> None:
    views = random_views(16, 400)
    far = Distance(0.25)(views, make_draws(400))
    changed = (far != views).flatten(1).any(dim=1)
    assert 70 < int(changed.sum()) < 130
    assert torch.equal(Distance(0.0)(views, make_draws(400)), views)
    assert torch.equal(far[7:9], Distance(0.25)(views[7:9], make_draws(2, first=7)))


@each_case("probability", -0.1, 1.1, float("nan"))
def test_what_is_no_probability_is_named(probability: float) -> None:
    with pytest.raises(ValueError, match=rf"distance {probability} is not between 0 and 1"):
        Distance(probability)
