"""Acts: steering an ascent, the same picture again from what was steered, and their text."""

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import direct_ascent as da
from ascents import assert_same, do_steps
from cases import each_case
from das_core.ascent.steering.act_text import LONGEST_TEXT, MOST_ACTS, check_acts
from das_core.ascent.steering.acts import MOST_POINTS, Act, Course, TimedAct
from toys import SPEC, VIEWS, classifier, toy_class

BRUSH = da.steering.Protect([[(0.2, 0.3, 0.1), (0.6, 0.3, 0.2)], [(0.9, 0.9, 0.05)]])
NAMES = ("class 3", "class 5")


def start(batch: int = 3, **settings: Any) -> da.Ascent:
    """Return an ascent of two objectives, with focus and denoiser, whose chunks have whole images."""
    objectives = [toy_class(3), toy_class(5, 0.5, seed=1)]
    usual: dict[str, Any] = {"steps": 5, "seed": 4, "chunk": 6, "denoising": da.ascent.Denoising(strength=0.05)}
    return da.Ascent(da.ImageStack.noise(SPEC, batch), objectives, VIEWS, **(usual | settings))


def run(*acts: TimedAct, **settings: Any) -> da.Result:
    return start(acts=acts, **settings).run()


@st.composite
def some_acts(draw: st.DrawFn) -> list[TimedAct]:
    """Draw acts that an ascent of five steps and three images allows."""
    share = st.floats(0, 1)
    act = st.one_of(
        st.builds(da.steering.Weigh, st.sampled_from(NAMES), st.floats(0.1, 10)),
        st.just(da.steering.Choose([1])),
        st.builds(da.steering.Place, share, share),
        st.builds(lambda row, column: da.steering.Protect([[(row, column, 0.1)]]), share, share),
    )
    return draw(st.lists(st.tuples(st.integers(0, 5), act), max_size=4))


@settings(max_examples=8, deadline=None)
@given(acts=some_acts())
def test_the_same_acts_make_the_same_picture_bit_for_bit(acts: list[TimedAct]) -> None:
    steered = start()
    while len(steered.history) < steered.steps:
        for step, act in acts:
            if step == len(steered.history):
                steered.steer(act)
        do_steps(steered, 1)
    again = start(acts=da.steering.read_acts(da.steering.write_acts(steered.acts)))
    assert_same(again.run(), steered.result)
    assert again.acts == steered.acts
    # Those at step 5 are never reached.
    assert torch.equal(run(*acts).image, steered.result.image)


@each_case(
    "act",
    da.steering.Weigh("class 3", 4),
    da.steering.Weigh("class 5", 0),
    da.steering.Choose([0, 2]),
    da.steering.Place(0.2, 0.9),
    BRUSH,
)
def test_an_act_counts_from_the_next_step_on(act: Act) -> None:
    plain, steered = start(), start()
    for ascent in (plain, steered):
        do_steps(ascent, 2)
    assert torch.equal(plain.result.image, steered.result.image)
    steered.steer(act)
    assert torch.equal(plain.result.image, steered.result.image)
    assert (plain.run().image - steered.run().image).abs().max() > 1e-3


def test_a_weight_is_a_multiple_of_the_own_one() -> None:
    doubled = [toy_class(3), toy_class(5, 1.0, seed=1)]
    whole = da.Ascent(da.ImageStack.noise(SPEC, 3), doubled, VIEWS, steps=3, seed=4, chunk=6, denoising=None).run()
    weighed = run((0, da.steering.Weigh("class 5", 7)), (0, da.steering.Weigh("class 5", 2)), steps=3, denoising=None)
    assert torch.equal(weighed.image, whole.image)


def test_a_chosen_image_goes_on_as_without_the_others_which_stay(caplog: pytest.LogCaptureFixture) -> None:
    whole, ascent = run(), start()
    do_steps(ascent, 2)
    before = ascent.result.image
    ascent.steer(da.steering.Choose([1]))
    after = ascent.run()
    assert torch.equal(after.image[1], whole.image[1])
    assert torch.equal(after.image[[0, 2]], before[[0, 2]])
    assert after.history[-1].still == (0, 2)
    assert not caplog.messages


