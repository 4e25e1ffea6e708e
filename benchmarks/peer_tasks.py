"""The same eight tasks in several libraries, as code that runs, and how many lines of code each task takes.

The body of every task function is the code of a user who already has a `model` of torchvision in evaluation mode, a
photograph `PHOTO` and a vector `VECTOR`, a direction in the channels of a layer. The imports in the body count as
lines, the signature does not. The arguments `short` make the run short, keep lucent from showing pictures, and make
horama use the CPU; they add no line to the count. If this module has no function for a task in a library, the library
cannot do the task, unless the user rewrites parts of the library.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

# Random pixels in place of a photograph, (1, 3, 224, 224), 0..1
PHOTO = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
VECTOR = torch.linspace(-1, 1, 512)  # A direction in the 512 channels of layer4 of a ResNet-18
# By library, the arguments `short` of its functions, see the docstring of this module
SHORT: Mapping[str, Mapping[str, Any]] = {
    "direct_ascent": {"size": 64, "steps": 2, "progress": False},
    "lucent": {"thresholds": (2,), "progress": False, "show_image": False},
    "horama": {"total_steps": 2, "image_size": 64, "device": "cpu"},
}
Task = Callable[[nn.Module, Mapping[str, Any]], Any]


class Row(NamedTuple):
    """One task: its title, the functions that do it by library, and notes for the table by library."""

    title: str
    ways: Mapping[str, Task]
    notes: Mapping[str, str] = {}


def channel_ours(model: nn.Module, short: Mapping[str, Any]) -> Any:
    import direct_ascent as da

    return da.render(model, "layer4:12", **short)


def channel_lucent(model: nn.Module, short: Mapping[str, Any]) -> Any:
    from lucent.optvis import render

    return render.render_vis(model, "layer4:12", **short)


def channel_horama(model: nn.Module, short: Mapping[str, Any]) -> Any:
    from horama import fourier
    from torchvision.models.feature_extraction import create_feature_extractor

    layer = create_feature_extractor(model, ["layer4"])
    return fourier(lambda images: layer(images)["layer4"][:, 12].mean(), **short)


def channels_ours(model: nn.Module, short: Mapping[str, Any]) -> Any:
    import direct_ascent as da

    return da.render(model, da.channels("layer4", range(8)), **short)


def channels_lucent(model: nn.Module, short: Mapping[str, Any]) -> Any:
    from lucent.optvis import objectives, param, render

    wish = objectives.Objective.sum([objectives.channel("layer4", number, batch=number) for number in range(8)])
    return render.render_vis(model, wish, lambda: param.image(128, batch=8), **short)


def channels_horama(model: nn.Module, short: Mapping[str, Any]) -> Any:
    from horama import fourier
    from torchvision.models.feature_extraction import create_feature_extractor

    layer = create_feature_extractor(model, ["layer4"])
    return [fourier(lambda images, n=n: layer(images)["layer4"][:, n].mean(), **short) for n in range(8)]


def neuron_ours(model: nn.Module, short: Mapping[str, Any]) -> Any:
    import direct_ascent as da

    return da.render(model, da.neuron("layer4", 12), **short)


def neuron_lucent(model: nn.Module, short: Mapping[str, Any]) -> Any:
    from lucent.optvis import objectives, render

    return render.render_vis(model, objectives.neuron("layer4", 12), **short)


def neuron_horama(model: nn.Module, short: Mapping[str, Any]) -> Any:
    from horama import fourier
    from torchvision.models.feature_extraction import create_feature_extractor

    layer = create_feature_extractor(model, ["layer4"])
    return fourier(lambda images: layer(images)["layer4"][:, 12, 3, 3].mean(), **short)


def direction_ours(model: nn.Module, short: Mapping[str, Any]) -> Any:
    import direct_ascent as da

    return da.render(model, da.direction("layer4", VECTOR), **short)


def direction_lucent(model: nn.Module, short: Mapping[str, Any]) -> Any:
    from lucent.optvis import objectives, render

    return render.render_vis(model, objectives.direction("layer4", VECTOR), **short)


def direction_horama(model: nn.Module, short: Mapping[str, Any]) -> Any:
    from horama import fourier
    from torchvision.models.feature_extraction import create_feature_extractor

    layer = create_feature_extractor(model, ["layer4"])
    return fourier(lambda images: (layer(images)["layer4"].mean(dim=(2, 3)) @ VECTOR).mean(), **short)


def caricature_ours(model: nn.Module, short: Mapping[str, Any]) -> Any:
    import direct_ascent as da

    return da.render(model, da.caricature(PHOTO, "layer3"), start=PHOTO, **short)


def caricature_lucent(model: nn.Module, short: Mapping[str, Any]) -> Any:
    from lucent.optvis import objectives, param, render, transform
    from torchvision.models.feature_extraction import create_feature_extractor

    seen = create_feature_extractor(model, ["layer3"])(transform.normalize()(PHOTO))["layer3"].detach()
    wish = objectives.Objective(lambda layers: -(layers("layer3") * seen).mean())
    return render.render_vis(model, wish, lambda: param.image(224), transforms=[], **short)


def caricature_horama(model: nn.Module, short: Mapping[str, Any]) -> Any:
    from horama import accentuation
    from torchvision.models.feature_extraction import create_feature_extractor
    from torchvision.transforms.functional import normalize

    layer = create_feature_extractor(model, ["layer3"])
    photo = normalize(PHOTO, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    seen = layer(photo)["layer3"].mean(dim=(2, 3))[0].detach()
    return accentuation(lambda images: (layer(images)["layer3"].mean(dim=(2, 3)) @ seen).mean(), photo[0], **short)


def class_ours(model: nn.Module, short: Mapping[str, Any]) -> Any:
    import direct_ascent as da

    return da.render(model, "jellyfish", **short)


def class_lucent(model: nn.Module, short: Mapping[str, Any]) -> Any:
    from lucent.optvis import render

    return render.render_vis(model, "labels:107", **short)


def class_horama(model: nn.Module, short: Mapping[str, Any]) -> Any:
    from horama import fourier

    return fourier(lambda images: model(images)[:, 107].mean(), **short)


def diversity_ours(model: nn.Module, short: Mapping[str, Any]) -> Any:
    import direct_ascent as da

    return da.render(model, da.channel("layer4", 12) + 0.5 * da.diversity("layer3"), batch=4, **short)


def diversity_lucent(model: nn.Module, short: Mapping[str, Any]) -> Any:
    from lucent.optvis import objectives, param, render

    wish = objectives.channel("layer4", 12) - 1e2 * objectives.diversity("layer3")
    return render.render_vis(model, wish, lambda: param.image(128, batch=4), **short)


def views_ours(model: nn.Module, short: Mapping[str, Any]) -> Any:
    import direct_ascent as da

    return da.render(model, lambda views: views[:, 0].mean(dim=(1, 2)) - views[:, 1:].mean(dim=(1, 2, 3)), **short)


def views_lucent(model: nn.Module, short: Mapping[str, Any]) -> Any:
    from lucent.optvis import objectives, render
    from torch import nn

    wish = objectives.Objective(lambda layers: layers("0")[:, 1:].mean() - layers("0")[:, 0].mean())
    return render.render_vis(nn.Sequential(nn.Identity(), model), wish, preprocess=False, **short)


def views_horama(model: nn.Module, short: Mapping[str, Any]) -> Any:
    from horama import fourier

    return fourier(lambda views: views[:, 0].mean() - views[:, 1:].mean(), **short)


def _by_library(ours: Task, lucent: Task, horama: Task | None = None) -> dict[str, Task]:
    return {"direct_ascent": ours, "lucent": lucent} | ({"horama": horama} if horama else {})


TASKS = (
    Row("a channel", _by_library(channel_ours, channel_lucent, channel_horama)),
    Row(
        "eight channels at once",
        _by_library(channels_ours, channels_lucent, channels_horama),
        {"horama": "one after another"},
    ),
    Row("a neuron", _by_library(neuron_ours, neuron_lucent, neuron_horama)),
    Row("a direction", _by_library(direction_ours, direction_lucent, direction_horama)),
    Row(
        "a caricature of a photograph",
        _by_library(caricature_ours, caricature_lucent, caricature_horama),
        {"lucent": "from noise", "horama": "of the mean over all places"},
    ),
    Row("a class", _by_library(class_ours, class_lucent, class_horama), {"lucent": "by number", "horama": "by number"}),
    Row("diversity of a batch", _by_library(diversity_ours, diversity_lucent)),
    Row(
        "an objective of one's own on views",
        _by_library(views_ours, views_lucent, views_horama),
        {"lucent": "through a layer put before the model"},
    ),
)


def count_lines(task: Task) -> int:
    """Return how many lines of code are below the signature of a function, imports included."""
    lines = [line.strip() for line in inspect.getsource(task).splitlines()[1:]]
    return sum(bool(line) and not line.startswith("#") for line in lines)


def tabulate(libraries: Mapping[str, str]) -> str:
    """Return a table of the lines that every task takes, with a column of this title for each library."""
    rows = [f"| task | {' | '.join(libraries.values())} |", "|---" * (1 + len(libraries)) + "|"]
    for row in TASKS:
        cells = []
        for library in libraries:
            task, note = row.ways.get(library), row.notes.get(library)
            cells.append("cannot" if task is None else f"{count_lines(task)}{f' ({note})' if note else ''}")
        rows.append(f"| {row.title} | {' | '.join(cells)} |")
    return "\n".join(rows)
