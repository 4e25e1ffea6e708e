"""What the loaders share: the time of a checkpoint."""

from pathlib import Path

from loaded_pack import Pack

KIND = "classifiers"


def test_the_time_of_a_file_is_that_of_the_chosen_checkpoint(pack: Pack, classifier_folder: Path) -> None:
    read_time = pack.module("nodes.models.checkpoint").read_checkpoint_time
    file = classifier_folder / "a.pth"
    file.touch()
    chosen = {"source": "file", "checkpoint": "a.pth"}
    assert read_time(KIND, chosen) == file.stat().st_mtime_ns > 0
    for other in (None, {}, {"source": "starter"}, chosen | {"source": "timm"}, chosen | {"checkpoint": "gone.pth"}):
        assert read_time(KIND, other) == 0