def test_a_choice_leaves_out_what_compares_the_images() -> None:
    model = toy_class().list_terms()[0].judge
    assert model is not None
    objectives = [(0.5 * da.diversity("0").on(model)), toy_class(3)]
    ascent = da.Ascent(da.ImageStack.noise(SPEC, 3), objectives, VIEWS, steps=3)
    do_steps(ascent, 1)
    ascent.steer(da.steering.Choose([0]))
    assert set(ascent.run().history[-1].scores) == {"class 3"}
    alone = da.Ascent(da.ImageStack.noise(SPEC, 3), objectives[:1], VIEWS, steps=3)
    with pytest.raises(ValueError, match="no objective is for the images"):
        alone.steer(da.steering.Choose([0]))


def test_the_focus_goes_to_the_place() -> None:
    narrow = {"steps": 1, "focus": da.ascent.Focus(0.1, 0.1), "denoising": None}
    moved = (run((0, da.steering.Place(0.25, 0.75)), **narrow).image - start().result.image).abs().sum(dim=1)[0]
    row, column = divmod(int(moved.argmax()), 32)
    assert abs(row - 8) <= 4
    assert abs(column - 24) <= 4
    assert torch.equal(run((0, da.steering.Place(0.5, 0.5))).image, run().image)


@each_case("kind", "plain", "surrounded", "film")
def test_what_is_protected_stays_bit_for_bit(kind: str) -> None:
    film = da.ImageStack.noise(da.StackSpec(32, 32, 8, time=da.stack.Time(3)))
    stack = film if kind == "film" else da.ImageStack.noise(SPEC, 2)
    if kind == "surrounded":
        stack = stack.place_into(torch.full((1, 3, 32, 32), 0.2), torch.linspace(0, 1, 32).expand(1, 32, 32))
    ascent = da.Ascent(stack, [toy_class(3)], VIEWS, steps=4)
    do_steps(ascent, 2)
    before = ascent.result.image
    ascent.steer(BRUSH)
    after = ascent.run().image
    drawn = BRUSH.draw(32, 32)
    kept, fringe = drawn == 1, (drawn > 0) & (drawn < 1)
    assert 0.1 < kept.float().mean() < 0.4
    assert torch.equal(after[:, :, kept], before[:, :, kept])
    changes = (after - before).abs()
    assert (changes.amax(dim=1) > 0)[:, ~kept].float().mean() > 0.8
    assert 0 < changes[:, :, fringe].mean() < changes[:, :, drawn == 0].mean()


def test_to_protect_changes_no_pixel_of_now() -> None:
    stack = da.ImageStack.noise(SPEC, 2).place_into(
        torch.rand(1, 3, 32, 32), torch.linspace(0, 1, 32).expand(1, 32, 32)
    )
    ascent = da.Ascent(stack, [toy_class(3)], VIEWS, steps=4)
    do_steps(ascent, 2)
    for strokes in ([[(0.2, 0.3, 0.3)]], [[(0.5, 0.5, 0.3)]]):
        before = ascent.result.image
        ascent.steer(da.steering.Protect(strokes))
        torch.testing.assert_close(ascent.result.image, before, rtol=0, atol=1e-4)


def test_a_capsule_is_drawn_around_its_segment() -> None:
    drawn = da.steering.Protect([[(0.25, 0.25, 0.125), (0.75, 0.25, 0.125)]]).draw(40, 80)
    rows, columns = torch.meshgrid(torch.arange(40) + 0.5, torch.arange(80) + 0.5, indexing="ij")
    apart = torch.stack([rows - rows.clamp(10, 30), columns - 20]).norm(dim=0)
    torch.testing.assert_close(drawn, ((7.5 - apart) / 2.5).clamp(0, 1))


FILM = da.StackSpec(32, 32, 8, time=da.stack.Time(3))
ZOOM = da.StackSpec(64, 64, 8, zoom=da.stack.Zoom(2))


