"""Views from afar: what is fine is gone, what is large stays, and the draws say which and how far."""

import pytest
import torch
import torch.nn.functional as F

from cases import each_case
from das_core.views.distance import Distance
from toys import make_draws, random_views


def test_a_view_from_afar_is_one_that_was_shrunk_and_enlarged_in_which_plain_surfaces_stay() -> None:
    views = random_views(32, 3)
    far = Distance(1.0, nearest=0.5, farthest=0.5)(views, make_draws(3))
    small = F.interpolate(views, size=16, mode="bilinear", antialias=True)
    torch.testing.assert_close(far, F.interpolate(small, size=32, mode="bilinear"), atol=1e-6, rtol=0)
    plain = torch.full((2, 3, 32, 32), 0.3)
    torch.testing.assert_close(Distance(1.0)(plain, make_draws(2)), plain)


def test_so_many_views_as_the_probability_says_are_seen_from_afar_each_by_its_own_draws() -> None:
    views = random_views(16, 400)
    far = Distance(0.25)(views, make_draws(400))
    changed = (far != views).flatten(1).any(dim=1)
    assert 70 < int(changed.sum()) < 130
    assert torch.equal(Distance(0.0)(views, make_draws(400)), views)
    views = random_views(24, 6)
    together = Distance(0.5)(views, make_draws(6))
    apart = [Distance(0.5)(views[i : i + 1], make_draws(1, first=i)) for i in range(6)]
    torch.testing.assert_close(together, torch.cat(apart), atol=1e-6, rtol=0)


def test_the_distance_differs_from_view_to_view_between_both_ends() -> None:
    views = random_views(60, 1).expand(64, -1, -1, -1)
    far = Distance(1.0, nearest=0.5, farthest=0.2)(views, make_draws(64))
    # Every size from 12 to 30 pixels by itself.
    known = [Distance(1.0, n / 60, n / 60)(views[:1], make_draws(1))[0] for n in range(12, 31)]
    found = [next(size for size, one in enumerate(known, start=12) if torch.allclose(view, one)) for view in far]
    assert len(set(found)) > 10
    assert min(found) < 15
    assert max(found) > 26


def test_gradients_flow_to_the_views() -> None:
    views = random_views(12, 2).double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda given: Distance(1.0)(given.float(), make_draws(2)).double(), views, eps=1e-2, atol=1e-2
    )


@each_case(
    ("settings", "says"),
    [
        ({"probability": -0.1}, "distance -0.1 is not a probability"),
        ({"probability": float("nan")}, "distance nan is not a probability"),
        ({"nearest": 1.5}, "choose shares above 0 and at most 1"),
        ({"farthest": 0.0}, "choose shares above 0"),
        ({"nearest": 0.1, "farthest": 0.3}, "the farthest first"),
    ],
)
def test_a_setting_that_cannot_be_is_named(settings: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Distance(**settings)
