"""A small workflow, and a blueprint that stands for its nodes, for tests of the blueprint maker."""

from typing import Any

from generators.blueprint_spec import Blueprint


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": class_type}}


PROMPT = {
    "1": node("LoadImage", image="mine.png"),
    "2": node("DAS_ImageStack", image=["1", 0], mask=["1", 1], width=64, height=32, size="given"),
    "3": node("DAS_ContentObjective", image=["1", 0], weight=2.0),
    "4": node("DAS_Optimize", stack=["2", 0], **{"objectives.objective0": ["3", 0]}, steps=9),
    "5": node("SaveImage", images=["4", 0], filename_prefix="x"),
    "6": node("DAS_Classify", image=["4", 0], top_k=5),
}
WIDGETS = {"steps": "DAS_Optimize.steps", "width": "DAS_ImageStack.width", "weight": "DAS_ContentObjective.weight"}
BLUEPRINT = Blueprint("Small", "small", WIDGETS, {}, "Makes something.")
