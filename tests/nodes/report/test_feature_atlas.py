"""Feature Atlas: pictures of units and what is told of them, dead units, photographs, Cancel, and what is refused."""

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn

from cases import each_case
from loaded_pack import Pack, Toy, Watched, assert_is_image, previews, refuse_all
from repository import REPOSITORY
from running_node import Running


class Wide(Toy):
    """A toy of 70 channels, of which 1 and 9 are dead."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.head = nn.Conv2d(3, 70, 5, stride=2), nn.Linear(70, 4)
        self.convolution.weight.data = torch.randn(70, 3, 5, 5, generator=torch.Generator().manual_seed(1)) / 4
        self.convolution.weight.data[[1, 9]] = 0


@pytest.fixture(autouse=True)
def few_steps(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    choose = (wanted := pack.module("das_core.atlas.pictures").Wanted).choose_recipe
    monkeypatch.setattr(wanted, "choose_recipe", lambda self, units, size, steps=None: choose(self, units, size, 3))


def show(pack: Pack, module: nn.Module | None = None, **inputs: Any) -> tuple[Any, ...]:
    return pack.run("DAS_FeatureAtlas", **({"model": pack.classifier(module or Toy()), "units": "0-3"} | inputs))


def read(table: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in table.splitlines()[3:]}


def test_it_shows_the_pictures_of_the_library_in_order_and_a_line_for_each(pack: Pack, starter: Any) -> None:
    images, table, crops = show(pack, units="5, 2-3", layer="convolution")
    assert_is_image(images, 3, 16, 16)
    assert_is_image(crops, 3, 216, 216)
    pictures, judge = pack.module("das_core.atlas.pictures"), pack.classifier(Toy())
    (units,) = pack.module("das_core.atlas.units").find_units(judge, "convolution")
    made = pictures.make_pictures(judge, units, pictures.PICTURES["more"], [5, 2, 3])
    assert torch.equal(images.movedim(-1, 1), made.images)
    assert list(read(table)) == ["5", "2", "3"]
    assert [float(cells[0]) for cells in read(table).values()] == pytest.approx(made.values[[0, 1, 2], [5, 2, 3]], 0.01)
    assert table == show(pack, units="5, 2-3")[1], "the only layer with positions, where none is named"
    assert show(pack, model=starter, units="0")[1].startswith("blocks.4 of EfficientNet-Lite0: 112 channels, 14 x 14\n")
    assert read(show(pack, layer="classes")[1])["2"][:2] == ["class", "2"]
    assert len(read(show(pack, model=pack.clip(Toy()))[1])) == 4


def test_many_units_are_made_in_parts_and_their_previews_show_all(pack: Pack, running: Running) -> None:
    with previews() as updates:
        images, _, _ = show(pack, Wide(), units="0-11")
    # ComfyUI leaves out updates without a preview that follow within a tenth of a second.
    assert {(done, total) for done, total, preview in updates if preview} == {(1, 6), (5, 6), (6, 6)}
    assert {total for _, total, _ in updates} == {6}
    assert updates[-1][2][1].size == (4 * 18 + 2, 3 * 18 + 2)
    assert running.server.texts[-1].startswith("6 steps in ")
    assert torch.equal(images[8:], show(pack, Wide(), units="8-11")[0])


@each_case(("pictures", "each"), ("more", 1), ("less", 1), ("diverse", 4), ("raw", 1))
def test_dead_units_are_grey_and_named_in_all_pictures(pack: Pack, pictures: str, each: int) -> None:
    images, table, _ = show(pack, Wide(), units="1, 4, 9", pictures=pictures)
    assert_is_image(images, 3 * each, 16, 16)
    assert [cells == ["dead"] for cells in read(table).values()] == [True, False, True]
    assert ((images - 0.5).abs().amax(dim=(1, 2, 3)) == 0).tolist() == [*[True] * each, *[False] * each, *[True] * each]
    assert (float(read(table)["4"][0]) < 0) is (pictures == "less")
    assert read(show(pack, Wide(), units="9", pictures=pictures)[1]) == {"9": ["dead"]}


def test_photographs_are_cut_and_pictures_compared_with_them(pack: Pack) -> None:
    with torch.inference_mode():
        given = torch.rand(12, 20, 24, 3, generator=torch.Generator().manual_seed(4))
        given[3] = 0.2
    before = given.clone()
    _, table, crops = show(pack, images=given)
    assert torch.equal(given, before)
    assert_is_image(crops, 4, 216, 216)
    assert (crops.std(dim=(1, 2, 3)) > 0.05).all()
    assert all(cells[1].endswith("%") for cells in read(table).values())
    assert_is_image(show(pack, images=before[:2])[2], 4, 72, 216)


def test_cancel_ends_it_at_once_and_says_so(pack: Pack, running: Running) -> None:
    import comfy.model_management as mm

    show(pack, all_calls := Watched())
    model = Watched(lambda call: mm.interrupt_current_processing() if call == all_calls.calls - 5 else None)
    with pytest.raises(mm.InterruptProcessingException):
        show(pack, model)
    assert model.calls == all_calls.calls - 5
    assert running.server.texts[-1].startswith("cancelled after ")


test_what_cannot_be_is_refused = refuse_all(
    {
        r"'convo' is not in toy; the nearest are convolution\. List Model Layers": lambda pack: show(
            pack, layer="convo"
        ),
        r"'\*' fits 3 layers; name one of them, such as": lambda pack: show(pack, layer="*"),
        "units '-1' is neither a number nor a range": lambda pack: show(pack, units="-1"),
        "65 units are too many for a run": lambda pack: show(pack, Wide(), units="0-64"),
        r"pictures '\[1\]' is unknown; choose one of more, less, diverse, raw": lambda pack: show(pack, pictures=[1]),
        "model is 'toy'; connect an output of the type DAS_CLASSIFIER": lambda pack: show(pack, model="toy"),
        "images is 'a.png', not an IMAGE": lambda pack: show(pack, images="a.png"),
        r"4 pictures at a time needs about .* are free: give fewer units": lambda pack: show(pack, units="4-7"),
    },
    free=2**14,
)


def test_it_needs_no_package_of_the_page_of_an_atlas() -> None:
    code = "import sys; sys.modules |= dict.fromkeys(('jinja2', 'pyarrow', 'pydantic', 'filelock', 'ray')); "
    code += "import das_core.atlas.listing, das_core.atlas.photographs, das_core.atlas.pictures"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)
