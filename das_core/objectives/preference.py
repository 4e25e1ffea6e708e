"""The objective of what people like, as heads predict it from what a CLIP sees."""

from os import PathLike

from ..models.clip import CLIP
from ..models.judge import Judge, check_judge
from ..models.sources.preferences import PreferenceHead, load_preference
from .objective import Objective, make_objective, question


@question
def preference(judge: Judge, head: PreferenceHead | str | PathLike[str]) -> Objective:
    """Ask a CLIP for what people like, such as LAION's aesthetic predictor rates it (Schuhmann et al., 2022).

    PickScore and HPSv2 are CLIPs by themselves: load them as such and ask for a `text`.

    Args:
        head: a head that was trained on the embeddings of this CLIP, or its file, see `load_preference`.

    Raises:
        ValueError: when the judge is no CLIP, or its embeddings have another width.

    Example:
        >>> da.render(da.load("ViT-L-14.pt"), da.preference("sa_0_4_vit_l_14_linear.pth"))  # doctest: +SKIP
    """
    head = head if isinstance(head, PreferenceHead) else load_preference(head)
    trained = f"the CLIP that it was trained on{f', {head.clip}' if head.clip else ''}"
    clip = check_judge(judge, CLIP, "embeds no images; load the CLIP that the preferences were trained on")
    for member in clip.members:
        if member.width != head.width:
            sizes = f"embeddings of {head.width} numbers, and {member.name} has {member.width}"
            raise ValueError(f"{head.name} rates {sizes}; load {trained}")
    return make_objective(head.name, [(member, head) for member in clip.members])
