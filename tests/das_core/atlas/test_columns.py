"""What the page tells of units beside their pictures, and folders that a stranger has made."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import direct_ascent as da
from das_core.atlas.collection import Entry
from das_core.atlas.columns import Shown, find_effects, tell_made
from das_core.atlas.items import Columns, Made, MadePicture, list_items
from das_core.atlas.listing import find_alike
from das_core.atlas.photographs import Seen
from das_core.atlas.units import find_units
from das_core.models.labels import number_labels
from das_core.runs.cells import RunsError
from small_atlas import TOY, make_atlas
from toys import draw


def test_units_are_alike_by_the_cosine_of_what_is_known_of_them() -> None:
    numbers, active, seen = [0, 2, 3, 5, 6, 7], draw(6, 8).numpy(), Seen(draw(30, 8, seed=1), draw(8), draw(8))
    both = [(rows - rows.mean(axis=0)) / rows.std(axis=0) for rows in (active, seen.means.T[numbers].numpy())]
    known = np.concatenate([rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in both], axis=1)
    found = find_alike(numbers, dict(zip(numbers, active, strict=True)), seen)
    for place, number in enumerate(numbers):
        order = np.argsort(-known @ known[place])
        assert found[number] == [numbers[other] for other in order if other != place][:4]


def test_effects_are_weights_where_nothing_mixes_channels_before_the_last_layer() -> None:
    parts = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
    module = nn.Sequential(*parts, nn.Flatten(), head := nn.Linear(8, 5)).eval()
    model = da.Classifier("toy", module, 32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), labels=number_labels(5))
    effects = {units.name: find_effects(model, units) for units in find_units(model, "*")}
    assert [name for name, found in effects.items() if found is None] == ["0", "1", "7", "classes"]
    assert all(torch.equal(found, head.weight) for found in effects.values() if found is not None)


def test_what_else_is_said_of_units_is_one_function() -> None:
    def tell_parity(shown: Shown) -> Columns:
        odd = {number: bool(number % 2) for number in shown.numbers}
        return {"odd": odd, "like": {number: (Entry("another"),) for number in odd}, "title": {1: "the one"}}

    (units,) = find_units(TOY, "1")
    picture = MadePicture(kind="more", file="a.webp", activation=0.5)
    made = {number: Made(unit=number, dead=number == 2, pictures=(picture,) * (number != 2)) for number in (3, 1, 2)}
    told = Shown(TOY, units, made, [3, 1], Path()).tell(tell_made, tell_parity)
    items = list_items(told, ("odd", "activation"), 5)
    assert [(item.id, item.title, item.group) for item in items] == [
        ("1:3", "3", 5),
        ("1:1", "the one", 5),
        ("1:2", "2", 5),
    ]
    assert [item.values for item in items] == [(True, 0.5), (True, 0.5), (None, None)]
    assert [len(item.pictures) for item in items] == [1, 1, 0]
    assert [item.lists for item in items] == [(("like", (Entry("another"),)),)] * 2 + [()]
    assert [item.message[:4] for item in items] == ["", "", "dead"]


class Bomb:
    def __reduce__(self) -> Any:
        return pytest.fail, ("code of the file is run",)


ARRAYS: list[Any] = [np.zeros((4, 16), np.float32), np.zeros((4, 3), np.float32), np.array("a"), np.array([Bomb()])]
PICTURES: list[dict[str, Any]] = [
    {"file": "../../x.png"}, {"file": "/etc/x.webp"}, {"file": "a\n.webp"}, {"file": "a.svg"}, {"file": 5},
    {"file": "https://a.b/c.webp"}, {"kind": []}, {"activation": "x"}, {"activation": []},
]  # fmt: skip
UNITS: list[Any] = [
    {"unit": "0"}, {"unit": [0]}, {"unit": True}, {"unit": 1.5}, {"unit": -1}, {"unit": 10**40}, {"unit": 99},
    {"pictures": 5}, {"pictures": [5]}, {"message": []},
    *({"pictures": [{"kind": "more", "file": "0_more_0.webp", "activation": 1} | bad]} for bad in PICTURES),
]  # fmt: skip
TEXTS = ["[" * 100_000, "1", "{}", "[1]", "[{}]", None, 5, *(json.dumps([{"unit": 0} | one]) for one in UNITS)]


def test_a_folder_of_a_stranger_runs_no_code_and_shows_nothing_from_elsewhere(tmp_path: Path) -> None:
    whole = make_atlas(tmp_path)
    (path,) = tmp_path.glob("cells/*/*/row.json")
    row, titles = json.loads(path.read_text()), {title for item in whole.values() for title, _ in item.pop("lists")}
    assert titles == {"alike"}
    files = [io.BytesIO() for _ in ARRAYS]
    for file, array in zip(files, ARRAYS, strict=True):
        np.save(file, array, allow_pickle=True)
    (good, *bad), size = [file.getvalue() for file in files], b"(4, 16), }       "
    for content in [*bad, b"", b"\x80\x04N.", good[:-5], b" " + good[1:], good.replace(size, b"(99999999999,16)}")]:
        (path.parent / "activations.npy").write_bytes(content)
        assert make_atlas(tmp_path) == whole, content[:80]
    failed = [{"status": "failed", "numbers": numbers} for numbers in ("[[1]]", "[-1]", "5", "[true]", None)]
    strange = {"layer": "<img src=x onerror=alert(1)>", "count": "many"}
    for change in [*({"units": text} for text in TEXTS), *failed, strange]:
        path.write_text(json.dumps(row | change))
        assert make_atlas(tmp_path) == {}, str(change)[:80]
        assert not any("<img src=x" in page.read_text() for page in [*tmp_path.glob("*.html"), *tmp_path.glob("*.js*")])
    # Cells that lie elsewhere, and a page that would be written there.
    for name in (f"cells/{path.parts[-3]}", "index.html"):
        spoiled, elsewhere = tmp_path / name, tmp_path.with_name("elsewhere")
        spoiled.rename(elsewhere)
        spoiled.symlink_to(elsewhere)
        with pytest.raises(RunsError, match="is a link, a pipe or a device"):
            make_atlas(tmp_path, seed=1)
        spoiled.unlink()
        elsewhere.rename(spoiled)
    path.write_text("{}")  # No result: it is made again.
    assert make_atlas(tmp_path).keys() == whole.keys()
