"""Make those pictures of the help pages that are no screenshots of ComfyUI.

    make pictures [ARGS="DAS_Optimize ..."]

The pictures show thumbnails of the example workflows, results of ascents with few steps and views, photographs, views
of a picture, or charts. All ascents together take minutes. Screenshots of ComfyUI's page (`SCREENSHOTS`) are taken by
hand.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

import torch
from matplotlib.figure import Figure
from PIL import Image
from torchvision.transforms.functional import to_tensor

from das_core import (
    SECOND_OPINION,
    ColorShift,
    ContentObjective,
    FeatureObjective,
    PatchMask,
    Perspective,
    Prior,
    ScheduledObjective,
    TextObjective,
    Time,
    Transform,
    classify,
    compare_with_texts,
    load_starter,
    load_starter_clip,
    make_tracks,
    measure_spectrum,
    move_camera,
    plot_history,
    render_level_sheets,
    render_stack,
    score_images,
)
from das_core.common.curves import Curve
from das_core.models.sources import THIRD_OPINION
from das_core.report import plot_predictions, plot_scores, plot_similarities, plot_spectrum
from das_core.report.chart import render_figure
from generators.diffusion_pictures import picture_denoiser, picture_guidance
from generators.help_ascents import ask_for, climb_castle, draw, draw_views, photograph, stack_photograph
from generators.help_pictures import (
    make_row,
    read_thumbnail,
    stack_rows,
    to_picture,
    write_picture,
)
from repository import REPOSITORY

DOCS = REPOSITORY / "web" / "docs"
INPUT = REPOSITORY / "example_workflows" / "input"

SCREENSHOTS = ("DAS_CLIPFromComfyUI", "DAS_DenoiserFromUpscaleModel", "DAS_SaveStack")
"""Nodes whose help page has a screenshot, which shows the node connected to others."""


def _compare_transforms(weak: Transform, strong: Transform, captions: Sequence[str]) -> Image.Image:
    """Return two rows of views of one picture: the upper row with a weak transform, the lower row with a strong one.

    `captions` has one caption for each row.
    """
    views = [draw_views([transform], count=3) for transform in (weak, strong)]
    return stack_rows([make_row(row, ["", caption, ""]) for row, caption in zip(views, captions, strict=True)])


def _picture_loaders() -> Image.Image:
    models = [load_starter(starter) for starter in (THIRD_OPINION, SECOND_OPINION)]
    pictures = [to_picture(climb_castle().image), *(draw(ask_for("castle", model)) for model in models)]
    return make_row(pictures, ["Lite0", "Lite1", "Lite2"])


def _picture_clips() -> Image.Image:
    clips = [load_starter_clip(), load_starter_clip(SECOND_OPINION)]
    pictures = [draw(TextObjective.from_text(clip, "a coral reef full of fish")) for clip in clips]
    return make_row(pictures, ["starter", "second_opinion"])


def _picture_stack() -> Image.Image:
    tile = read_thumbnail("wallpaper_1024").resize((128, 128), Image.Resampling.LANCZOS)
    wall = Image.new("RGB", (256, 256))
    for place in range(4):
        wall.paste(tile, (place % 2 * 128, place // 2 * 128))
    pictures = [read_thumbnail("class_to_image"), read_thumbnail("inpaint"), wall]
    return make_row(pictures, ["gray", "with a mask", "tile"])


def _picture_augmentation() -> Image.Image:
    views = draw_views(count=6)
    return stack_rows([make_row(views[:3], [""] * 3), make_row(views[3:], [""] * 3)])


def _picture_layers() -> Image.Image:
    layers = ("blocks.1", "blocks.3", "blocks.5")
    objectives = [FeatureObjective.from_layer(load_starter(), layer, kind="layer") for layer in layers]
    return make_row([draw(objective, stack_photograph(), steps=15) for objective in objectives], layers)


def _picture_content() -> Image.Image:
    layers = ("blocks.1", "blocks.5")
    objectives = [ContentObjective.from_images(load_starter(), photograph(), layer) for layer in layers]
    pictures = [to_picture(photograph()), *(draw(objective) for objective in objectives)]
    return make_row(pictures, ["image", "blocks.1", "blocks.5"])


def _picture_style() -> Image.Image:
    # The pictures that the template style_transfer loads.
    content, style = (Image.open(INPUT / f"direct_ascent_{name}.jpg") for name in ("castle", "feathers"))
    return make_row([content, style, read_thumbnail("style_transfer")], ["content", "style", "result"])


def _picture_load_stack() -> Image.Image:
    saved = climb_castle().stack
    pictures = [to_picture(climb_castle().image), draw(ask_for("castle"), saved), draw(ask_for("volcano"), saved)]
    return make_row(pictures, ["saved", "30 steps\nmore", "30 steps\nof volcano"])


def _picture_prior() -> Image.Image:
    smooth = draw(ask_for("castle"), None, Prior("total_variation", weight=0.5))
    return make_row([to_picture(climb_castle().image), smooth], ["without", "total_variation 0.5"])


def _picture_schedule() -> Image.Image:
    figure = Figure(figsize=(4, 2.6), dpi=100, layout="constrained")
    axes = figure.add_subplot(xlabel="share of the steps", ylabel="weight")
    moments = [step / 100 for step in range(101)]
    curves: tuple[Curve, ...] = ("linear", "cosine", "step")
    for curve in curves:
        objective = ScheduledObjective(ask_for("castle"), start=1.0, end=0.2, curve=curve)
        axes.plot(moments, [objective.terms()[0].weight_at(moment) for moment in moments], label=curve)
    axes.legend()
    return to_picture(render_figure(figure))


def _picture_keyframes() -> Image.Image:
    figure = Figure(figsize=(4, 3.6), dpi=100, layout="constrained")
    frames = 12
    curves: tuple[Curve, ...] = ("linear", "cosine", "step")
    for number, curve in enumerate(curves, start=1):
        axes = figure.add_subplot(3, 1, number, ylabel=curve)
        for track in make_tracks("0: castle / 6: volcano", ask_for, curve):
            (weights,) = (term.image_weights(Time(frames, loop=True).timeline) for term in track.terms())
            assert weights is not None
            axes.plot(range(frames), weights, marker=".", label=track.name)
    axes.set_xlabel("frame")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return to_picture(render_figure(figure))


def _picture_scales() -> Image.Image:
    scales = (0.5, 1.0, 2.0)
    pictures = [to_picture(render_stack(climb_castle().stack, scale)) for scale in scales]
    sheet = Image.new("RGB", (sum(picture.width for picture in pictures) + 24, pictures[-1].height), (32, 32, 32))
    left = 0
    for picture in pictures:
        sheet.paste(picture, (left, sheet.height - picture.height))
        left += picture.width + 12
    return sheet


def _picture_camera() -> Image.Image:
    frames = move_camera(photograph(300), "0: 0.5 0.5 1 / 1: 0.35 0.35 2 / 2: 0.32 0.32 4 20", size=150)
    return make_row([to_picture(frame[None]) for frame in frames], ["zoom 1", "zoom 2", "zoom 4\nroll 20"])


def _picture_verdict() -> Image.Image:
    model = load_starter(SECOND_OPINION)
    return to_picture(plot_predictions(classify(model, to_tensor(read_thumbnail("best"))[None]), model.name))


def _picture_similarities() -> Image.Image:
    texts = ["a coral reef full of fish", "a castle on a hill", "a cup of coffee"]
    clip = load_starter_clip(SECOND_OPINION)
    table = compare_with_texts(clip, to_tensor(read_thumbnail("text_to_image"))[None], texts)
    return to_picture(plot_similarities(table, texts, clip.name))


def _picture_scores() -> Image.Image:
    images = torch.stack([to_tensor(read_thumbnail("four_variations", 2, cell)) for cell in range(4)])
    wish = TextObjective.from_text(load_starter_clip(SECOND_OPINION), "a butterfly on a purple flower", "cosine")
    scores = score_images(images, [wish])
    row = make_row([to_picture(image[None]) for image in images], [f"{number}" for number in range(1, 5)])
    chart = to_picture(plot_scores(scores))
    return stack_rows([row, chart.resize((row.width, round(chart.height * row.width / chart.width)))])


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "DAS_Augmentation": _picture_augmentation,
    "DAS_Camera": _picture_camera,
    "DAS_ClassObjective": lambda: make_row(
        [read_thumbnail("best"), read_thumbnail("class_to_image"), read_thumbnail("timelapse", 4, 15)],
        ["castle", "koala", "volcano"],
    ),
    "DAS_Classify": _picture_verdict,
    "DAS_ColorShift": lambda: _compare_transforms(
        ColorShift(0.1, 0.1), ColorShift(0.5, 0.5), ["shifts of 0.1", "shifts of 0.5"]
    ),
    "DAS_ContentObjective": _picture_content,
    "DAS_DenoiserFromDiffusion": picture_denoiser,
    "DAS_EditStack": lambda: read_thumbnail("edit_levels"),
    "DAS_Ensemble": lambda: make_row([read_thumbnail("prompt_ensemble")], [""]),
    "DAS_FeatureObjective": lambda: read_thumbnail("feature_gallery"),
    "DAS_FilmStack": lambda: stack_rows(
        [make_row([read_thumbnail("morph", 4, cell) for cell in cells], [""] * 3) for cells in ((0, 2, 4), (6, 8, 10))]
    ),
    "DAS_GuideDiffusion": picture_guidance,
    "DAS_ImageObjective": lambda: make_row(
        [to_picture(photograph()), read_thumbnail("reconstruct_from_embedding")], ["image", "result"]
    ),
    "DAS_ImageStack": _picture_stack,
    "DAS_Keyframes": _picture_keyframes,
    "DAS_ListLayers": _picture_layers,
    "DAS_LoadCLIP": _picture_clips,
    "DAS_LoadClassifier": _picture_loaders,
    "DAS_LoadStack": _picture_load_stack,
    "DAS_ObjectiveScore": _picture_scores,
    "DAS_Optimize": lambda: make_row(
        [read_thumbnail("timelapse", 4, cell) for cell in (2, 5, 15)], ["early", "later", "at the end"]
    ),
    "DAS_PatchMask": lambda: _compare_transforms(
        PatchMask(1, 0.2), PatchMask(4, 0.4), ["1 patch of 0.2", "4 patches of 0.4"]
    ),
    "DAS_Perspective": lambda: _compare_transforms(
        Perspective(0.1), Perspective(0.3), ["distortion 0.1", "distortion 0.3"]
    ),
    "DAS_PickClass": lambda: make_row([read_thumbnail("sketch")], ["school bus"]),
    "DAS_PlotHistory": lambda: to_picture(plot_history(climb_castle().history)),
    "DAS_Prior": _picture_prior,
    "DAS_Region": lambda: read_thumbnail("two_regions"),
    "DAS_Schedule": _picture_schedule,
    "DAS_Similarity": _picture_similarities,
    "DAS_Spectrum": lambda: to_picture(plot_spectrum(measure_spectrum(climb_castle().image))),
    "DAS_StackLevels": lambda: to_picture(render_level_sheets(climb_castle().stack)),
    "DAS_StackToImage": _picture_scales,
    "DAS_StyleObjective": _picture_style,
    "DAS_TextObjective": lambda: make_row([read_thumbnail("text_to_image")], [""]),
    "DAS_ZoomStack": lambda: stack_rows(
        [
            make_row([read_thumbnail("infinite_zoom", 3, cell) for cell in cells], [""] * 3)
            for cells in ((0, 1, 2), (3, 4, 5))
        ]
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="make_help_pictures", description="Make the pictures of the help pages.")
    parser.add_argument("nodes", nargs="*", metavar="NODE", help="a node's id; without one, all")
    for node in parser.parse_args(arguments).nodes or PICTURES:
        if node not in PICTURES:
            print(f"there is no picture for {node}; there is one for {', '.join(PICTURES)}", file=sys.stderr)
            return 2
        folder = DOCS / node
        folder.mkdir(exist_ok=True)
        size = write_picture(folder / "picture.jpg", PICTURES[node]())
        print(f"{node}: {size} bytes", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
