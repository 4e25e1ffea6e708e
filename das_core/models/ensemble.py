"""Ensembles: several models as one judge; an ascent divides its views among the models.

A pattern that only one of the models mistakes for the subject does not raise the scores of the others. Each of n
members sees every n-th view of an ascent, so an ensemble takes about as long as one model.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..common.images import Images
from .classifier import Classifier
from .clip import CLIP
from .judge import Judge
from .text_tower import TextTower

M = TypeVar("M", bound=Judge)


@dataclass(frozen=True, kw_only=True)
class ClassifierEnsemble(Classifier):
    """Several classifiers with the same classes as one judge: its logits are the mean of the members' logits."""

    models: tuple[Classifier, ...]

    @property
    def members(self) -> tuple[Classifier, ...]:
        """The classifiers of the ensemble."""
        return self.models

    def map_members(self, change: Callable[[Classifier], Classifier]) -> "ClassifierEnsemble":
        """Return the ensemble with `change` applied to every member; itself if no member changes."""
        made = _change_members(self.models, change)
        return self if made is self.models else replace(self, **_join(made), models=made)

    @classmethod
    def from_members(cls, members: Sequence[Classifier]) -> Self:
        """Return the ensemble of at least two classifiers with the same classes."""
        first = _check_count(members)[0]
        for other in members[1:]:
            if other.labels != first.labels:
                raise ValueError(
                    f"{first.name} and {other.name} know different classes ({len(first.labels)} and "
                    f"{len(other.labels)}), so they cannot answer as one: choose models that were trained on the same "
                    "classes, or give each an objective of its own"
                )
        return cls(**_join(members), labels=first.labels, models=tuple(members))

    def __call__(self, views: Tensor) -> Tensor:
        """Return the mean logits (V, classes) for views (V, 3, size, size), 0..1, of any size."""
        return torch.stack(_ask_members(self.members, views)).mean(dim=0)

    def probabilities(self, images: Images) -> Tensor:
        """Return the mean probability of every class for whole images."""
        return torch.stack([member.probabilities(images) for member in self.members]).mean(dim=0)

    def with_precision(self, dtype: torch.dtype) -> "ClassifierEnsemble":
        """Return this ensemble with the weights of all members in another precision."""
        return self.map_members(lambda member: member.with_precision(dtype))

    def to(self, device: torch.device | str) -> "ClassifierEnsemble":
        """Return this ensemble with all members on a device."""
        return self.map_members(lambda member: member.to(device))


@dataclass(frozen=True, kw_only=True)
class CLIPEnsemble(CLIP):
    """Several CLIPs as one judge. An embedding concatenates those of all members, each scaled to the same length, so
    that the cosine of two embeddings is the mean of the members' cosines.
    """

    models: tuple[CLIP, ...]

    @property
    def members(self) -> tuple[CLIP, ...]:
        """The CLIPs of the ensemble."""
        return self.models

    def map_members(self, change: Callable[[CLIP], CLIP]) -> "CLIPEnsemble":
        """Return the ensemble with `change` applied to every member; itself if no member changes."""
        made = _change_members(self.models, change)
        return self if made is self.models else self.from_members(made)

    @classmethod
    def from_members(cls, members: Sequence[CLIP]) -> Self:
        """Return the ensemble of at least two CLIPs; it has a text tower if all of them have one."""
        width = sum(member.width for member in _check_count(members))
        return cls(**_join(members), width=width, text=_join_towers(members), models=tuple(members))

    def __call__(self, views: Tensor) -> Tensor:
        """Return the embeddings (V, D) of views (V, 3, size, size), 0..1, of any size."""
        return _join_embeddings(_ask_members(self.members, views))

    def encode_images(self, images: Images) -> Tensor:
        """Return the embeddings of whole images; each member resizes them in its own way."""
        return _join_embeddings([member.encode_images(images) for member in self.members])

    def split(self, embeddings: Tensor) -> tuple[Tensor, ...]:
        """Return, for each member, its part (T, width) of embeddings (T, D), rescaled to length 1."""
        parts = embeddings.split([member.width for member in self.members], dim=1)
        return tuple(F.normalize(part, dim=1) for part in parts)

    def with_precision(self, dtype: torch.dtype) -> "CLIPEnsemble":
        """Return this ensemble with the weights of all members in another precision."""
        return self.map_members(lambda member: member.with_precision(dtype))

    def to(self, device: torch.device | str) -> "CLIPEnsemble":
        """Return this ensemble with all members on a device."""
        return self.map_members(lambda member: member.to(device))


def _change_members(members: tuple[M, ...], change: Callable[[M], M]) -> tuple[M, ...]:
    """Return the results of `change` for all members; if it changes no member, return the tuple `members` itself."""
    made = tuple(change(member) for member in members)
    return members if all(new is old for new, old in zip(made, members, strict=True)) else made


def _check_count(members: Sequence[M]) -> Sequence[M]:
    """Return the members of an ensemble, or raise a ValueError when there are fewer than two."""
    if len(members) < 2:
        raise ValueError(f"an ensemble of {len(members)} is none; give it at least two models")
    return members


def _join(members: Sequence[Judge]) -> dict[str, Any]:
    """Return the values of the fields of `Judge` for an ensemble of these members."""
    return {
        "name": " + ".join(member.name for member in members),
        "module": nn.ModuleList([member.module for member in members]),
        "size": max(member.size for member in members),
        "mean": (0.0, 0.0, 0.0),
        "std": (1.0, 1.0, 1.0),
    }


def _ask_members(members: Sequence[Judge], views: Tensor) -> list[Tensor]:
    """Resize views (V, 3, size, size), 0..1, to the view size of every member, and return the members' answers."""
    answers = []
    for member in members:
        fitted = views
        if views.shape[-1] != member.size:
            fitted = F.interpolate(views, size=member.size, mode="bilinear", antialias=True)
        answers.append(member(fitted))
    return answers


def _join_embeddings(embeddings: Sequence[Tensor]) -> Tensor:
    """Scale the members' embeddings to equal lengths, and concatenate them to embeddings of length 1."""
    return torch.cat([F.normalize(part, dim=-1) for part in embeddings], dim=-1) / math.sqrt(len(embeddings))


def _join_towers(members: Sequence[CLIP]) -> TextTower | None:
    """Return a text tower that joins the embeddings of the members' text towers; None if a member has none."""
    towers = [member.text for member in members if member.text is not None]
    if len(towers) < len(members):
        return None
    # Tokens are counted by the tower with the shortest context length, because it usually cuts off the most.
    shortest = min(towers, key=lambda tower: tower.context_length)
    return TextTower(
        lambda text: _join_embeddings([tower.embed(text) for tower in towers]),
        shortest.count,
        shortest.context_length,
        reads=lambda text: all(tower.reads(text) for tower in towers),
    )
