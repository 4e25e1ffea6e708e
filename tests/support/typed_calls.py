"""Calls for mypy alone, which `make lint` runs: with `type: ignore` a call must not pass, or the ignore is unused."""

import torch
from torch import Tensor, nn

import direct_ascent as da


def documented(model: nn.Module, photo: Tensor) -> None:
    judge = da.wrap(model, size=224, labels=["cat", "dog"])
    jellyfish = da.classes("jellyfish").on(judge)
    (0.5 * da.classes(107, "margin").on(judge))
    da.classes([107, "goldfish", ("castle", -0.5)]).on(judge)
    da.text("a castle\nwater: -0.5", "cosine").on(da.load_starter_clip())
    da.image(photo).on(judge)
    da.feature("layer4", "channel", 12).on(judge)
    da.feature("layer4", "direction", direction=torch.ones(80)).on(judge)
    wish = 0.7 * da.text("a castle") - 0.3 * da.channel("layer3", 5) + 0.5 * jellyfish
    da.render(da.load_starters(), "jellyfish", size=64, steps=2, progress=False).save("jellyfish.png")
    da.render(model, wish, recipe="sketch", start=photo, within=8 / 255, parametrization="fourier", device="cpu")
    da.render(model, [jellyfish - da.diversity("layer3"), 3, "layer4:12"], recipe=da.Recipe(steps=512, focus=None))
    da.render(model, lambda views: views[:, 0].mean(dim=(1, 2)), callback=lambda step: step.record.step == 3)
    made = da.render(judge, da.image(photo) - 0.5 * da.embedding(photo[0], "layer4"), within=da.Within(0.1), until=0.5)
    da.zoom(judge, ["castle", "volcano"], start=da.film(judge, "castle", start=made.stack).stack)
    da.wrap(model, convert=lambda views: views[:, :1], labels=[])
    da.film(model, {0: "castle", 12: da.classes([1, "volcano"])}, loop=True, path="morph.mp4").save("a.gif", fps=8)
    da.zoom(judge, ["castle", "volcano"], factor=3).stack.image()
    asked = [da.over_steps(jellyfish, 1, 0, "cosine"), jellyfish + 0.1 * da.prior("total_variation")]
    da.Ascent(da.ImageStack.gray(da.StackSpec(64, 64)), asked, steps=2, schedule=lambda progress: 1.0).run()


def wrong(model: nn.Module, judge: da.Judge, stack: da.ImageStack) -> None:
    da.render(model, "jellyfish", recipe="skech")  # type: ignore[arg-type]
    da.film(model, "0: castle / 12: volcano", recipe="skech")  # type: ignore[arg-type]
    da.zoom(model, ["castle", "volcano"], recipe="skech")  # type: ignore[arg-type]
    da.render(model, "jellyfish", parametrization="pixel")  # type: ignore[arg-type]
    da.render("resnet18", "jellyfish")  # type: ignore[arg-type]
    da.classes("jellyfish", "logits").on(judge)  # type: ignore[arg-type]
    da.classes("jellyfish").on(model)  # type: ignore[arg-type]
    da.classes(1.5)  # type: ignore[arg-type]
    da.feature("layer4", "chanel", 12).on(judge)  # type: ignore[arg-type]
    da.text("a castle", "cosin").on(judge)  # type: ignore[arg-type]
    da.over_steps(da.prior("l2"), 0, 1, "cosin")  # type: ignore[arg-type]
    da.prior("l3")  # type: ignore[arg-type]
    da.StackSpec(64, 64, method="exakt")  # type: ignore[arg-type]
    da.Ascent(stack, da.prior("l2"), schedule="linear")  # type: ignore[arg-type]
    da.Ascent(stack, da.prior("l2"), focus="automatic")  # type: ignore[arg-type]
    da.text("a castle") + 1  # type: ignore[operator]
