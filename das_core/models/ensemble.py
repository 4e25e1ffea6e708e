"""Ensembles: several models as one judge; an ascent divides its views among them, so it takes as long as with one."""

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..common.images import Images
from .classifier import Classifier
from .clip import CLIP
from .judge import Judge
from .text_tower import TextTower


@dataclass(frozen=True, kw_only=True)
class _Ensemble(Judge, ABC):
    """What all ensembles do with their members, `models`."""

    models: tuple[Any, ...]

    @property
    def members(self) -> tuple[Any, ...]:
        return self.models

    def map_members(self, change: Callable[[Any], Any]) -> Self:
        changed = tuple(map(change, self.models))
        return self if all(map(operator.is_, changed, self.models)) else self.from_members(changed)

    @classmethod
    def from_members(cls, members: Sequence[Any]) -> Self:
        """Return the ensemble of at least two judges."""
        if len(members) < 2:
            raise ValueError(f"an ensemble of {len(members)} is none; give it at least two models")
        return cls(
            name=" + ".join(member.name for member in members),
            module=nn.ModuleList([member.module for member in members]),
            size=max(member.size for member in members),
            mean=(0.0, 0.0, 0.0),
            std=(1.0, 1.0, 1.0),
            **cls._join(members),
            models=tuple(members),
        )

    @classmethod
    @abstractmethod
    def _join(cls, members: Sequence[Any]) -> dict[str, Any]:
        """Return the values of the fields that the class adds to those of `Judge`."""

    def _ask_members(self, views: Tensor) -> list[Tensor]:
        """Resize views (V, 3, S, S), 0..1, to the view size of every member, and return the members' answers."""
        answers = []
        for member in self.models:
            fitted = views
            if views.shape[-1] != member.size:
                fitted = F.interpolate(views, size=member.size, mode="bilinear", antialias=True)
            answers.append(member(fitted))
        return answers


@dataclass(frozen=True, kw_only=True)
class ClassifierEnsemble(_Ensemble, Classifier):
    """Several classifiers with the same classes as one judge: its logits are the mean of the members' logits."""

    @classmethod
    def _join(cls, members: Sequence[Classifier]) -> dict[str, Any]:
        first = members[0]
        for other in members[1:]:
            if other.labels != first.labels:
                raise ValueError(
                    f"{first.name} and {other.name} know different classes ({len(first.labels)} and "
                    f"{len(other.labels)}), so they cannot answer as one: choose models that were trained on the same "
                    "classes, or give each an objective of its own"
                )
        return {"labels": first.labels}

    def __call__(self, views: Tensor) -> Tensor:
        """Return the mean logits (V, classes) for views (V, 3, S, S), 0..1, of any size."""
        return torch.stack(self._ask_members(views)).mean(dim=0)

    def probabilities(self, images: Images) -> Tensor:
        """Return the mean probability of every class for whole images."""
        return torch.stack([member.probabilities(images) for member in self.models]).mean(dim=0)


@dataclass(frozen=True, kw_only=True)
class CLIPEnsemble(_Ensemble, CLIP):
    """Several CLIPs as one judge. An embedding concatenates those of all members, each scaled to the same length, so
    that the cosine of two embeddings is the mean of the members' cosines."""

    @classmethod
    def _join(cls, members: Sequence[CLIP]) -> dict[str, Any]:
        towers, text = [member.text for member in members if member.text is not None], None
        if len(towers) == len(members):
            # Tokens are counted by the tower with the shortest context length, because it usually cuts off the most.
            shortest = min(towers, key=lambda tower: tower.context_length)
            text = TextTower(
                lambda text: _join_embeddings([tower.embed(text) for tower in towers]),
                shortest.count,
                shortest.context_length,
                reads=lambda text: all(tower.reads(text) for tower in towers),
            )
        return {"width": sum(member.width for member in members), "text": text}

    def __call__(self, views: Tensor) -> Tensor:
        """Return the embeddings (V, D) of views (V, 3, S, S), 0..1, of any size."""
        return _join_embeddings(self._ask_members(views))

    def encode_images(self, images: Images) -> Tensor:
        """Return the embeddings of whole images; each member resizes them in its own way."""
        return _join_embeddings([member.encode_images(images) for member in self.models])

    def split(self, embeddings: Tensor) -> tuple[Tensor, ...]:
        """Return, for each member, its part (T, width) of embeddings (T, D), rescaled to length 1."""
        parts = embeddings.split([member.width for member in self.models], dim=1)
        return tuple(F.normalize(part, dim=1) for part in parts)


def _join_embeddings(embeddings: Sequence[Tensor]) -> Tensor:
    """Scale the members' embeddings to equal lengths, and concatenate them to embeddings of length 1."""
    return torch.cat([F.normalize(part, dim=-1) for part in embeddings], dim=-1) / math.sqrt(len(embeddings))
