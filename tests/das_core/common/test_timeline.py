"""Time axes: where the images of a stack lie between whole numbers."""

from das_core.common.timeline import Timeline
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time
from das_core.stack.zoom import Zoom


def test_separate_images_and_frames_lie_at_whole_numbers() -> None:
    assert StackSpec(16, 16, 4).find_timeline(3) == Timeline((0.0, 1.0, 2.0), 3, 3)
    film = StackSpec(16, 16, 4, time=Time(3, loop=True)).find_timeline(3)
    assert film == Timeline((0.0, 1.0, 2.0), 3, 3, loop=True, unit="frame")


def test_a_zoom_has_moments_between_its_depths_and_ends_at_the_last() -> None:
    zoom = StackSpec(16, 16, 4, zoom=Zoom(3, between=1)).find_timeline(3)
    assert zoom == Timeline((0.0, 0.5, 1.0, 1.5, 2.0), 3, 2, unit="depth")
