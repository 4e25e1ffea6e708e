"""Changes of crops that mislead: how long they are, and that the answer is farther from what is wanted."""

import torch

from das_core.teaching.answers import answer, measure_loss, mislead
from toys import classifier, draw


def test_crops_mislead_a_judge_and_change_by_no_more_than_they_may() -> None:
    judge, crops, start = classifier(), draw(4, 3, 32, 32), draw(4, 3, 32, 32, seed=1)
    weights = dict(judge.module.named_parameters())
    lengths = torch.tensor([0.0, 0.5, 1.0, 2.0])
    wanted = answer(judge, crops)
    changed = mislead(judge, crops, wanted, weights, lengths, start)
    change = changed - crops
    assert torch.equal(changed[0], crops[0])
    assert bool((change.flatten(1).norm(dim=1) <= lengths + 1e-5).all())
    # As long as the change, and in a drawn direction.
    other = crops + start * (change.flatten(1).norm(dim=1) / start.flatten(1).norm(dim=1))[:, None, None, None]
    losses = [float(measure_loss(judge, answer(judge, shown, weights), wanted, wanted)) for shown in (changed, other)]
    assert losses[0] > 3 * losses[1]
    assert all(weight.grad is None for weight in weights.values())
