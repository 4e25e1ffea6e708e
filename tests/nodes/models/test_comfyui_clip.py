"""CLIP from ComfyUI, with stand-ins for ComfyUI's encoders; tests/comfyui has the real ones."""

import pytest
from torch import nn

from comfyui_encoders import WIDTH, make_text, make_vision
from loaded_pack import STEADY, Pack


def test_both_halves_leave_the_node_as_one_clip_under_which_words_climb(pack: Pack) -> None:
    other = make_vision()
    (clip,) = pack.run("DAS_CLIPFromComfyUI", clip=make_text(), clip_vision=other)
    assert (clip.name, clip.size, clip.width) == ("ComfyUI's CLIP", 16, WIDTH)
    assert clip.module.model is other.model
    (objective,) = pack.run("DAS_TextObjective", clip=clip, text="a cat")
    history = pack.optimize(objectives={"objective0": objective}, augmentation=pack.still(), steps=4, **STEADY)[3]
    assert history[-1].scores["a cat"] > history[0].scores["a cat"]


def test_a_half_that_is_no_clip_is_refused(pack: Pack) -> None:
    class LanguageModel(nn.Module):
        transformer = None

    with pytest.raises(ValueError, match=r"the text encoder is no CLIP .* load clip_g"):
        pack.run("DAS_CLIPFromComfyUI", clip=make_text(t5xxl=LanguageModel()), clip_vision=make_vision())
