"""`Ascent`: the settings of an ascent, its steps, what steers it and what goes on from it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from ..common.cache import running
from ..common.devices import find_device
from ..common.modes import own_modes
from ..models.judge import Judge
from ..objectives.objective import Objective
from ..stack.image_stack import ImageStack
from ..stack.pixels import crop_margin
from ..views.augmentation import WHOLE, Augmentation
from .denoising import Denoising
from .focus import Focus
from .gradient import ScoreGradient
from .loop import Loop
from .normalized_ascent import NormalizedAscent
from .optimizers import Optimizer
from .pace import Pace, Schedule, pace_at
from .plan import Plan, make_plan
from .preparation import (
    check_differentiable,
    check_parts,
    check_settings,
    choose_chunk,
    choose_denoising,
    choose_focus,
    prepare_stack,
)
from .result import AscentError, Record, Result, Step, make_importance_mask
from .scoring import Scoring
from .steering.act_text import check_acts
from .steering.acts import Act, ActError, Course, GoOn, TimedAct
from .steering.continuing import continue_course
from .step import AscentStep
from .within import Within

_MOST_SEEN = 8  # Views of each frame of a film or depth of a zoom that is scored.


class Ascent(Loop):
    """Gradient ascent that changes a stack to raise the weighted scores of some objectives.

    `run` does all steps. A `for` loop yields every step; after a break, the next loop continues. `result` can be read
    at any time. The gradients of different judges are brought to one scale. Where the stack or an objective has a mask,
    only the gradient under it counts, and views are cut from around it. An image without gradient stands still.

    Args:
        stack: the stack to start from. The result of an ascent is continued, but schedule and coarse part begin anew.
        objectives: one or several, or a plan of them for this stack; at least one has a weight other than 0.
        augmentation: how the judges see the canvas; by default 16 views that may reach up to 56 pixels into the margin.
        steps: the number of steps; 60 make a good picture.
        optimizer: how a gradient moves the stack; by default `NormalizedAscent()`.
        schedule: how the step size changes: `constant`, or `cosine`, which lowers it after the coarse part, or a
            function from the progress, 0 at the first step and 1 at the last, to the factor of the step size, 0..1.
        seed: the seed of all random draws, 0 or above.
        chunk: how many views go through a judge at once; 0 means 4 on a CPU and 16 on other devices. It is halved when
            memory runs out. It changes only the rounding, but such differences grow from step to step.
        device: the device to compute on, by default that of the stack. The judges must be on it at the first step.
        denoising: the denoiser applied after every step; None for none, as in Direct Ascent Synthesis. `auto` means
            `Denoising()` if the optimizer is `denoised` and an objective has a model, else None.
        focus: the Gaussian in which the picture grows; with None the whole canvas changes from the first step on, as in
            Direct Ascent Synthesis. `auto`: None for a tile and a stack that an ascent has changed, else `Focus()`.
        within: how far the picture may go from the start of the stack; a number: of a pixel (0..1), such as 8/255.
        pace: one `Pace` for all steps, for a part of a longer process (`Guidance`); None for the schedule.
        skip: how many steps the schedules are ahead: with 20 steps and a skip of 40, the pace is that of the last 20
            of 60.
        acts: what to steer again, see `steer`, and after which number of steps; later ones are never reached.

    Attributes:
        acts: what has been steered so far, and after which number of steps: the argument `acts` that repeats it.
        coming: what will be steered again.
        past: what was steered in the ascents that this one goes on from, each with its `GoOn`.
        history: the records of the steps done so far.
        images: the numbers of the images that climb; `Choose` leaves fewer.
        stack: the stack after the last step done.
        plan: the terms of the objectives, in groups that share their views.

    Raises:
        ValueError: when a setting is out of range or does not fit the stack; while it runs, when a judge is on another
            device, or something of the user returns values of a wrong type, shape or range.

    Example:
        >>> import direct_ascent as da
        >>> jellyfish = da.classes("jellyfish").on(da.load_starter())
        >>> stack = da.ImageStack.gray(da.StackSpec(width=64, height=64, margin=16))
        >>> views = da.views.Augmentation(views=4, windows=da.views.Windows(jitter=16), transforms=(da.views.Flip(),))
        >>> result = da.Ascent(stack, [jellyfish], views, steps=6).run()
        >>> tuple(result.image.shape)
        (1, 3, 64, 64)
        >>> result.history[-1].scores["jellyfish"] > result.history[0].scores["jellyfish"]
        True
    """

    def __init__(
        self,
        stack: ImageStack,
        objectives: Objective | Sequence[Objective] | Plan,
        augmentation: Augmentation | None = None,
        *,
        steps: int = 60,
        optimizer: Optimizer | None = None,
        schedule: Schedule = "cosine",
        seed: int = 0,
        chunk: int = 0,
        device: torch.device | str | None = None,
        focus: Focus | Literal["auto"] | None = "auto",
        pace: Pace | None = None,
        denoising: Denoising | Literal["auto"] | None = "auto",
        within: Within | float | None = None,
        skip: int = 0,
        acts: Sequence[TimedAct] = (),
    ) -> None:
        plan = make_plan(objectives, stack.spec, stack.batch)
        check_settings(steps, schedule, seed, chunk)
        within = Within(within) if isinstance(within, int | float) else within
        check_parts(augmentation=augmentation, optimizer=optimizer, focus=focus, denoising=denoising, within=within)
        self.augmentation = augmentation or Augmentation()
        self.optimizer: Optimizer = optimizer or NormalizedAscent()
        self.steps, self.schedule, self.seed, self.pace, self.skip = steps, schedule, seed, pace, skip
        self.focus = choose_focus(focus, stack)
        self.denoising = choose_denoising(denoising, self.optimizer, plan)
        self.within = within
        self.device = stack.canvas.device if device is None else find_device(device)
        coarse, tilt = self.optimizer.coarse_to_fine, self.optimizer.tilt

        def find_pace(done: int) -> Pace:  # No method: a reference to the ascent would keep it in memory.
            return pace or pace_at(done + skip, steps + skip, schedule, coarse, tilt)

        self.acts: list[TimedAct] = []
        self.past: list[TimedAct] = []
        self.coming = sorted(acts, key=lambda timed: timed[0])
        with running(self.device, empty=False), own_modes(on_cpu=True):
            stack = prepare_stack(stack.to(self.device), self.optimizer, within)
            operator = stack.spec.operator(self.device, "layers" if self.optimizer.needs_levels else None)
            scoring = Scoring(stack, plan, self.augmentation, seed)
            if within is not None:
                stack = within.draw_start(stack, seed, scoring.support.mask)
            gradient = ScoreGradient(scoring, self.focus)
            step = AscentStep(gradient, operator, self.optimizer, self.denoising, within)
            super().__init__(stack, step, find_pace, chunk or choose_chunk(self.device))
            self._check_coming()

    def __iter__(self) -> Iterator[Step]:
        """Do the steps that are left, one at a time; an error or a cancel leaves all as it was before its step.

        Raises:
            AscentError: when the gradient of all images is zero, or the gradient or the canvas is not finite.
            torch.OutOfMemoryError: when memory runs out even with the smallest chunk of views, or in look or denoiser.
        """
        # Not in `__init__`: a move to another device replaces weights that were loaded under `torch.inference_mode()`.
        check_differentiable(self.judges)
        with running(self.device):
            while len(self.history) < self.steps:
                self._steer_coming()
                try:
                    step = self.do_step()
                except AscentError as error:
                    error.result = self.result if self.history else None
                    raise
                yield step

    def __len__(self) -> int:
        """Return the number of steps, including those that are already done."""
        return self.steps

    def run(self) -> Result:
        """Do all steps that are left and return the result; errors are those of the loop."""
        with running(self.device):
            for _ in self:
                pass
            return self.result

    def steer(self, act: Act) -> None:
        """Change what the steps that follow do, such as with `Weigh("castle", 2)`; an act that is refused does nothing.

        Raises:
            ValueError: when the ascent does not have what the act changes, or what is steered could not be repeated:
                `read_acts` reads 10,000 acts of 1,000,000 characters.
        """
        check_acts([*self.past, *self.acts, *self.coming, (len(self.history), act)])
        self._steer(act)

    def _steer(self, act: Act) -> None:
        with running(self.device), own_modes(on_cpu=True):
            course = act.steer(self._course)
            scoring = Scoring(course.stack, course.plan, self.augmentation, self.seed)
            self._step = replace(self._step, gradient=ScoreGradient(scoring, course.focus))
        self.focus, self.stack, self.images = course.focus, course.stack, course.images
        self.acts.append((len(self.history), act))

    def restore(self, stack: ImageStack, history: Sequence[Record]) -> None:
        """Set an ascent that has not begun to the stack and the history of an ascent with the same settings and acts,
        without its importance mask."""
        self.history = list(history)
        self._steer_coming()
        self.stack = stack.to(self.device)

    def go_on(self, scale: int = 2, acts: Sequence[TimedAct] = ()) -> "Ascent":
        """Return an ascent of the images that still climb, at `scale` times the size, with what has been steered.

        Args:
            scale: 1 climbs on for as many steps again, at the pace of all of them; 2 makes a larger picture, for a
                third of the steps, at the pace of the last third.
            acts: what is steered in it, as for this ascent.

        Raises:
            ValueError: when the picture cannot be larger: a canvas of more than 32,768 pixels a side.
        """
        whole = self.steps + self.skip
        steps = whole if scale == 1 else max(1, round(whole / 3))
        with running(self.device), own_modes(on_cpu=True):
            course, augmentation, within = continue_course(self._course, self.augmentation, self.within, scale)
        following = Ascent(
            course.stack,
            course.plan,
            augmentation,
            steps=steps,
            optimizer=self.optimizer,
            schedule=self.schedule,
            seed=self.seed,
            chunk=self.chunk,
            focus=course.focus,
            pace=self.pace,
            denoising=self.denoising,
            within=within,
            skip=0 if scale == 1 else 2 * steps,
            acts=acts,
        )
        following.past = [*self.past, *self.acts, (len(self.history), GoOn(scale))]
        return following

    def score(self, *, whole: bool = False) -> dict[str, list[float]]:
        """Return the score of each picture as it is now under every part of the objective, by name, without weights.

        Args:
            whole: False shows all pictures through the same views, made as those of the last step; True shows each
                once, whole: its middle square, or that of the box around a region.
        """
        seen = WHOLE if whole else self.augmentation
        if self.plan.is_series:  # All its images share the views of a step.
            seen = replace(seen, views=min(seen.views, _MOST_SEEN))
        with running(self.device), own_modes(on_cpu=True):
            found = self.scoring.through(seen).score_images(self.stack.pixels(), Pace(1.0, 1.0, 1.0), self.chunk)
            return {name: scores.tolist() for name, scores in found.items()}

    @property
    def judges(self) -> list[Judge]:
        """The judge of every group that has one; while the ascent runs, they must be on the device of the ascent."""
        return self.plan.judges

    @property
    def picture_mask(self) -> Tensor | None:
        """Where at least one objective acts in the picture, (B, 1, height, width), 0..1; None for everywhere."""
        mask = self.scoring.support.mask
        return None if mask is None else crop_margin(mask, self.stack.spec.margin)

    @property
    def result(self) -> Result:
        """The outcome of the steps done so far."""
        strength = crop_margin(self._strength[:, None], self.stack.spec.margin)[:, 0]
        with running(self.device), own_modes(on_cpu=True):
            importance = make_importance_mask(strength)
            return Result(self.stack.image(), self.stack, tuple(self.history), importance, self.within)

    @property
    def _course(self) -> Course:
        return Course(self.plan, self.focus, self.stack, self.images)

    def _check_coming(self) -> None:
        """Check the acts that are to come; all but what they do to the picture is known before it has climbed."""
        course = self._course
        for number, (step, act) in enumerate(self.coming, start=1):
            if step >= self.steps:
                break
            try:
                course = act.steer(course)
            except ValueError as error:
                raise ActError(f"act {number}, at step {step}: {error}") from error
        if self.coming:
            Scoring(course.stack, course.plan, self.augmentation, self.seed)

    def _steer_coming(self) -> None:
        """Steer what is to be steered before the next step."""
        while self.coming and self.coming[0][0] <= len(self.history):
            self._steer(self.coming[0][1])
            self.acts[-1] = self.coming.pop(0)