@each_case(
    ("act", "says", "settings"),
    (da.steering.Weigh("castle", 1), "no objective 'castle'; there are", {}),
    (da.steering.Choose([3]), "no image 3 that climbs; choose among", {}),
    (da.steering.Choose([0]), "frames belong together", {"stack": da.ImageStack.noise(FILM)}),
    (da.steering.Choose([0]), "depths belong together", {"stack": da.ImageStack.noise(ZOOM)}),
    (BRUSH, "move through each other", {"stack": da.ImageStack.noise(ZOOM)}),
    (da.steering.Protect([[(0, 0, 1), (1, 1, 1)]]), "protect less", {}),
    (da.steering.Place(0.1, 0.1), "no focus to place", {"focus": None}),
    (da.steering.GoOn(), "one size", {}),
)
def test_what_the_ascent_does_not_have_is_refused_and_changes_nothing(
    act: Act, says: str, settings: dict[str, Any]
) -> None:
    def make(*acts: TimedAct) -> da.Ascent:
        given: dict[str, Any] = {"stack": da.ImageStack.noise(SPEC, 3), "steps": 2, "seed": 4} | settings
        return da.Ascent(objectives=[toy_class(3)], augmentation=VIEWS, acts=acts, **given)

    ascent = make()
    with pytest.raises(ValueError, match=says):
        ascent.steer(act)
    assert ascent.acts == []
    assert torch.equal(ascent.run().image, make().run().image)
    with pytest.raises(ValueError, match=f"act 1, at step 1: .*{says}"):
        make((1, act))


def test_the_last_objective_and_an_image_that_has_ended_are_refused() -> None:
    ascent = start()
    ascent.steer(da.steering.Weigh("class 3", 0))
    with pytest.raises(ValueError, match="nothing is left to climb"):
        ascent.steer(da.steering.Weigh("class 5", 0))
    ascent.steer(da.steering.Choose([1, 2]))
    with pytest.raises(ValueError, match="no image 0 that climbs"):
        ascent.steer(da.steering.Choose([0, 1]))
    assert len(ascent.acts) == 2


@each_case(
    "make",
    lambda: da.steering.Weigh("castle", float("nan")),
    lambda: da.steering.Weigh("castle", 10.5),
    lambda: da.steering.Weigh("castle", True),
    lambda: da.steering.Weigh(cast(str, 5), 1),
    lambda: da.steering.Choose([]),
    lambda: da.steering.Choose([-1]),
    lambda: da.steering.Choose([True]),
    lambda: da.steering.Choose(cast(Any, "01")),
    lambda: da.steering.Place(-0.1, 0.5),
    lambda: da.steering.Place(0.5, float("inf")),
    lambda: da.steering.Protect([]),
    lambda: da.steering.Protect([[]]),
    lambda: da.steering.Protect([[(0.5, 0.5, 0)]]),
    lambda: da.steering.Protect(cast(Any, [[(0.5, 0.5)]])),
    lambda: da.steering.Protect([[(0.5, 0.5, 0.1)] * (MOST_POINTS + 1)]),
)
def test_values_out_of_range_are_no_act(make: Callable[[], Act]) -> None:
    with pytest.raises(ValueError, match=r"is not|is no|are no|need"):
        make()


@each_case(
    ("text", "says"),
    (5, "are no text"),
    ("[" * 100_000, "cannot be read"),
    ('[[0,"place",NaN,0.5]]', "row nan is not between"),
    ("9" * 5000, "cannot be read"),
    ("{}", "are no list"),
    (json.dumps([[0, "go_on", 2]] * (MOST_ACTS + 1)), "are no list of at most"),
    (" " * (LONGEST_TEXT + 1), "are no text of at most"),
    ("[5]", "act 1, 5, is none of weigh, choose"),
    ('[[0,"explode"]]', "is none of"),
    ('[[0,["weigh"]]]', "is none of"),
    ('[[1.5,"go_on",2]]', "act 1: step 1.5 is not a whole number"),
    ('[[true,"go_on",2]]', "act 1: step True is not"),
    ('[[-1,"go_on",2]]', "act 1: step -1 is not"),
    ('[[1e9,"go_on",2]]', "act 1: step .* is not"),
    ('[[0,"go_on",2],[1,"place",0.5]]', r"act 2, .* needs row, column after 'place'"),
    ('[[0,"go_on",3]]', "act 1, 'go_on': scale 3 is not a whole number"),
    ('[[0,"weigh","castle","2"]]', "act 1, 'weigh': factor '2' is not between"),
    ('[[0,"protect",[[[0,0,{}]]]]]', "act 1, 'protect': a circle"),
)
def test_a_hostile_text_is_refused(text: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says) as error:
        da.steering.read_acts(text)
    assert len(str(error.value)) < 600


