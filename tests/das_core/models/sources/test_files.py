"""One function loads whatever judge a file holds."""

from pathlib import Path

import pytest
import torch

import tinyclip
from direct_ascent import CLIP, Classifier, load
from untrained import torchvision_model


def test_clips_and_classifiers_are_told_apart(tmp_path: Path) -> None:
    torch.save({"net": tinyclip.model().state_dict()}, tmp_path / "words.pt")
    torch.save(torchvision_model("squeezenet1_1").state_dict(), tmp_path / "classes.pth")
    with tinyclip.registered(tmp_path):
        for architecture in (None, "tiny"):
            assert isinstance(load(str(tmp_path / "words.pt"), architecture), CLIP)
    assert isinstance(load(tmp_path / "classes.pth"), Classifier)
    with pytest.raises(ValueError, match=r"no tensor of 'classes.pth' is called 'net.…'"):
        load(tmp_path / "classes.pth", "torchvision/squeezenet1_1", prefix="net.")
    with pytest.raises(ValueError, match=r"'words.pt' does not fit the architecture timm/resnet18"):
        load(tmp_path / "words.pt", "timm/resnet18")
