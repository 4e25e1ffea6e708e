"""Teach the starters to see through noise: make teach PHOTOGRAPHS=folder

Writes das_core/models/taught, from a folder of photographs. Those that the files in the repository were made from are
listed in photographs.sha256, for `sha256sum -c`: one of each class of ImageNet, from the repository
EliSchwartz/imagenet-sample-images, and one of each of a thousand other things, from ajschumacher/imagen. Each starter
takes one and a half to two and a half hours of one core; a run that was ended goes on. EfficientNet-Lite2, the held-out
judge, learns nothing.
"""

import argparse

from tqdm import tqdm

from das_core.models.sources.starters import STARTER, THIRD_OPINION, Starter, load_starter
from das_core.teaching.agreement import measure_agreement
from das_core.teaching.crops import read_lessons
from das_core.teaching.teach import teach
from das_core.teaching.teaching import Progress

# Crops; the rank, with which a file has at most 2 MB; and for how much of the time crops mislead. One starter, which
# makes bodies whole, learns from these, too; the other keeps its texture (docs/teaching.md).
LESSONS = {STARTER: (88_000, 32, 0.27), THIRD_OPINION: (44_000, 24, 0.0)}


def main() -> None:
    """Teach both starters."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", help="a folder of them")
    given = parser.parse_args()
    for starter, (crops, rank, misled) in LESSONS.items():
        teach_starter(starter, given.photographs, crops, rank, misled)


def teach_starter(starter: Starter, photographs: str, crops: int, rank: int, misled: float) -> None:
    """Teach a starter, and print how often it answers under noise as before without."""
    judge = load_starter(starter)
    lessons = read_lessons(photographs, judge.size)
    starter.lesson.parent.mkdir(exist_ok=True)
    with tqdm(total=crops, desc=starter.title) as bar:

        def show(progress: Progress) -> None:
            bar.set_postfix_str(f"loss {progress.loss:.2f}")
            bar.update(progress.crops - bar.n)

        taught = teach(judge, lessons, crops=crops, rank=rank, misled=misled, path=starter.lesson, watch=show)
    for name, one in (("published", judge), ("taught", taught)):
        print(starter.title, name, measure_agreement(judge, one, lessons))


if __name__ == "__main__":
    main()
