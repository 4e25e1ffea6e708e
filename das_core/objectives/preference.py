"""The objective of what people like, as heads predict it from what a CLIP, or a judge of their own, sees."""

from ..common.text import shorten
from ..models.clip import CLIP
from ..models.judge import Judge, check_judge
from ..models.preference_head import PreferenceHead
from .term import Objective, join_names, make_objective


def preference_objective(clip: Judge | None, head: PreferenceHead, weight: float = 1.0, text: str = "") -> Objective:
    """Return the objective of a rating by people, such as LAION's aesthetic predictor (Schuhmann et al., 2022).

    PickScore and HPSv2 are CLIPs by themselves: load them as such and ask for a text with `text_objective`.

    Args:
        clip: the CLIP that the head was trained on. ImageReward takes None, or any judge, for its device.
        head: see `load_preference`.
        weight: the weight of the objective, see `Term`.
        text: what the picture should show, for ImageReward alone, which reads its first 35 tokens.

    Raises:
        ValueError: when the judge is no CLIP, its embeddings have another width, or a text is missing or too much.

    Example:
        >>> head = load_preference("sa_0_4_vit_l_14_linear.pth")  # doctest: +SKIP
        >>> objective = preference_objective(load("ViT-L-14.pt"), head)  # doctest: +SKIP
    """
    if head.read is not None:
        judge = head.read(text) if clip is None else head.read(text).to(clip.device)
        return make_objective(join_names([f"{head.name}: {' '.join(text.split())}"]), [(judge, head)], weight)
    trained = f"the CLIP that it was trained on{f', {head.clip}' if head.clip else ''}"
    if text.strip():
        raise ValueError(f"{head.name} reads no text; leave out '{shorten(text)}', or ask with ImageReward")
    if clip is None:
        raise ValueError(f"{head.name} rates the embeddings of a CLIP, and none is given; give {trained}")
    clip = check_judge(clip, CLIP, "embeds no images; load the CLIP that the preferences were trained on")
    for member in clip.members:
        if member.width != head.width:
            sizes = f"embeddings of {head.width} numbers, and {member.name} has {member.width}"
            raise ValueError(f"{head.name} rates {sizes}; load {trained}")
    return make_objective(head.name, [(member, head) for member in clip.members], weight)
