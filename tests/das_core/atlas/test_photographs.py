"""What photographs do to units, by a loop over all of them; words by CLIP-Dissect; and folders without photographs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import tinyclip
from das_core.atlas import photographs as module
from das_core.atlas.photographs import Seen, cut_crops, dissect, read_photographs, see_photographs
from das_core.atlas.units import find_units, watch
from toys import classifier, draw

TOY = classifier()
PHOTOS = (torch.rand(21, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 255).byte()


def test_means_best_crops_and_positions_are_those_of_a_loop() -> None:
    layers = find_units(TOY, ["3", "classes"])
    for units, seen in zip(layers, see_photographs(TOY, layers, PHOTOS).values(), strict=True):
        active = np.stack([units.read(watch(TOY, [units])(one[None].float() / 255))[0].numpy() for one in PHOTOS])
        np.testing.assert_allclose(seen.means, active.mean(axis=2), atol=1e-5)
        assert seen.values.shape == (units.count, 9)
        for unit in range(units.count):
            best = sorted(((max(active[photo, unit]), photo) for photo in range(21)), reverse=True)[:9]
            np.testing.assert_allclose(seen.values[unit], [value for value, _ in best], atol=1e-5)
            places = [[photo, int(active[photo, unit].argmax())] for _, photo in best]
            assert seen.places[unit].tolist() == places
        assert seen.rank(3, float(np.sort(active.mean(axis=2)[:, 3])[7]) + 1e-4) == pytest.approx(8 / 21)
        assert seen.move(3)
    assert not Seen(torch.full((4, 1), 0.1), torch.zeros(1, 4), torch.zeros(1, 4, 2)).move(0)


def test_a_crop_is_what_the_position_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    """A photograph whose pixels tell where they are: the middle of a crop is where the unit was most active."""
    (units,) = find_units(TOY, "3")  # 8 x 8 positions, each of which sees 13 pixels.
    monkeypatch.setattr(module, "_SIDE", 36)
    ramp = torch.arange(32).mul(8)
    where = torch.stack([ramp[:, None].expand(32, 32), ramp.expand(32, 32), torch.zeros(32, 32)]).byte()[None]
    for position, row, column in ((27, 14, 14), (0, 6.5, 6.5), (63, 25.5, 25.5), (7, 6.5, 25.5)):
        seen = Seen(torch.zeros(1, 32), torch.zeros(32, 1), torch.tensor([[[0, position]]]).expand(32, 1, 2))
        (sheet,) = cut_crops(TOY, units, seen, where, [5])
        assert sheet.shape == (1, 3, 36, 108)  # A row of three, two of them white.
        assert float(sheet[..., 36:].min()) == 1
        middle = sheet[0, :2, :, :36].mean(dim=(1, 2)) * 255 / 8
        assert middle.tolist() == pytest.approx([row, column], abs=1.1)


def test_words_are_those_of_clip_dissect(monkeypatch: pytest.MonkeyPatch) -> None:
    """The soft WPMI of Oikarinen and Weng (2023), section 3.2, in a loop."""
    clip, words = tinyclip.clip(), torch.nn.functional.normalize(draw(6, 24), dim=1)
    monkeypatch.setattr(module, "embed_words", lambda _: (words,))
    monkeypatch.setattr(module, "list_words", lambda: tuple("abcdef"))
    means = draw(21, 4, seed=1)
    images = clip.encode_images(PHOTOS.float() / 255).double().numpy()
    likely = np.exp(10 * images @ words.double().numpy().T)
    likely /= likely.sum(axis=1, keepdims=True)  # of every word, for every photograph
    logs = np.zeros((4, 6))
    for unit in range(4):
        order = sorted(range(21), key=lambda photo: -float(means[photo, unit]))
        for place, photo in enumerate(order):
            sure = 0.998 + (0.97 - 0.998) * place / 20
            logs[unit] += np.log(1 - sure + sure * likely[photo])
    fit = logs - np.log(np.exp(logs).mean(axis=0))
    found = dissect(clip, Seen(means, torch.zeros(4, 1), torch.zeros(4, 1, 2)), PHOTOS, 3)
    for unit, listed in enumerate(found):
        best = np.argsort(-fit[unit])[:3]
        assert [word for word, _ in listed] == ["abcdef"[word] for word in best]
        np.testing.assert_allclose([value for _, value in listed], fit[unit][best], rtol=1e-3, atol=1e-4)


def test_a_folder_without_photographs_is_refused_and_one_is_enough(tmp_path: Path) -> None:
    def refuse(photographs: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            read_photographs(photographs, 32)

    refuse(tmp_path / "gone", "there is no folder of photographs")
    refuse(tmp_path, "none of 0 photographs shows something; give others, or a folder of .jpg")
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8 no more")
    (tmp_path / "b.txt").write_text("text")
    Image.new("RGB", (40, 40), "red").save(tmp_path / "flat.png")
    (tmp_path / "deeper").mkdir()
    refuse(tmp_path, "none of 3 photographs shows something")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)).save(tmp_path / "grey.png")
    one = read_photographs(tmp_path, 32)
    assert (one.shape, one.dtype) == ((1, 3, 32, 32), torch.uint8)
    (seen,) = see_photographs(TOY, find_units(TOY, "1"), one).values()
    assert seen.values.shape == (16, 1)
