"""The judge: the same answer as that of the quality benches, and never by a model that took part."""

from pathlib import Path
from typing import Any

import pytest
import skimage.data
from PIL import Image
from torchvision.transforms.functional import to_tensor

from benchmarks.recognition import judge_class
from cases import each_case
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from repository import REPOSITORY
from runner.core_nodes import register_core_nodes
from runner.node_classes import load_pack_without_models
from runner.workflow_graph import Node, Workflow, parse_workflow
from sweeper.errors import SweepError
from sweeper.judging import CellJudge, check_uninvolved, read_wish


def wish(text: Any) -> Workflow:
    return {"1": Node("1", "DAS_ClassObjective", "Class Objective", {"classes": text, "classifier": ["2", 0]})}


def test_it_answers_as_in_the_benches(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    Image.fromarray(skimage.data.cat()).save(path)
    judge = CellJudge("class", "1.classes")
    columns = judge.judge(path, wish("tabby"))
    (verdict,) = judge_class(load_starter(SECOND_OPINION), to_tensor(Image.open(path)).unsqueeze(0), [281])
    assert columns == {
        "judge": "EfficientNet-Lite2",
        "judge_as_is": verdict.as_is.score,
        "judge_afar": verdict.afar.score,
        "judge_grey": verdict.grey.score,
        "recognised": verdict.recognised,
    }
    assert judge.judge(path, wish("281, 282")) == {}, "a picture cannot be both"
    assert judge.judge(path, wish("volcano"))["recognised"] is False


@each_case(
    ("path", "message"),
    [
        ("1.classes", "judge: 1.classes holds no text"),
        ("1.clases", "judge: 1.clases holds no text"),
        ("9.classes", "judge: no node '9' in the workflow"),
    ],
)
def test_the_wish_has_to_be_there(path: str, message: str) -> None:
    with pytest.raises(SweepError) as caught:
        read_wish(wish(["3", 0]), path)
    assert message in str(caught.value)


def test_numbers_are_wishes_too() -> None:
    assert read_wish(wish(281), "Class Objective.classes") == "281"


def test_the_judge_may_not_have_helped(tmp_path: Path) -> None:
    load_pack_without_models(REPOSITORY)
    register_core_nodes(tmp_path)
    nodes: dict[str, Any] = {
        "1": {"class_type": "DAS_LoadClassifier", "inputs": {"source": "starter"}},
        "2": {"class_type": "DAS_ClassObjective", "inputs": {"classifier": ["1", 0]}},
        "3": {"class_type": "DAS_Optimize", "inputs": {"objectives.objective0": ["2", 0]}},
        "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0]}},
        "5": {"class_type": "DAS_LoadClassifier", "inputs": {"source": "second_opinion"}},
        "6": {"class_type": "DAS_Classify", "inputs": {"classifier": ["5", 0], "image": ["3", 0]}},
    }
    check_uninvolved(parse_workflow(nodes, "here"))
    nodes["1"]["inputs"]["source"] = "second_opinion"
    with pytest.raises(SweepError, match=r"node 1 \(DAS_LoadClassifier\) is the judge itself"):
        check_uninvolved(parse_workflow(nodes, "here"))
