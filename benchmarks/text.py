"""Quality of pictures of prompts: whether a CLIP that took no part finds the prompt that a picture was made from.

The models of the ascents and the judge are starter CLIPs. Their image encoders are different classifiers. All starter
CLIPs share one table of words, so only the image encoder of the judge took no part. The prompts were written before
any image was made.
"""

from benchmarks.common import HERE, SEED, save_sheet
from benchmarks.pictures import make_pictures
from benchmarks.recipes import PICTURE, SKETCH, Recipe
from benchmarks.recognition import RULE, TEXT_HEADER, format_cells, summarise
from das_core.models.sources.starters import SECOND_OPINION, load_starter_clip
from das_core.report.recognition import judge_text

PROMPTS = (
    "a coral reef full of fish",
    "a castle on a hill at sunset",
    "a cup of coffee on a wooden table",
    "a red sports car on a mountain road",
    "a bowl of fresh fruit",
    "a dog running on the beach",
    "a snowy mountain above a lake",
    "a sailing boat on the open sea",
    "a butterfly on a purple flower",
    "a lighthouse on a rocky coast",
    "an owl in a dark forest",
    "a pile of old books in a library",
    "a steam train crossing a bridge",
    "a plate of spaghetti with tomato sauce",
    "a tiger walking through tall grass",
    "a church with a tall tower",
    "a field of yellow sunflowers",
    "a spider in the middle of its web",
    "a piano in a concert hall",
    "hot air balloons over a desert valley",
)
RECIPES = (PICTURE, SKETCH)


def report() -> str:
    """Run the benchmark, save its pictures beside RESULTS.md, and return its section for RESULTS.md."""
    judge = load_starter_clip(SECOND_OPINION)
    rows, found = [], {}
    for recipe in RECIPES:
        images, _ = make_pictures(recipe, Recipe.ask_text, PROMPTS, SEED)
        found[recipe.title] = judge_text(judge, images, PROMPTS)
        rows.append(f"| {recipe.title} | {recipe.describe()} {summarise(found[recipe.title])}")
        save_sheet(list(images), HERE / f"text_{recipe.name}.jpg")
    table = "\n".join(rows)
    each = "\n".join(
        f"| {text} | {' | '.join(format_cells(verdict) for verdict in verdicts)} |"
        for text, *verdicts in zip(PROMPTS, *found.values(), strict=True)
    )
    head = " | ".join(f"{title} | from afar | in grey | recognised" for title in found)
    sheets = "\n\n".join(f"![{recipe.title}](text_{recipe.name}.jpg)" for recipe in RECIPES)
    return f"""{len(PROMPTS)} prompts, seed {SEED}. First: the right prompt is nearer than all others.
Judge: {judge.name}, which never saw an ascent.

| settings | work {TEXT_HEADER}
|---|---{RULE}
{table}

The cosine of the right prompt, and its place where it is not the nearest:

| prompt | {head} |
{"|---" * (1 + 4 * len(found))}|
{each}

{sheets}
"""
