"""Takes the pictures for the benchmark `classes` from a sweep, which can run on many cores or machines.

    python tools/sweep.py example_workflows/sweeps/quality_classes.yaml
    python -m benchmarks.swept output/sweeps/quality_classes
    python -m benchmarks.run classes

The workflow class_to_image has the settings of the recipe `PICTURE`, and the workflow sketch those of `SKETCH`. So the
pictures of a sweep are the same, bit for bit, as those that the benchmark would make (tests/benchmarks/test_swept.py).
"""

import argparse
import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.pictures import find_file
from benchmarks.recipes import PICTURE, SKETCH

RECIPES = {recipe.name: recipe for recipe in (PICTURE, SKETCH)}
# The names of the columns with the class and with the seed, in the table of a sweep
WISH, SEED = "DAS_ClassObjective.classes", "DAS_Optimize.seed"


def take_pictures(folder: Path) -> int:
    """Copy the pictures of a sweep into the folder in which benchmarks keep pictures, and return their number."""
    table = pq.ParquetFile(folder / "table.parquet").read()
    missing = {"workflow", WISH, SEED} - set(table.column_names)
    if missing:
        raise ValueError(f"{folder} has no column {', '.join(sorted(missing))}; sweep quality_classes.yaml has them")
    rows = [row for row in table.to_pylist() if row["status"] == "ok" and row["workflow"] in RECIPES]
    for row in rows:
        wish = str(row[WISH])
        path = find_file(RECIPES[row["workflow"]], wish, row[SEED])
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / row["pictures"][0], path)
        # As in `make_pictures`, the time of loading the models and of judging the picture does not count.
        seconds = row["seconds"] - (row.get("load_seconds") or 0) - (row.get("judge_seconds") or 0)
        path.with_suffix(".json").write_text(json.dumps({"wish": wish, "seconds": seconds, "threads": row["threads"]}))
    return len(rows)


def main() -> None:
    """Copy the pictures of the sweep whose folder the command line names."""
    parser = argparse.ArgumentParser(prog="benchmarks.swept", description=__doc__)
    parser.add_argument("folder", type=Path, help="the results of a sweep")
    print(f"{take_pictures(parser.parse_args().folder)} pictures")


if __name__ == "__main__":
    main()
