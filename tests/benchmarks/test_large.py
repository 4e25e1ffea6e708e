"""The report on large canvases: so many steps are measured as it says."""

from benchmarks.large import do_steps
from cases import each_case
from das_core.stack.spec import StackSpec
from toys import classifier


@each_case("steps", [1, 2])
def test_no_step_is_done_beyond_those_that_are_counted(steps: int) -> None:
    begun = do_steps(classifier(classes=1000), StackSpec(32, 32, 8), steps)
    assert begun.stack.steps == len(begun.history) == steps
