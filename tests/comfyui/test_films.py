"""Films in the real ComfyUI: keyframes, more frames than climbed, a video that plays, and one that goes on."""

import io
from typing import Any

import av
import pytest

from harness.client import Client, PromptFailedError

FRAMES, SHOWN = 4, 10


def film(**keyframes: str) -> dict[str, Any]:
    """A film of a few frames and steps, shown as more frames, as a video and as a file."""
    asked = {"model": ["1", 0], "keyframes": "0: castle / 2: volcano", "curve": "linear", "weight": 1.0} | keyframes
    stack = {"width": 64, "height": 64, "batch_size": 1, "start": "gray", "seed": 0, "details": "default"}
    few = {"views": 4, "zoom_min": 0.3, "flip": 0.5, "details": "default"}
    climbed = {"stack": ["4", 0], "objectives.objective0": ["2", 0], "augmentation": ["5", 0]}
    return {
        "1": {"class_type": "DAS_LoadClassifier", "inputs": {"source": "starter", "precision": "auto"}},
        "2": {"class_type": "DAS_Keyframes", "inputs": asked},
        "3": {"class_type": "DAS_ImageStack", "inputs": stack},
        "4": {"class_type": "DAS_FilmStack", "inputs": {"stack": ["3", 0], "frames": FRAMES, "loop": True}},
        "5": {"class_type": "DAS_Augmentation", "inputs": few},
        "6": {"class_type": "DAS_Optimize", "inputs": {**climbed, "seed": 0, "recipe": "sketch"}},
        "7": {"class_type": "DAS_StackToImage", "inputs": {"stack": ["6", 1], "frames": SHOWN}},
        "8": {"class_type": "CreateVideo", "inputs": {"images": ["7", 0], "fps": 12.0}},
        "9": {
            "class_type": "SaveVideo",
            "inputs": {"video": ["8", 0], "filename_prefix": "film", "format": "auto", "codec": "auto"},
        },
        "10": {"class_type": "PreviewImage", "inputs": {"images": ["6", 0]}},
    }


def test_a_film_becomes_a_video(comfyui: Client) -> None:
    history = comfyui.run(film())
    frames = comfyui.get_images(history, "10")
    assert [frame.size for frame in frames] == [(64, 64)] * FRAMES
    assert len({frame.tobytes() for frame in frames}) == FRAMES
    (saved,) = history["outputs"]["9"]["images"]
    content = comfyui.get_file(saved)
    with av.open(io.BytesIO(content), "r") as video:
        (stream,) = video.streams.video
        assert (stream.width, stream.height) == (64, 64)
        assert stream.average_rate == 12
        assert len(list(video.decode(stream))) == SHOWN


def test_a_keyframe_beyond_the_end_is_named_by_the_node_that_knows(comfyui: Client) -> None:
    with pytest.raises(PromptFailedError, match=r"keyframe 9 of .* is beyond the end of 4 frames"):
        comfyui.run(film(keyframes="0: castle / 9: volcano"))
