"""Objectives whose judge is named later: a question becomes terms, with all that was said of it before."""

import pytest
import torch

import direct_ascent as da
from das_core.objectives.objective import Objective
from quick_render import TOY, render
from toys import VIEWS, classifier

MASK = torch.ones(1, 8, 8)


def describe(objective: Objective) -> list[tuple[object, ...]]:
    return [
        (term.name, term.weight, term.judge and id(term.judge.module), term.fades, term.tracks, term.share, term.images)
        for term in objective.list_terms()
    ]


def change(objective: Objective) -> Objective:
    return -2 * da.over_frames(da.over_steps(da.in_region(objective, MASK), 1, 0), [1.0, 0.5])


def test_what_is_said_before_a_judge_is_named_counts_as_if_it_was_said_after() -> None:
    unbound, bound = da.channel("2", 5), da.channel("2", 5).on(TOY)
    assert describe(change(unbound).on(TOY)) == describe(change(bound))
    assert change(unbound).on(TOY).list_terms()[0].regions == (MASK,)
    pair = [da.classes(3), 0.5 * da.classes(4)]
    for join in (lambda each: da.share_views(*each), da.one_per_image):
        assert describe(join(pair).on(TOY)) == describe(join([one.on(TOY) for one in pair]))
        assert describe(2 * join([pair[0], pair[1].on(TOY)]).on(TOY)) == describe(2 * join(pair).on(TOY))


def test_a_term_keeps_its_judge_and_a_question_without_one_is_named() -> None:
    other = classifier(seed=1)
    mixed = da.classes(3) + da.classes(3).on(other)
    assert [term.judge for term in mixed.on(TOY).list_terms()] == [TOY, other]
    with pytest.raises(ValueError, match=r"'classes 3, class 3' asks no judge yet; name one, as in objective\.on"):
        da.Ascent(da.ImageStack.gray(da.StackSpec(32, 32, 8)), mixed, VIEWS)
    with pytest.raises(ValueError, match=r"a Sequential is a plain module; make a judge of it with da\.wrap"):
        da.classes(3).on(other.module)  # type: ignore[arg-type]


def test_one_picture_of_a_batch_has_more_of_what_another_has_less_of() -> None:
    both = da.one_per_image([da.channel("2", 5), -da.channel("2", 5)])
    made = render(both + 0.1 * da.prior("range"), steps=3)
    for number, one in enumerate((da.channel("2", 5), -da.channel("2", 5))):
        alone = render(one + 0.1 * da.prior("range"), steps=3, batch=2).image[number]
        torch.testing.assert_close(made.image[number], alone, rtol=0, atol=2e-4)
    more, less = next(iter(made.scores.values()))
    assert more > less
    assert len(render(both, steps=1, batch=4).image) == 4
