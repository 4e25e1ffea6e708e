"""The command `direct-ascent`: `direct-ascent render MODEL WISH -o x.png`, `direct-ascent atlas MODEL` and
`direct-ascent teach MODEL PHOTOGRAPHS -o x.safetensors`."""

import argparse
import importlib
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm.auto import tqdm

import direct_ascent as da
from das_core.common.files import check_writable, find_cache_folder
from das_core.common.text import shorten
from das_core.facade.wrap import find_judge
from das_core.models.judge import Judge
from das_core.runs.cells import RunsStoppedError, Workers
from das_core.teaching.crops import read_lessons
from das_core.teaching.teaching import Progress

_MODELS = (
    "starters (two that were taught), one as it was published (lite0, lite1, lite2, clip), torchvision/NAME (or NAME), "
    "timm/NAME or hf-hub:OWNER/NAME, which are downloaded, the path of a checkpoint, or MODULE:FUNCTION of one's own "
    "that returns a model"
)


def open_model(name: str) -> Judge:
    """Return the judge that a name means: see `_MODELS`. A ValueError says what is wrong with it."""
    from das_core.models.sources.files import HUB
    from das_core.models.sources.torchvision_models import list_torchvision_architectures

    if re.fullmatch("lite[012]", name):
        return da.load_starter(f"EfficientNet-L{name[1:]}")
    if name == "starters":
        return da.load_starters()
    if name == "clip":
        return da.load_starter_clip()
    if name.startswith(HUB) or os.path.isfile(name):  # Unlike `Path.is_file`, it takes any text.
        return da.load(name)
    library, _, rest = name.partition("/")
    if library == "timm" and rest:
        return da.load_timm(rest, find_cache_folder())
    if (library == "torchvision" and rest) or name in list_torchvision_architectures():
        return da.load_torchvision(rest or name, find_cache_folder())
    module, _, function = name.partition(":")
    if function.isidentifier() and all(part.isidentifier() for part in module.split(".")):
        # As with `python -m`. An absolute path, which stays: workers, too, import what the model is made of.
        if (here := os.getcwd()) not in sys.path:
            sys.path.insert(0, here)
        make = getattr(importlib.import_module(module), function, None)
        if not callable(make):
            raise ValueError(f"{module} has no function '{shorten(function)}'; write MODULE:FUNCTION of one that has")
        return find_judge(make(), None)
    raise ValueError(f"there is no model '{shorten(name)}'; give {_MODELS}")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="direct-ascent", description="Pictures by models that only judge pictures.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {da.__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    render = commands.add_parser("render", help="make a picture: direct-ascent render lite0 jellyfish -o x.png")
    render.add_argument("model", help=_MODELS)
    render.add_argument("objective", help="a class, 'layer:channel', or a prompt for a CLIP")
    render.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the picture to write")
    render.add_argument("--size", type=int, default=448, metavar="PIXELS", help="its side (default: 448)")
    render.add_argument("--recipe", default="picture", help="picture, sketch, best or feature")
    atlas = commands.add_parser("atlas", help="a page with pictures of every unit: direct-ascent atlas lite0 blocks.5")
    atlas.add_argument("model", help=_MODELS)
    atlas.add_argument("layers", nargs="*", help="names or patterns, such as 'layer4*' (default: all that have units)")
    atlas.add_argument("--units", metavar="N", help="how many of each layer, or which: '0-15, 40-' (default: all)")
    atlas.add_argument("-o", "--output", type=Path, default=Path("atlas"), metavar="FOLDER", help="default: atlas")
    atlas.add_argument("--pictures", nargs="+", metavar="KIND", help="of more, less, diverse and raw")
    atlas.add_argument("--photos", metavar="FOLDER", help="photographs: which of them excite a unit most")
    atlas.add_argument("--words", metavar="CLIP", help="a CLIP that names units by words for the photographs")
    atlas.add_argument("--steps", type=int, metavar="N", help="steps of an ascent (default: those of the recipes)")
    atlas.add_argument("--dry-run", action="store_true", help="only say what will be made, and how long it takes")
    atlas.add_argument("--resume", action="store_true", help="go on; it is always so: what is there is not made again")
    atlas.add_argument("--retry", action="store_true", help="make again what has failed")
    atlas.add_argument("--workers", type=int, metavar="N", help="processes of this machine, on Ray (default: this one)")
    atlas.add_argument("--address", help="a Ray cluster: HOST:PORT of its head, or auto")
    teach = commands.add_parser("teach", help="to see through noise: direct-ascent teach lite0 photos -o x.safetensors")
    teach.add_argument("model", help=_MODELS)
    teach.add_argument("photographs", help="a folder of them: at least 8, better a thousand of many things")
    teach.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="for load_taught; .safetensors")
    teach.add_argument("--minutes", type=float, default=30.0, metavar="N", help="how long it learns (default: 30)")
    teach.add_argument("--crops", type=int, metavar="N", help="how many crops it sees, in place of minutes")
    teach.add_argument("--rank", type=int, default=32, metavar="N", help="of what changes, 8 to 64 (default: 32)")
    for command in (render, atlas, teach):
        command.add_argument("--seed", type=int, default=0, metavar="N", help="of all random draws (default: 0)")
        command.add_argument("--device", help="such as cuda (default: the CPU)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0; 2 for what is wrong with it; 3 when cells of an atlas failed; 4
    when it cannot go on; 130 when it is interrupted."""
    given = make_parser().parse_args(arguments)
    try:
        return {"render": _render, "atlas": _atlas, "teach": _teach}[given.command](given)
    except KeyboardInterrupt:
        print("\ndirect-ascent: interrupted; what is there is kept, and the same command goes on", file=sys.stderr)
        return 130
    except RunsStoppedError as error:
        print(f"direct-ascent: stopped: {error}; the same command goes on from there", file=sys.stderr)
        return 4
    except (ValueError, OSError, ImportError) as error:
        print(f"direct-ascent: {error}", file=sys.stderr)
        return 2


def _render(given: argparse.Namespace) -> int:
    check_writable(given.output)
    options = {"size": given.size, "recipe": given.recipe, "seed": given.seed, "device": given.device}
    print(*da.render(open_model(given.model), given.objective, **options).save(given.output), sep="\n")
    return 0


def _teach(given: argparse.Namespace) -> int:
    check_writable(given.output)
    judge = find_judge(open_model(given.model), given.device)
    lessons = read_lessons(given.photographs, judge.size)
    with tqdm(total=1000, bar_format="{l_bar}{bar}| {postfix} {elapsed}") as bar:

        def watch(progress: Progress) -> None:
            bar.set_postfix_str(
                f"{progress.crops:,} crops, loss {progress.loss:.2f}, {progress.seconds_left / 60:.0f} min left"
            )
            bar.update(round(1000 * progress.done) - bar.n)

        taught = da.teach(
            judge,
            lessons,
            crops=given.crops,
            minutes=given.minutes,
            rank=given.rank,
            seed=given.seed,
            path=given.output,
            watch=watch,
        )
    print("answers under noise as before without:", file=sys.stderr)
    before, after = (da.measure_agreement(judge, one, lessons) for one in (judge, taught))
    for strength, share in after.items():
        print(f"  noise {strength:g}: {before[strength]:.0%} before, {share:.0%} now", file=sys.stderr)
    print(given.output)
    return 0


def _atlas(given: argparse.Namespace) -> int:
    from das_core.atlas.atlas import USUAL, make_atlas, plan_atlas  # They need the extra `atlas`.

    if given.workers is not None and given.workers < 1:
        raise ValueError(f"--workers {given.workers} is too few; give how many, from 1, or leave it out for this one")
    units = int(given.units) if given.units and given.units.isdecimal() else given.units
    plan = plan_atlas(
        open_model(given.model),
        given.layers or None,
        units,
        pictures=given.pictures or USUAL,
        seed=given.seed,
        steps=given.steps,
        device=given.device,
    )
    print(plan.describe(), file=sys.stdout if given.dry_run else sys.stderr)
    if given.dry_run:
        return 0
    clip = open_model(given.words) if given.words else None
    spread = given.workers is not None or given.address is not None
    workers = Workers(given.address, given.workers or 0) if spread else None
    page, failed = make_atlas(plan, given.output, given.photos, clip, workers, given.retry)
    print(page)
    if failed:
        print(
            f"direct-ascent: {failed:,} of {len(plan.cells):,} cells failed; --retry makes them again", file=sys.stderr
        )
    return 3 if failed else 0
