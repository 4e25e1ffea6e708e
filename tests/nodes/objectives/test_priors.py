"""Prior: every kind goes beside a model and alone, and an unknown one is named with those that there are."""

import torch

from cases import each_case
from loaded_pack import Pack, refuse_all


@each_case("kind", ["total_variation", "l2", "spectrum", "range"])
def test_every_prior_goes_beside_a_model(pack: Pack, kind: str) -> None:
    (prior,) = pack.run("DAS_Prior", kind=kind, weight=0.3)
    assert (prior.terms[0].score.kind, prior.terms[0].weight) == (kind, 0.3)
    stack = pack.stack(start={"start": "noise"})
    made = pack.optimize(stack=stack, objectives={"objective0": pack.objective(), "objective1": prior}, steps=1)[0]
    assert torch.isfinite(made).all()


test_what_cannot_be_is_refused = refuse_all(
    {r"prior 'blur' is unknown; choose one of total_variation": lambda pack: pack.run("DAS_Prior", kind="blur")}
)
