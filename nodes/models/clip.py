"""The nodes Load CLIP Judge and CLIP from ComfyUI."""

from typing import Any

from comfy_api.latest import io

from ...das_core.models.clip import CLIP
from ...das_core.models.ensemble import CLIPEnsemble
from ...das_core.models.sources import open_clip_models
from ...das_core.models.sources.starters import SECOND_OPINION, STARTER, STARTERS, load_starter_clip
from .. import bridge
from ..node import Node
from ..schema import Clip, make_options, precision_input, read_choice, read_precision, schema, tip
from .checkpoint import (
    AUTO,
    RECOMMENDED,
    checkpoint_input,
    find_checkpoint,
    gallery_input,
    load_recommended,
    read_checkpoint_time,
)
from .taught import NONE, apply_taught, read_taught_time, taught_input

_SOURCES = ("starters", "starter", "second_opinion", RECOMMENDED, "open_clip", "file")


class LoadCLIP(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        downloaded = open_clip_models.list_downloaded_open_clip_names(bridge.find_model_folder(bridge.CLIPS))
        names = list(dict.fromkeys([*downloaded, *open_clip_models.list_open_clip_names()]))
        return schema(
            node_id="DAS_LoadCLIP",
            display_name="Load CLIP Judge",
            category="Direct Ascent/models",
            description="Load a model that puts images and words into one space. Text Objective makes images of what "
            "you write; Image Objective of what it sees in another image; Direct Ascent Similarity says how near they "
            "come.\n\n"
            "• starters: installed with this pack, no download. Two image classifiers, taught to see through "
            "noise and each joined with a table of words, share out the views: they know a thousand things, and words "
            "near to them.\n"
            "• starter: the first of the two alone, for objectives that look into the layers of one model.\n"
            "• second_opinion: the same with a third image classifier. Use it in Direct Ascent Similarity, to judge "
            "an image by a model that did not make it.\n"
            "• recommended: a few that are worth a try, such as robust ones, whose pictures have whole shapes.\n"
            "• open_clip: OpenAI's, LAION's, SigLIP and others, some two hundred in one list, downloaded when you "
            "pick one and run. ViT-B-32/laion2b_s34b_b79k is small and good.\n"
            "• file: your own checkpoint from models/open_clip.",
            aliases="clip, openclip, siglip, text to image",
            advanced=["precision", "taught"],
            inputs=[
                io.DynamicCombo.Input(
                    "source",
                    options=make_options(
                        _SOURCES,
                        recommended=[gallery_input(bridge.CLIPS)],
                        open_clip=[
                            tip(
                                io.Combo.Input("model", options=names),
                                "An architecture and weights of it: the images that they were trained on. ViT-B-32 is "
                                "quick; ViT-L-14, convnext and SigLIP see more and take longer. Click the list and "
                                "type to search. Downloaded once, into models/open_clip; those already there are "
                                "listed first.",
                            )
                        ],
                        file=[
                            checkpoint_input(bridge.CLIPS),
                            tip(
                                io.Combo.Input(
                                    "architecture", options=[AUTO, *open_clip_models.list_open_clip_architectures()]
                                ),
                                "auto: told by the shapes in the file and a configuration beside it. If two fit, such "
                                "as one with quickgelu, a message names both. The common ones stand first.",
                            ),
                        ],
                    ),
                    tooltip="Where the model comes from. starters need no download and are the place to begin.",
                ),
                precision_input(),
                taught_input(),
            ],
            outputs=[
                Clip.Output(
                    "clip", tooltip="For Text and Image Objective (to make images) and Direct Ascent Similarity."
                )
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, source: dict[str, Any] | None = None, taught: str = NONE, **_: Any) -> Any:
        """Return numbers that change with the chosen files, so that ComfyUI loads changed files again."""
        return read_checkpoint_time(bridge.CLIPS, source), read_taught_time(taught)

    @classmethod
    def execute(cls, precision: str, source: dict[str, Any] | None = None, taught: str = NONE) -> io.NodeOutput:
        kind, settings = read_choice("source", source, _SOURCES)
        dtype = read_precision(precision)
        clip = apply_taught(_load(kind, settings), taught)
        return io.NodeOutput(bridge.manage_clip(clip.with_precision(dtype)))


def _load(kind: str, settings: dict[str, Any]) -> CLIP:
    """Return the CLIP of a source, not yet registered with the memory manager."""
    folder = bridge.find_model_folder(bridge.CLIPS)
    # Links may bring any values: das_core accepts only the names in its lists.
    architecture: Any = settings.get("architecture", "")
    if kind == RECOMMENDED:
        return load_recommended(bridge.CLIPS, settings.get("judge"), CLIP, "is no CLIP")
    if kind == "open_clip":
        architecture, _, tag = str(settings.get("model", "")).partition("/")
        # Cut, because a text from a link may be long, and the name is shown on the node.
        name = f"{architecture} {tag}"[:60]
        with bridge.Wait(f"loading {name}", f"downloading {name}") as wait:
            return open_clip_models.load_open_clip(architecture, tag, folder, wait.report)
    if kind == "file":
        path = find_checkpoint(bridge.CLIPS, settings.get("checkpoint"))
        with bridge.Wait(f"loading {path.name}"):
            return open_clip_models.load_clip_file(path, None if architecture == AUTO else architecture or "", folder)
    if kind == "starters":
        return CLIPEnsemble.from_members([load_starter_clip(starter, taught=True) for starter in STARTERS])
    return load_starter_clip(STARTER if kind == "starter" else SECOND_OPINION)


class CLIPFromComfyUI(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_CLIPFromComfyUI",
            display_name="CLIP from ComfyUI",
            category="Direct Ascent/models",
            description="Make a judge of ComfyUI's own CLIP and CLIP Vision, so that files you have serve here too. "
            "Both must be halves of one model: clip_g with CLIP-ViT-bigG, a clip_l with its projection "
            "with CLIP-ViT-L. The text encoders of SD 1.x come without their projection and do not serve.",
            aliases="clip vision, clip_l, clip_g",
            inputs=[
                io.Clip.Input("clip", tooltip="The half that reads, from Load CLIP, Load Checkpoint or the like."),
                io.ClipVision.Input("clip_vision", tooltip="The half that sees, from Load CLIP Vision."),
            ],
            outputs=[
                Clip.Output(
                    "clip", tooltip="For Text and Image Objective (to make images) and Direct Ascent Similarity."
                )
            ],
        )

    @classmethod
    def execute(cls, clip: Any, clip_vision: Any) -> io.NodeOutput:
        with bridge.Wait("loading both halves"):
            return io.NodeOutput(bridge.join_clip(clip, clip_vision))
