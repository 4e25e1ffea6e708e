"""The ablation: a row leaves out what its title says, and nothing else."""

from benchmarks.ablation import ROWS
from benchmarks.recipes import SKETCH
from cases import each_case

# The transforms of views that some rows leave out, by the titles of these rows
LEFT_OUT = {
    "no colour shift, no grey views": {"ColorShift", "Grayscale"},
    "no grey views": {"Grayscale"},
    "none of these, no denoiser, no views from afar": {"ColorShift", "Grayscale", "Distance"},
}


@each_case("number", range(len(ROWS)))
def test_a_row_leaves_out_only_the_transforms_that_its_title_names(number: int) -> None:
    row = ROWS[number]
    sketch, changed = (
        [type(transform).__name__ for transform in recipe.augmentation.transforms] for recipe in (SKETCH, row)
    )
    left_out = LEFT_OUT.get(row.title, set())
    assert [kind for kind in changed if kind in sketch] == [kind for kind in sketch if kind not in left_out]