def paint(number: int) -> da.steering.Protect:
    """Return a stroke of 1,000 circles whose places have as many digits as those of a page."""
    places = torch.rand(1000, 2, generator=torch.Generator().manual_seed(number)).double() / 3
    return da.steering.Protect([[(row, column, 0.0123456789) for row, column in places.tolist()]])


def test_what_can_be_steered_can_be_repeated() -> None:
    ascent, strokes = start(), [paint(number) for number in range(30)]
    with pytest.raises(ValueError, match=r"could not be repeated: it is .* acts of .* characters, .* fewer and larger"):
        list(map(ascent.steer, strokes))
    assert 0.9 * LONGEST_TEXT < len(da.steering.write_acts(ascent.acts)) <= LONGEST_TEXT
    assert da.steering.read_acts(da.steering.write_acts(ascent.acts)) == tuple(ascent.acts)
    ascent.run()
    # Also in what goes on, together with what was steered before.
    larger = ascent.go_on(1)
    with pytest.raises(ValueError, match="could not be repeated"):
        larger.steer(paint(0))
    larger.steer(da.steering.Weigh("class 3", 2))
    text = da.steering.write_acts([*larger.past, *larger.acts])
    assert [len(acts) for _, acts, _ in da.steering.split_acts(da.steering.read_acts(text))] == [len(ascent.acts), 1]


def test_more_acts_than_are_read_are_refused_and_those_of_ones_own_have_no_text() -> None:
    place = (0, da.steering.Place(0.5, 0.5))
    check_acts([place] * MOST_ACTS)
    with pytest.raises(ValueError, match="it is 10,001 acts of"):
        check_acts([place] * (MOST_ACTS + 1))

    class Nothing:
        def steer(self, course: Course) -> Course:
            return course

    ascent = start()
    ascent.steer(Nothing())
    assert len(ascent.acts) == 1


def test_no_acts_are_an_empty_text() -> None:
    assert da.steering.write_acts([]) == ""
    assert da.steering.read_acts(" ") == ()


def test_an_enlarged_ascent_goes_on_from_the_chosen_images_at_twice_the_size() -> None:
    model = classifier()
    objectives = [da.one_per_image([da.classes(n).on(model) for n in (3, 5)])]
    ascent = da.Ascent(da.ImageStack.noise(SPEC, 4), objectives, VIEWS, steps=6, seed=4)
    do_steps(ascent, 5)
    ascent.steer(da.steering.Choose([1, 2]))
    ascent.run()
    larger = ascent.go_on()
    wanted = da.stack.render_stack(ascent.stack, 2)[[1, 2]]
    torch.testing.assert_close(larger.result.image, wanted, rtol=0, atol=0.02)
    assert (len(larger), larger.skip) == (2, 4)
    result = larger.run()
    assert result.image.shape == (2, 3, 64, 64)
    assert torch.equal(ascent.go_on().run().image, result.image)
    # Each image still climbs for its own class.
    score = larger.plan.members[0].term.score
    assert [one.targets for one in score.scores] == [((5, 1.0),), ((3, 1.0),)]  # type: ignore[attr-defined]
    assert len(larger.go_on()) == 2
    more = ascent.go_on(1)
    assert torch.equal(more.result.image, ascent.stack.image()[[1, 2]])
    assert (len(more), more.skip, len(larger.go_on(1))) == (6, 0, 6)
    assert more.run().image.shape == (2, 3, 32, 32)
