"""The node Load CLIP Judge."""

from typing import Any

from comfy_api.latest import io

from ...das_core.models.clip import CLIP
from ...das_core.models.ensemble import CLIPEnsemble
from ...das_core.models.sources import open_clip_models as core
from ...das_core.models.sources.starter_clip import KEPT, load_starter_clip
from ...das_core.models.sources.starters import SECOND_OPINION, STARTER, STARTERS
from .. import bridge
from ..schema import PRECISIONS, Clip, make_options, precision_input, read_choice, schema, sort_downloaded_first
from .checkpoint import read_checkpoint_time

_AUTO = "auto"
_SOURCES = ("starter", "second_opinion", "open_clip", "file", "starters")


class LoadCLIP(io.ComfyNode):
    """The node that loads a CLIP as a judge: a model that embeds images and texts in one space."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        models = core.list_open_clip_models()
        downloaded = core.list_downloaded_open_clip(bridge.find_model_folder(bridge.CLIPS))
        return schema(
            node_id="DAS_LoadCLIP",
            display_name="Load CLIP Judge",
            category="Direct Ascent/models",
            description=(
                "Load a model that puts images and words into one space. Text Objective makes images of what you "
                "write; Image Objective of what it sees in another image; Similarity says how near they come.\n\n"
                "• starter: installed with this pack, no download. An image classifier and a sentence encoder, joined "
                "without captions: it knows a thousand things, and words near to them.\n"
                "• second_opinion: the same with another image classifier. Use it in Similarity, to judge an image by "
                "a model that did not make it.\n"
                "• starters: the starter on two image classifiers, which share out the views: hardly more time, and "
                "better pictures.\n"
                "• open_clip: OpenAI's, LAION's, SigLIP and a hundred more, downloaded when you pick one and run. "
                "ViT-B-32 with laion2b_s34b_b79k is small and good.\n"
                "• file: your own checkpoint from models/open_clip."
            ),
            search_aliases=["das", "direct ascent", "openclip", "siglip", "text to image"],
            inputs=[
                io.DynamicCombo.Input(
                    "source",
                    options=make_options(
                        _SOURCES,
                        open_clip=[
                            io.Combo.Input(
                                "architecture",
                                options=sort_downloaded_first(models, downloaded),
                                tooltip="ViT-B-32 is quick; ViT-L-14, convnext and SigLIP see more and take "
                                "longer. Downloaded once, into models/open_clip; those already there are listed "
                                "first.",
                            ),
                            io.Combo.Input(
                                "pretrained",
                                options=sorted({tag for tags in models.values() for tag in tags}),
                                tooltip="Which weights: the images they were trained on. Not every architecture "
                                "has each; a wrong pair is answered with those it has.",
                            ),
                        ],
                        file=[
                            io.Combo.Input(
                                "checkpoint",
                                options=_list_checkpoints(),
                                tooltip="A .safetensors, .pt, .pth or .bin file in models/open_clip. Only tensors "
                                "are read from it; files with code in them are refused.",
                            ),
                            io.Combo.Input(
                                "architecture",
                                options=[_AUTO, *core.list_open_clip_architectures()],
                                tooltip="auto: told by the shapes in the file. OpenAI's own weights look like "
                                "others and need their quickgelu architecture named.",
                            ),
                        ],
                    ),
                    tooltip="Where the model comes from. starter needs no download and is the place to begin.",
                ),
                precision_input(),
            ],
            outputs=[
                Clip.Output("clip", tooltip="For Text Objective and Image Objective (to make images) and Similarity.")
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, source: dict[str, Any] | None = None, **_: Any) -> Any:
        """Return a number that changes with the chosen file, so that ComfyUI loads a changed file again."""
        return read_checkpoint_time(bridge.CLIPS, source)

    @classmethod
    @bridge.enable_autograd
    def execute(cls, precision: str, source: dict[str, Any] | None = None) -> io.NodeOutput:
        kind, settings = read_choice("source", source, _SOURCES)
        clip = _load(kind, settings)
        return io.NodeOutput(bridge.manage_clip(clip.with_precision(PRECISIONS[precision])))


def _load(kind: str, settings: dict[str, Any]) -> CLIP:
    """Return the CLIP of a source, not yet registered with the memory manager.

    Args:
        kind: one of `_SOURCES`.
        settings: the values of the inputs that the source brings.
    """
    folder = bridge.find_model_folder(bridge.CLIPS)
    if kind == "open_clip":
        bar = bridge.Progress(1)
        return core.load_open_clip(settings["architecture"], settings["pretrained"], folder, bar.update)
    if kind == "file":
        architecture = None if settings["architecture"] == _AUTO else settings["architecture"]
        return core.load_clip_file(bridge.find_model_file(bridge.CLIPS, settings["checkpoint"]), architecture, folder)
    if kind == "starters":
        return CLIPEnsemble.from_members([load_starter_clip(starter, folder) for starter in STARTERS])
    return load_starter_clip(STARTER if kind == "starter" else SECOND_OPINION, folder)


def _list_checkpoints() -> list[str]:
    """Return the checkpoints in models/open_clip, without the files that the starter CLIPs keep there."""
    return [name for name in bridge.list_model_files(bridge.CLIPS) if not name.startswith(KEPT)]
