"""Teaches a judge to answer under noise as it answers without: it is its own teacher, and needs no labels."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from ..ascent.memory import is_out_of_memory
from ..common.devices import send_to_device
from ..common.interruption import interruptible_backward
from ..common.modes import own_modes
from ..common.scalars import check_number
from ..common.seeding import make_generator
from ..models.difference import THIN, Difference, add_difference, digest_weights, start_difference
from ..models.frozen import evaluating
from ..models.judge import Judge
from .answers import Answer, answer, find_head, measure_loss, mislead
from .crops import Lessons, corrupt, draw_crops

BATCH = 16
_RATES = {False: 1e-4, True: 3e-4}  # Of AdamW: for whole weights, and for the thin matrices of products.
_LAST = 0.02  # What is left of the rates at the end of a course, where its cosine goes.
_WARMING = 0.03  # The first share of a course, in which they grow.
_KEPT = 0.99  # How much of the average of the tensors a step keeps.
_LONGEST = 5.0  # The longest gradient.
_SMALL, _SMALL_UNTIL = 0.7, 0.55  # For as much of a course, crops are smaller, which takes half as long.
_NOISY, _NOISY_UNTIL = 0.24, 0.3  # At the beginning of the first course, no crop has less noise than this.
_MOST_MISLED = 6.0  # In the second, crops are changed by up to this length, at 224 pixels, so that they mislead,
_SLOWER = 2 / 3  # and its rates begin at this share.


@dataclass(frozen=True)
class Progress:
    """How far teaching has come: the share that is done, 0..1, crops seen, seconds taken, and the mean loss lately."""

    done: float
    crops: int
    seconds: float
    loss: float

    @property
    def seconds_left(self) -> float:
        """About how many seconds are left."""
        return self.seconds * (1 / self.done - 1) if self.done else math.inf


class Teaching:
    """A judge that is being taught; iterating goes on with it, batch by batch, and yields a `Progress`.

    What is learned is a `Difference` of the weights: all but those of the last layer of a classifier. The arguments are
    those of `teach`; in the second course, the share `misled` of the time at the end, crops also mislead.
    """

    @own_modes()
    def __init__(
        self,
        judge: Judge,
        lessons: Lessons,
        crops: int | None,
        minutes: float,
        rank: int = 32,
        seed: int = 0,
        misled: float = 0.3,
    ) -> None:
        check_number("crops", crops or BATCH, BATCH, 10**9, "40,000 carry far", whole=True)
        check_number("minutes", minutes, 0.01, 10**5, "30 carry far")
        check_number("rank", rank, 1, 4096, "32 is enough for the starters, at 2 MB", whole=True)
        check_number("misled", misled, 0, 1, "0.3 of the time is enough")
        self.judge, self._lessons, self._seed, self._first_course = judge, lessons, seed, 1 - misled
        self._crops, self._minutes = crops, minutes
        self.digest = digest_weights(judge.module)
        head = find_head(judge)
        frozen = {id(weight) for weight in head.parameters()} if head is not None else set()
        self._weights = {
            name: weight.detach()
            for name, weight in judge.module.named_parameters()
            if weight.is_floating_point() and id(weight) not in frozen
        }
        _check_teachable(judge, self._weights)
        drawn = start_difference(self._weights, rank, make_generator(seed, 1))
        self._tensors = {name: tensor.clone().requires_grad_() for name, tensor in drawn.items()}
        self._average = {name: tensor.clone() for name, tensor in drawn.items()}
        groups = [
            {"params": [one for name, one in self._tensors.items() if name.endswith(THIN) == thin], "top": rate}
            for thin, rate in _RATES.items()
        ]
        self._optimizer = torch.optim.AdamW([group for group in groups if group["params"]], weight_decay=0.0)
        self._side, self._chunk = _find_small_side(judge), BATCH
        self._step, self._seconds, self._loss = 0, 0.0, 0.0

    @property
    def progress(self) -> Progress:
        """How far it has come."""
        seen = self._step * BATCH
        done = self._seconds / 60 / self._minutes if self._crops is None else seen / self._crops
        return Progress(min(1.0, done), seen, self._seconds, self._loss)

    def __iter__(self) -> Iterator[Progress]:
        while self.progress.done < 1:
            begun = time.monotonic()
            loss = self._take_step()
            self._loss += (loss - self._loss) / min(self._step, 50)
            self._seconds += time.monotonic() - begun
            yield self.progress

    @property
    def difference(self) -> Difference:
        """What was learned so far: the average of the last tensors."""
        return Difference(self.judge.name, self.digest, {name: one.clone() for name, one in self._average.items()})

    @own_modes()
    def _take_step(self) -> float:
        """Show a batch of crops, change the tensors, and return the loss."""
        done, generator = self.progress.done, make_generator(self._seed, 2, self._step)
        first = self._first_course
        second = done >= first
        done = (done - first) / (1 - first) if second else done / first
        side = self._side if done < _SMALL_UNTIL else self.judge.size
        crops = draw_crops(self._lessons.teaching, BATCH, side, generator)
        noisy = corrupt(crops, _NOISY if done < _NOISY_UNTIL and not second else 0.0, generator)
        lengths = second * _MOST_MISLED * side / 224 * torch.rand(BATCH, generator=generator)
        drawn = torch.randn(crops.shape, generator=generator)
        loss = None
        while loss is None:
            try:
                loss = self._add_gradients(crops, noisy, lengths, drawn)
            except RuntimeError as error:
                if not is_out_of_memory(error) or self._chunk == 1:
                    raise
                self._chunk //= 2
        if not math.isfinite(loss):
            raise ValueError(
                f"the loss of {self.judge.name} is {loss} after {self._step * BATCH:,} crops, so it stops with what it "
                "had learned before; teach it with another seed or with other photographs"
            )
        torch.nn.utils.clip_grad_norm_(self._tensors.values(), _LONGEST)
        cosine = _LAST + (1 - _LAST) * (1 + math.cos(math.pi * done)) / 2
        for group in self._optimizer.param_groups:
            group["lr"] = group["top"] * (_SLOWER if second else 1) * cosine * min(1.0, 0.1 + done / _WARMING)
        self._optimizer.step()
        self._step += 1
        with torch.no_grad():
            for name, tensor in self._tensors.items():
                self._average[name].lerp_(tensor, 1 - min(_KEPT, (1 + self._step) / (10 + self._step)))
        return loss

    def _add_gradients(self, crops: Tensor, noisy: Tensor, lengths: Tensor, drawn: Tensor) -> float:
        """Compute the gradients of a batch, by chunks, and return its loss; for the last arguments see `mislead`."""
        judge = self.judge
        self._optimizer.zero_grad()
        amp = torch.autocast("cuda", torch.bfloat16) if judge.device.type == "cuda" else nullcontext()
        with evaluating(judge.module), amp, interruptible_backward(judge.device):
            with torch.no_grad():
                parts = [answer(judge, part) for part in self._send(crops)]
                wanted = Answer(*(torch.cat([getattr(one, name) for one in parts]) for name in ("output", "features")))
            loss = torch.zeros((), device=judge.device)
            sent = zip(*map(self._send, (noisy, lengths, drawn)), wanted.split(self._chunk), strict=True)
            for part, most, start, meant in sent:
                # Once a chunk: each backward pass frees what led to the weights.
                weights = add_difference(self._weights, self._tensors)
                shown = mislead(judge, part, meant, weights, most, start) if bool(lengths.any()) else part
                learned = answer(judge, shown, weights)
                part_of_loss = measure_loss(judge, learned, meant, wanted)
                part_of_loss.backward()
                loss += part_of_loss.detach()
        return float(loss)

    def _send(self, crops: Tensor) -> Iterator[Tensor]:
        """Yield crops, or what belongs to each, on the device of the judge, by chunks."""
        return (send_to_device(part, self.judge.device) for part in crops.split(self._chunk))

    def write_state(self) -> dict[str, Tensor]:
        """Return all that goes on from here: what is learned, its average, the optimizer's means, and numbers."""
        state = {"numbers": torch.tensor([self._step, self._seconds, self._loss], dtype=torch.float64)}
        for name, tensor in self._tensors.items():
            known = self._optimizer.state[tensor]  # Empty before the first step.
            means = {key: known.get(key, torch.zeros_like(tensor)) for key in ("exp_avg", "exp_avg_sq")}
            kept = {"now": tensor, "average": self._average[name]} | means
            state |= {f"{kind} {name}": value.detach().clone() for kind, value in kept.items()}
        return state

    def read_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `write_state` returned; a ValueError or a KeyError, before anything changes, for what is
        damaged."""
        for name, value in self.write_state().items():
            if state[name].shape != value.shape or not bool(state[name].isfinite().all()):
                raise ValueError(f"{name} is damaged")
        step, self._seconds, self._loss = state["numbers"].tolist()
        self._step = int(step)
        with torch.no_grad():
            for name, tensor in self._tensors.items():
                tensor.copy_(state[f"now {name}"])
                self._average[name].copy_(state[f"average {name}"])
                means = {key: state[f"{key} {name}"].to(tensor, copy=True) for key in ("exp_avg", "exp_avg_sq")}
                self._optimizer.state[tensor] = {"step": torch.tensor(step, dtype=torch.float32), **means}


def _check_teachable(judge: Judge, weights: Mapping[str, Tensor]) -> None:
    """Raise a ValueError when a judge cannot be taught."""
    if len(judge.members) > 1:
        raise ValueError(f"{judge.name} are {len(judge.members)} models; teach each by itself")
    if not weights:
        raise ValueError(f"{judge.name} has no weights of floating point that could learn; load it in fp32")
    kinds = sorted({str(weight.dtype).removeprefix("torch.") for weight in weights.values()})
    if kinds != ["float32"]:
        raise ValueError(
            f"{judge.name} has weights in {', '.join(kinds)}, whose steps are too coarse to learn; load it in fp32"
        )
    judge(torch.zeros(1, 3, judge.size, judge.size, device=judge.device))


def _find_small_side(judge: Judge) -> int:
    """Return the side of the smaller crops: 0.7 of a view, or a whole view for a judge that takes no other size."""
    side = max(32, round(_SMALL * judge.size / 32) * 32)
    try:
        usual = judge.probe(torch.zeros(1, 3, judge.size, judge.size))
        small = judge.probe(torch.zeros(1, 3, side, side))
    except ValueError:
        return judge.size
    return min(side, judge.size) if small.shape == usual.shape else judge.size
