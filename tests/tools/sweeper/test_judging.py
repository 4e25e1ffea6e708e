"""The judge: the same answer as that of the quality benches, and never by a model that took part."""

from pathlib import Path
from typing import Any

import pytest
import skimage.data
from PIL import Image
from torchvision.transforms.functional import to_tensor

from cases import each_case
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from das_core.report.recognition import judge_class
from repository import REPOSITORY
from runner.core_nodes import register_core_nodes
from runner.node_classes import load_pack_without_models
from runner.workflow_graph import Node, Workflow, parse_workflow
from sweeper.errors import SweepError
from sweeper.judging import CellJudge, check_uninvolved, find_rated, read_wish


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


@each_case(
    ("name", "found"),
    [
        ("4", "4"),
        ("Result", "4"),
        ("PreviewAny", "6"),
        ("Reslt", "no output node 'Reslt' runs; nearest: Result"),
        ("Mix", "no output node 'Mix' runs; there are: 4, 5, 6, PreviewAny, Result, SaveImage"),
        ("SaveImage", "judge: image: 'SaveImage' could be any of the nodes 4, 5; give one id"),
    ],
)
def test_the_node_whose_picture_is_rated_has_to_be_an_output(tmp_path: Path, name: str, found: str) -> None:
    register_core_nodes(tmp_path)
    link = {"images": ["1", 0]}
    built = {
        "1": Node("1", "ImageBatch", "Mix", {}),
        "4": Node("4", "SaveImage", "Result", link),
        "5": Node("5", "SaveImage", "", link),
        "6": Node("6", "PreviewAny", "", {"source": ["1", 0]}),
    }
    if found in built:
        assert find_rated(built, name).id == found
        return
    with pytest.raises(SweepError) as caught:
        find_rated(built, name)
    assert found in str(caught.value)


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
