"""Teach the starters to see through noise: make teach PHOTOGRAPHS=folder

Writes das_core/models/taught, from a folder of photographs. Those that the files in the repository were made from are
listed in photographs.sha256, for `sha256sum -c`: one of each class of ImageNet, from the repository
EliSchwartz/imagenet-sample-images, and one of each of a thousand other things, from ajschumacher/imagen. Each starter
takes an hour and a half of one core; a run that was ended goes on. EfficientNet-Lite2, the held-out judge, learns
nothing.
"""

import argparse

from tqdm import tqdm

from das_core.models.sources.starters import STARTER, THIRD_OPINION, Starter, load_starter
from das_core.teaching.agreement import measure_agreement
from das_core.teaching.crops import read_lessons
from das_core.teaching.teach import teach
from das_core.teaching.teaching import Progress

LESSONS = {STARTER: (64_000, 32), THIRD_OPINION: (44_000, 24)}  # Crops, and the rank: a file has at most 2 MB.


def main() -> None:
    """Teach both starters."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", help="a folder of them")
    given = parser.parse_args()
    for starter, (crops, rank) in LESSONS.items():
        teach_starter(starter, given.photographs, crops, rank)


def teach_starter(starter: Starter, photographs: str, crops: int, rank: int) -> None:
    """Teach a starter, and print how often it answers under noise as before without."""
    judge = load_starter(starter)
    lessons = read_lessons(photographs, judge.size)
    starter.lesson.parent.mkdir(exist_ok=True)
    with tqdm(total=crops, desc=starter.title) as bar:

        def show(progress: Progress) -> None:
            bar.set_postfix_str(f"loss {progress.loss:.2f}")
            bar.update(progress.crops - bar.n)

        taught = teach(judge, lessons, crops=crops, rank=rank, path=starter.lesson, watch=show)
    for name, one in (("published", judge), ("taught", taught)):
        print(starter.title, name, measure_agreement(judge, one, lessons))


if __name__ == "__main__":
    main()
