"""The node Preference Objective."""

from typing import Any

from comfy_api.latest import io

from ...das_core.models.clip import CLIP
from ...das_core.models.sources import gallery
from ...das_core.models.sources.preferences import load_preference
from ...das_core.objectives.preference import preference
from .. import bridge
from ..models.checkpoint import (
    RECOMMENDED,
    checkpoint_input,
    find_checkpoint,
    find_entry,
    gallery_input,
    read_checkpoint_time,
)
from ..node import Node
from ..schema import Clip, Objective, make_options, read_choice, schema, tip, weight_input

_SOURCES = (RECOMMENDED, "file")


class PreferenceObjective(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_PreferenceObjective",
            display_name="Preference Objective",
            category="Direct Ascent/objectives",
            description="Ask for what people rate highly, as a small network predicts it from the embedding of a CLIP. "
            "Connect the CLIP that it was trained on. Beside an objective that says what to show, a weight of 0.2 to "
            "0.5 makes it prettier; alone it makes patterns that please. It also guides diffusion, and scores "
            "images in Objective Score.",
            aliases="aesthetic, laion, rating, hps, pickscore",
            inputs=[
                Clip.Input("clip", tooltip="The CLIP whose embeddings were rated: for LAION's, ViT-L-14/openai."),
                tip(
                    io.DynamicCombo.Input(
                        "source",
                        options=make_options(
                            _SOURCES,
                            recommended=[gallery_input(bridge.PREFERENCES)],
                            file=[checkpoint_input(bridge.PREFERENCES)],
                        ),
                    ),
                    "Where the ratings come from. PickScore and HPSv2 are CLIPs by themselves: load them with Load "
                    "CLIP Judge, and ask with Text Objective.",
                ),
                weight_input(),
            ],
            outputs=[Objective.Output("objective", tooltip="For an objective input of Direct Ascent Optimize.")],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def fingerprint_inputs(cls, source: dict[str, Any] | None = None, **_: Any) -> Any:
        """Return a number that changes with the chosen file, so that ComfyUI reads a changed file again."""
        return read_checkpoint_time(bridge.PREFERENCES, source)

    @classmethod
    def execute(cls, clip: CLIP, weight: float, source: dict[str, Any] | None = None) -> io.NodeOutput:
        kind, settings = read_choice("source", source, _SOURCES)
        if kind == RECOMMENDED:
            entry = find_entry(bridge.PREFERENCES, settings.get("judge"))
            with bridge.Wait(f"loading {entry.name}", f"downloading {entry.title}") as wait:
                path = gallery.fetch(entry, bridge.find_model_folder(bridge.PREFERENCES), wait.report)
                head = load_preference(path, entry.clip)
        else:
            path = find_checkpoint(bridge.PREFERENCES, settings.get("checkpoint"))
            with bridge.Wait(f"loading {path.name}"):
                head = load_preference(path)
        objective = weight * preference(head).on(clip)
        if warning := head.describe_other(clip):
            bridge.warn_on_node(warning, cls.hidden.unique_id)
        return io.NodeOutput(objective)
