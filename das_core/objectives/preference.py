"""The objective of what people like, as heads predict it from what a CLIP sees."""

from ..models.clip import CLIP
from ..models.judge import Judge, check_judge
from ..models.sources.preferences import PreferenceHead
from .objective import Objective, make_objective


def preference_objective(clip: Judge, head: PreferenceHead, weight: float = 1.0) -> Objective:
    """Return the objective of a rating by people, such as LAION's aesthetic predictor (Schuhmann et al., 2022).

    PickScore and HPSv2 are CLIPs by themselves: load them as such and ask for a text with `text_objective`.

    Args:
        clip: the CLIP that the head was trained on.
        head: see `load_preference`.
        weight: the weight of the objective, see `Term`.

    Raises:
        ValueError: when the judge is no CLIP, or its embeddings have another width.

    Example:
        >>> head = load_preference("sa_0_4_vit_l_14_linear.pth")  # doctest: +SKIP
        >>> objective = preference_objective(load("ViT-L-14.pt"), head)  # doctest: +SKIP
    """
    trained = f"the CLIP that it was trained on{f', {head.clip}' if head.clip else ''}"
    clip = check_judge(clip, CLIP, "embeds no images; load the CLIP that the preferences were trained on")
    for member in clip.members:
        if member.width != head.width:
            sizes = f"embeddings of {head.width} numbers, and {member.name} has {member.width}"
            raise ValueError(f"{head.name} rates {sizes}; load {trained}")
    return make_objective(head.name, [(member, head) for member in clip.members], weight)
