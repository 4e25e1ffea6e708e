"""What photographs do to units, by a loop over all of them; words by CLIP-Dissect; and folders without photographs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import direct_ascent as da
import tinyclip
from cases import each_case
from das_core.atlas import photographs as module
from das_core.atlas.photographs import Seen, dissect, read_photographs, see_photographs, weigh_words
from das_core.atlas.units import find_units, watch
from das_core.models.clip import CLIP
from das_core.models.ensemble import CLIPEnsemble
from das_core.report import description
from toys import classifier, draw

TOY, PHOTOS = classifier(), (draw(21, 3, 32, 32).sigmoid() * 255).byte()


def test_means_best_crops_and_positions_are_those_of_a_loop() -> None:
    wide = da.wrap(
        nn.Sequential(nn.Conv2d(3, 4, 63, stride=8, padding=31), nn.ReLU()), size=32, mean=(0,) * 3, std=(1,) * 3
    )
    for judge, name in ((TOY, "3"), (TOY, "classes"), (wide, "0")):
        (units,) = find_units(judge, name)
        (seen,) = see_photographs(judge, [units], PHOTOS).values()
        active = np.stack([units.read(watch(judge, [units])(one[None].float() / 255))[0].numpy() for one in PHOTOS])
        score = active.mean(axis=2) if judge is wide else active.max(axis=2)  # A position sees all that `wide` sees.
        np.testing.assert_allclose(seen.means, active.mean(axis=2), atol=1e-5)
        for unit in range(units.count):
            best = sorted(((score[photo, unit], photo) for photo in range(21)), reverse=True)[:9]
            np.testing.assert_allclose(seen.values[unit], [value for value, _ in best], atol=1e-5)
            assert seen.places[unit].tolist() == [[photo, int(active[photo, unit].argmax())] for _, photo in best]
        assert seen.rank(3, float(np.sort(active.mean(axis=2)[:, 3])[7]) + 1e-5) == pytest.approx(8 / 21)
        assert seen.move(3)
    assert not Seen(torch.full((4, 1), 0.1), torch.zeros(1, 4), torch.zeros(1, 4, 2)).move(0)


@each_case("clip", tinyclip.clip(), CLIPEnsemble.from_members([tinyclip.clip(), tinyclip.clip(seed=1)]))
def test_words_are_those_of_clip_dissect(clip: CLIP, monkeypatch: pytest.MonkeyPatch) -> None:
    """The soft WPMI of Oikarinen and Weng (2023), section 3.2, in a loop; the cosines are means over an ensemble."""
    means, words = draw(21, 4, seed=1), [draw(6, 24, seed=seed) for seed in range(len(clip.members))]
    words = [torch.nn.functional.normalize(embedded, dim=1) for embedded in words]
    monkeypatch.setattr(module, "embed_words", lambda _: words)
    monkeypatch.setattr(description, "list_words", lambda: "abcdef")
    seen = [member.encode_images(PHOTOS.float() / 255).double().numpy() for member in clip.members]
    cosines = [images @ embedded.double().numpy().T for images, embedded in zip(seen, words, strict=True)]
    likely = np.exp(10 * np.mean(cosines, axis=0))
    likely, logs = likely / likely.sum(axis=1, keepdims=True), np.zeros((4, 6))
    for unit in range(4):
        for place, photo in enumerate(sorted(range(21), key=lambda photo: -float(means[photo, unit]))):
            sure = 0.998 + (0.97 - 0.998) * place / 20
            logs[unit] += np.log(1 - sure + sure * likely[photo])
    fit = logs - np.log(np.exp(logs).mean(axis=0))
    for unit, listed in enumerate(dissect(weigh_words(clip, PHOTOS), means, 3)):
        best = np.argsort(-fit[unit])[:3]
        assert [word for word, _ in listed] == ["abcdef"[word] for word in best]
        np.testing.assert_allclose([value for _, value in listed], fit[unit][best], rtol=1e-3, atol=1e-4)


def test_a_folder_without_photographs_is_refused_and_one_is_enough(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 of 0 photographs show something"):
        read_photographs(tmp_path, 32)
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8 no more")
    Image.new("RGB", (40, 40), "red").save(tmp_path / "flat.png")
    with pytest.raises(ValueError, match="0 of 2 photographs show something"):
        read_photographs(tmp_path, 32)
    Image.linear_gradient("L").save(tmp_path / "grey.png")
    (seen,) = see_photographs(TOY, find_units(TOY, "1"), read_photographs(tmp_path, 32)).values()
    assert seen.values.shape == (16, 1)
