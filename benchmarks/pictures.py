"""The pictures of the benchmarks of quality, kept in build/pictures, so that a stopped benchmark can continue.

    python -m benchmarks.pictures {classes,text} RECIPE [--seeds 0 1] [--part 1/2]

makes them before a benchmark runs; several processes can each make a part. The files are named by the class or prompt;
`benchmarks.blind` shows them, too. Delete the folder after a change of das_core.
"""

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import to_pil_image, to_tensor
from tqdm import tqdm

from benchmarks import recipes
from benchmarks.recipes import Ask, Recipe

FOLDER = Path(__file__).parent.parent / "build" / "pictures"


def find_file(recipe: Recipe, asked: str, seed: int) -> Path:
    """Return the file of a picture."""
    name = re.sub(r"\W+", "_", asked.partition(":")[0].lower()).strip("_")
    return FOLDER / recipe.key / str(seed) / f"{name}.png"


def make_pictures(recipe: Recipe, ask: Ask, wishes: Sequence[str], seed: int) -> tuple[Tensor, list[float]]:
    """Make the pictures that are not there yet, and return all of them.

    Args:
        recipe: how they are made.
        ask: what makes an objective of a wish.
        wishes: what is asked for, one picture each.
        seed: the seed of the ascents.

    Returns:
        The pictures (N, 3, H, W), 0..1, with the 8 bits of a file, and the seconds that each took when it was made.
    """
    images, seconds = [], []
    for wish in tqdm(wishes, desc=f"{recipe.name}, seed {seed}", unit="image"):
        path = find_file(recipe, wish, seed)
        notes = path.with_suffix(".json")
        if not notes.is_file():
            image, taken = recipe.climb([ask(recipe, wish)], seed)
            path.parent.mkdir(parents=True, exist_ok=True)
            to_pil_image(image[0]).save(path)
            # Last: the picture counts as made when its notes are there.
            notes.write_text(json.dumps({"wish": wish, "seconds": taken, "threads": torch.get_num_threads()}))
        images.append(to_tensor(Image.open(path).convert("RGB")))
        seconds.append(float(json.loads(notes.read_text())["seconds"]))
    return torch.stack(images), seconds


def main() -> None:
    """Make the pictures of one recipe."""
    from benchmarks import classes, text  # Imported here, because they import this module.

    parser = argparse.ArgumentParser(prog="benchmarks.pictures", description=__doc__)
    parser.add_argument("kind", choices=["classes", "text"])
    known = [name for name, value in vars(recipes).items() if isinstance(value, Recipe)]
    parser.add_argument("recipe", type=str.upper, choices=known)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--part", default="1/1", help="which part of the wishes, such as 1/2")
    options = parser.parse_args()
    number, count = map(int, options.part.split("/"))
    wishes, ask = (classes.WISHES, Recipe.ask_class) if options.kind == "classes" else (text.PROMPTS, Recipe.ask_text)
    for seed in options.seeds:
        make_pictures(getattr(recipes, options.recipe), ask, wishes[number - 1 :: count], seed)


if __name__ == "__main__":
    main()
