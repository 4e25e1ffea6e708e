"""Attacks: `da.render` within a bound, and projected gradient descent written by hand, at equally many steps.

The one by hand is that of Madry et al. (2018), with the log-probability of the target and without a random start, in
two usual step sizes. Both attack the model that is asked afterwards, in white-box manner.
"""

import random
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from benchmarks.common import SUBJECTS, load_photograph
from das_core.ascent.within import Within
from das_core.common.images import fit_square
from das_core.facade.render import render
from das_core.models.classifier import Classifier
from das_core.models.sources.starters import load_starter

COUNT, DRAW = 20, 60  # photographs, and the seed with which the targets are drawn
BOUNDS = (Within(8 / 255), Within(3.0, "l2"))
STEPS = (5, 10, 20)  # fewer than 10 are too few for any of them
SHARES = {"a fourth of the bound": lambda steps: 1 / 4, "2.5 bounds over the steps": lambda steps: 2.5 / steps}
_CLOSE = 5e-4  # probabilities that differ by less count as equal

Attack = Callable[[Tensor, int], Tensor]


def list_photographs(side: int) -> list[Tensor]:
    """Return 20 photographs (1, 3, side, side) in 8 bits: the single ones, and corners of the first of them."""
    images = [load_photograph(subject) for subject in SUBJECTS]
    for image in images[: COUNT - len(images)]:
        corner = min(image.shape[2:]) // 2
        images.append(image[..., :corner, :corner])
    return [fit_square(image, side).mul(255).round().div(255) for image in images]


def attack_by_hand(
    judge: Classifier, image: Tensor, target: int, *, within: Within, steps: int, step_size: float
) -> Tensor:
    """Return the image (1, 3, side, side) after steps of projected gradient descent toward a target."""
    made = image.clone()
    for _ in range(steps):
        made.requires_grad_()
        judge(made).log_softmax(dim=1)[0, target].backward()
        assert made.grad is not None
        if within.norm == "linf":
            change = made.detach() + step_size * made.grad.sign() - image
            change = change.clamp(-within.limit, within.limit)
        else:
            change = made.detach() + step_size * made.grad / made.grad.norm() - image
            change *= min(1.0, within.limit / float(change.norm()))
        made = (image + change).clamp(0, 1)
    return made


def _attack(judge: Classifier, image: Tensor, target: int, *, within: Within, steps: int) -> Tensor:
    return render(judge, target, size=judge.size, start=image, within=within, steps=steps, progress=False).image


def report() -> str:
    """Measure, and return the section for RESULTS.md."""
    judge, drawn = load_starter(), random.Random(DRAW)
    images = list_photographs(judge.size)
    targets = [drawn.randrange(len(judge.labels)) for _ in images]
    rows = []
    for within in BOUNDS:
        for steps in STEPS:
            attacks: dict[str, Callable[..., Tensor]] = {"`da.render`": partial(_attack, within=within, steps=steps)}
            for title, share in SHARES.items():
                size = share(steps) * within.limit
                attacks[f"by hand, {title}"] = partial(attack_by_hand, within=within, steps=steps, step_size=size)
            ours = torch.zeros(0)
            for title, attack in attacks.items():
                begin = time.process_time()
                made = [attack(judge, image, target) for image, target in zip(images, targets, strict=True)]
                seconds = (time.process_time() - begin) / COUNT
                found = judge.probabilities(torch.cat(made))
                wanted = found[range(COUNT), targets]
                ours = ours if len(ours) else wanted
                behind = int((ours < wanted - _CLOSE).sum())
                first = int((found.argmax(dim=1) == torch.tensor(targets)).sum())
                limit = "8/255" if within.norm == "linf" else f"{within.limit:g}"
                rows.append(
                    f"| {within.norm} {limit} | {steps} | {title} | {first} | {wanted.mean():.3f} | {wanted.min():.3f} "
                    f"| {'' if wanted is ours else COUNT - behind} | {seconds:.1f} s |"
                )
                print(rows[-1], flush=True)
    table = "\n".join(rows)
    return f"""{COUNT} photographs of scikit-image, {judge.size} x {judge.size}, each with a target class drawn at
random (seed {DRAW}), and {judge.name}, which is attacked and asked. `da.render` without a recipe, so with `ATTACK` and
steps that suit the bound; what is by hand has steps of one size and no momentum (`benchmarks/attacks.py`). How many
photographs get the target as the first class, its probability, and for how many `da.render` is at least as good as the
row, up to {_CLOSE}. Seconds are CPU time for each; those of `da.render` include its scores of the finished picture.

| bound | steps | attack | first | mean p | least p | `da.render` equal or better | seconds |
|---|---|---|---|---|---|---|---|
{table}
"""
