"""The node Load Classifier."""

from typing import Any

from comfy_api.latest import io

from ...das_core.models.classifier import Classifier as CoreClassifier
from ...das_core.models.judge import check_judge
from ...das_core.models.photograph_check import describe_misreading
from ...das_core.models.sources import classifier_files, timm_models, torchvision_models
from ...das_core.models.sources.starters import SECOND_OPINION, load_starter, load_starters
from .. import bridge
from ..node import Node
from ..schema import (
    Classifier,
    make_options,
    precision_input,
    read_choice,
    read_precision,
    schema,
    sort_downloaded_first,
    tip,
)
from .checkpoint import (
    AUTO,
    RECOMMENDED,
    TIMM_FOLDER,
    checkpoint_input,
    find_checkpoint,
    gallery_input,
    load_recommended,
    read_checkpoint_time,
)
from .taught import NONE, apply_taught, read_taught_time, taught_input

_SOURCES = ("starters", "starter", "second_opinion", RECOMMENDED, "torchvision", "timm", "file")


class LoadClassifier(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_LoadClassifier",
            display_name="Load Classifier",
            category="Direct Ascent/models",
            description="Load an image classifier. Class Objective makes images that it is sure of; Direct Ascent "
            "Classify asks it what an image shows.\n\n"
            "• starters: EfficientNet-Lite0 and Lite1 as one, installed with this pack, no download. They share out "
            "the views. They were taught to see through noise, so that pictures show whole things.\n"
            "• starter: EfficientNet-Lite0 alone, for objectives that look into the layers of one model.\n"
            "• second_opinion: EfficientNet-Lite2, also installed. Use it in Direct Ascent Classify, to judge an "
            "image by a model that did not make it.\n"
            "• recommended: a few that are worth a try, such as robust networks, whose pictures have whole shapes.\n"
            "• torchvision, timm: some fifteen hundred models, downloaded when you pick one and run.\n"
            "• file: your own checkpoint from models/classifiers.",
            aliases="imagenet, timm, torchvision, resnet",
            advanced=["precision", "taught"],
            inputs=[
                io.DynamicCombo.Input(
                    "source",
                    options=make_options(
                        _SOURCES,
                        recommended=[gallery_input(bridge.CLASSIFIERS)],
                        torchvision=[
                            tip(
                                io.Combo.Input("architecture", options=_list_torchvision()),
                                "Small ones (mobilenet, efficientnet_b0) are quick; large ones (vit, convnext_large) "
                                "see more and take longer. Downloaded once, into models/classifiers; those already "
                                "there are listed first.",
                            )
                        ],
                        timm=[
                            tip(
                                io.Combo.Input("architecture", options=timm_models.list_timm_architectures()),
                                "Architecture and training set. The first four are quick and of different kinds: begin "
                                "there. The list is long: click it and type to search. Downloaded once, into "
                                "models/classifiers/timm.",
                            )
                        ],
                        file=[
                            checkpoint_input(bridge.CLASSIFIERS),
                            tip(
                                io.Combo.Input(
                                    "architecture", options=[AUTO, *classifier_files.list_file_architectures()]
                                ),
                                "auto: told by the names and shapes in the file, which takes some seconds for a rare "
                                "one. The common ones stand first. A wrong one is refused with the tensors that do not "
                                "fit.",
                            ),
                        ],
                    ),
                    tooltip="Where the model comes from. starters need no download and are the place to begin.",
                ),
                precision_input(),
                taught_input(),
            ],
            outputs=[
                Classifier.Output(
                    "classifier",
                    tooltip="For Class Objective, to make images; for Direct Ascent Classify, to name them.",
                )
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def fingerprint_inputs(cls, source: dict[str, Any] | None = None, taught: str = NONE, **_: Any) -> Any:
        """Return numbers that change with the chosen files, so that ComfyUI loads changed files again."""
        return read_checkpoint_time(bridge.CLASSIFIERS, source), read_taught_time(taught)

    @classmethod
    def execute(cls, precision: str, source: dict[str, Any] | None = None, taught: str = NONE) -> io.NodeOutput:
        dtype = read_precision(precision)
        kind, settings = read_choice("source", source, _SOURCES)
        classifier = apply_taught(_load(kind, settings), taught)
        if kind in ("file", RECOMMENDED) and (warning := describe_misreading(classifier)):
            bridge.warn_on_node(warning, cls.hidden.unique_id)
        return io.NodeOutput(bridge.manage_judge(classifier.with_precision(dtype)))


def _load(kind: str, settings: dict[str, Any]) -> CoreClassifier:
    """Return the classifier of a source, not yet registered with the memory manager."""
    if kind == "starter":
        return load_starter()
    if kind == "starters":
        return load_starters()
    if kind == "second_opinion":
        return load_starter(SECOND_OPINION)
    folder = bridge.find_model_folder(bridge.CLASSIFIERS)
    # A link may bring any value: das_core accepts only the names in its lists.
    architecture: Any = settings.get("architecture")
    if kind == "file":
        path = find_checkpoint(bridge.CLASSIFIERS, settings.get("checkpoint"))
        with bridge.Wait(f"loading {path.name}"):
            loaded = classifier_files.load_classifier_file(path, None if architecture == AUTO else architecture or "")
            return check_judge(loaded, CoreClassifier, "has no classes; choose a model that was trained on some")
    if kind == RECOMMENDED:
        return load_recommended(bridge.CLASSIFIERS, settings.get("judge"), CoreClassifier, "is no classifier")
    # Cut, because a text from a link may be long, and the name is shown on the node.
    name = str(architecture)[:60]
    with bridge.Wait(f"loading {name}", f"downloading {name}") as wait:
        if kind == "torchvision":
            return torchvision_models.load_torchvision(architecture, folder, wait.report)
        return timm_models.load_timm(architecture, folder / TIMM_FOLDER, wait.report)


def _list_torchvision() -> list[str]:
    """Return the architectures of torchvision, those already downloaded first."""
    downloaded = torchvision_models.list_downloaded_torchvision(bridge.find_model_folder(bridge.CLASSIFIERS))
    return sort_downloaded_first(torchvision_models.list_torchvision_architectures(), downloaded)
