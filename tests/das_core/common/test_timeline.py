"""Time axes: where the images of a stack lie between whole numbers."""

from cases import each_case
from das_core.common.timeline import Timeline
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time
from das_core.stack.zoom import Zoom


@each_case(
    ("spec", "expected"),
    (StackSpec(16, 16, 4), Timeline((0.0, 1.0, 2.0), 3, 3)),
    (StackSpec(16, 16, 4, time=Time(3, loop=True)), Timeline((0.0, 1.0, 2.0), 3, 3, loop=True, unit="frame")),
    # A zoom has moments between its depths and ends at the last.
    (StackSpec(16, 16, 4, zoom=Zoom(2)), Timeline((0.0, 0.25, 0.5, 0.75, 1.0), 2, 1, unit="depth")),
    (StackSpec(16, 16, 4, zoom=Zoom(2, loop=True)), Timeline(tuple(n / 4 for n in range(8)), 2, 2, True, "depth")),
)
def test_images_frames_and_depths_lie_at_whole_numbers_and_moments_of_a_zoom_between_them(
    spec: StackSpec, expected: Timeline
) -> None:
    assert spec.find_timeline(3) == expected
