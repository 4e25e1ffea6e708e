"""ImageReward: a checkpoint in its published layout, rewards, an ascent, and files and calls that are refused."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

import das_core as da
import direct_ascent
from cases import each_case
from das_core import load_preference, preference_objective
from small_image_reward import ImageReward
from toys import SPEC, VIEWS, answer, classifier


def test_pictures_get_the_rewards_of_the_model_and_an_ascent_raises_them(tmp_path: Path) -> None:
    model, seen = ImageReward(), torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.save(model.publish(), tmp_path / "reward.pt")
    head = load_preference(tmp_path / "reward.pt")
    prompts = ("a castle in fog", "Café, naïve!\n123", "many words " * 30)
    rewards = [answer(preference_objective(None, head, text=prompt), seen) for prompt in prompts]
    for prompt, found in zip(prompts, rewards, strict=True):
        torch.testing.assert_close(found, model(seen, prompt), rtol=1e-5, atol=1e-5)
    assert torch.stack(rewards).std(dim=0).min() > 1e-3, "the text counts"
    objective = direct_ascent.preference(tmp_path / "reward.pt", "a castle\nin fog").resolve(classifier())
    result = da.Ascent(da.ImageStack.gray(SPEC), objective, augmentation=VIEWS, steps=8).run()
    first, *_, last = (record.scores["reward: a castle in fog"] for record in result.history)
    assert last > first + 0.01
    with pytest.raises(ValueError, match="reward rates how well a picture fits a text; write one, such as 'a castle"):
        preference_objective(None, head, text=" \n")


@each_case(
    ("gone", "added", "message"),
    ("blip.text_encoder.encoder.layer.1.crossattention", {}, r"layer.1.crossattention.* is missing, left over or"),
    ("blip.visual_encoder.blocks.0", {}, r"holds no whole ImageReward \(.*encoder.layers.0.*\); get it again"),
    ("mlp", {}, r"no preference head that is known \(it has layers of \[\] outputs\): .*or ImageReward"),
    ("-", {"blip.visual_encoder.norm.weight": torch.ones(2**20)}, "of another size"),
    ("-", {"blip.visual_encoder.head.bias": torch.ones(2)}, "visual_encoder.head.bias is missing, left over"),
    ("-", {"mlp.layers.0.weight": torch.ones(1024, 64)}, "its layers take 64 numbers, and its text tower"),
    ("-", {"blip.visual_encoder.norm.bias": torch.ones(128) / 0}, "values that are no numbers"),
)
def test_broken_files_are_refused(tmp_path: Path, gone: str, added: dict[str, Tensor], message: str) -> None:
    path, state = tmp_path / "reward.pt", ImageReward().publish()
    torch.save({name: value for name, value in state.items() if not name.startswith(gone)} | added, path)
    with pytest.raises(ValueError, match=message):
        load_preference(path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ValueError, match=r"'reward\.pt' .* get it again"):
        load_preference(path)
