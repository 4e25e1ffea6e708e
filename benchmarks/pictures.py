"""Makes the pictures of the benchmarks of quality, and keeps them, so that a stopped benchmark can continue.

    python -m benchmarks.pictures {classes,text} RECIPE [--seeds 0 1] [--part 1/2]

This command makes the pictures before a benchmark runs; several processes can each make a part of them. The pictures
are in build/pictures. Every file has the class or prompt as its name, because `benchmarks.blind` reads the name. Delete
the folder after a change of das_core, because pictures that exist are not made again.
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
    """Return the path of the file of a picture; `asked` is its class or prompt."""
    # A class or prompt may have a weight, as in "jellyfish: 0.5"; the name has no weight.
    name = re.sub(r"\W+", "_", asked.partition(":")[0].lower()).strip("_")
    return FOLDER / recipe.key / str(seed) / f"{name}.png"


def make_pictures(recipe: Recipe, ask: Ask, wishes: Sequence[str], seed: int) -> tuple[Tensor, list[float]]:
    """Make the pictures whose files do not exist yet, and return all pictures."""
    images, seconds = [], []
    for wish in tqdm(wishes, desc=f"{recipe.name}, seed {seed}", unit="image"):
        path = find_file(recipe, wish, seed)
        notes = path.with_suffix(".json")
        if not notes.is_file():
            image, taken = recipe.climb([ask(recipe, wish)], seed)
            path.parent.mkdir(parents=True, exist_ok=True)
            to_pil_image(image[0]).save(path)
            # The notes are written last, because a picture counts as made if its notes exist.
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
    # Part 1/2 has every second wish from the first on, and part 2/2 the others.
    number, count = map(int, options.part.split("/"))
    wishes, ask = (classes.WISHES, Recipe.ask_class) if options.kind == "classes" else (text.PROMPTS, Recipe.ask_text)
    for seed in options.seeds:
        make_pictures(getattr(recipes, options.recipe), ask, wishes[number - 1 :: count], seed)


if __name__ == "__main__":
    main()
