"""The node Direct Ascent Teach Judge."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ...das_core.common.text import shorten
from ...das_core.models.clip import CLIP
from ...das_core.models.judge import Judge
from ...das_core.teaching.agreement import measure_agreement
from ...das_core.teaching.crops import Lessons, read_lessons
from ...das_core.teaching.teach import Watch, teach
from ...das_core.teaching.teaching import BATCH, Progress
from .. import bridge
from ..node import Node
from ..schema import Classifier, Clip, schema, tip
from .taught import name_files

_PLAIN = re.compile(r'[^.\s\\/:*?"<>|\x00-\x1f\x7f][^\\/:*?"<>|\x00-\x1f\x7f]*')
_MOST_BYTES = 150  # Of a name: a file system takes 255, and endings are added.
_PARTS = 1000  # Of the bar, for each model.


class TeachJudge(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        kind = io.MatchType.Template("model", [Classifier, Clip])
        return schema(
            node_id="DAS_TeachJudge",
            display_name="Direct Ascent Teach Judge",
            category="Direct Ascent/models",
            description="Teach a classifier or a CLIP to see through noise: it learns to answer under noise as it "
            "does without. Pictures made with it show whole things rather than parts side by side. It needs a folder "
            "of photographs, a thousand of many things, and half an hour on two cores; no labels. What is learned is "
            "a file in models/taught, which Load Classifier and Load CLIP Judge offer. After Cancel, the next run goes "
            "on.",
            aliases="train, finetune, fine-tune, lora, robust, denoise, distill",
            advanced=["rank", "seed"],
            inputs=[
                tip(
                    io.MatchType.Input("model", kind),
                    "What to teach, in fp32, from Load Classifier, Load CLIP Judge or CLIP from ComfyUI. Of two models "
                    "as one, each is taught in turn.",
                ),
                tip(
                    io.Combo.Input("photographs", options=bridge.list_picture_folders(), extra_dict={"files": True}),
                    "The folder with the photographs: one inside ComfyUI's input folder, or that folder itself. At "
                    "least 8, better a thousand of what you will ask for; one of 16 is kept to test with. Press R to "
                    "see new ones.",
                ),
                tip(
                    io.Float.Input("minutes", default=30.0, min=0.01, max=10_000.0, step=0.05),
                    "For how long each model is taught. 5 are a beginning, 30 on two cores carry far. After Cancel, "
                    "the next run goes on, and one with fewer minutes ends where it was.",
                ),
                tip(
                    io.String.Input("name", default="taught"),
                    "What the file is called, in models/taught; of two models NAME-1 and NAME-2. A run with the same "
                    "inputs reads it, or goes on with it; one with others needs another name.",
                ),
                tip(
                    io.Int.Input("rank", default=32, min=1, max=4096),
                    "How much can change. 8: a small file. 64: twice the size of 32, and a little more is learned.",
                ),
                tip(
                    # Without the choice what comes after a run: each new seed would be another half an hour.
                    io.Int.Input("seed", default=0, min=0, max=2**64 - 1, control_after_generate=False),
                    "Which crops and which noise it sees. No seed teaches more than another.",
                ),
                io.Image.Input(
                    "images", optional=True, tooltip="Photographs as a batch, in place of those in the folder."
                ),
            ],
            outputs=[
                io.MatchType.Output(kind, "model", tooltip="The model that was taught, for all that takes this kind."),
                io.String.Output(
                    "agreement",
                    tooltip="How often it answers to photographs under noise as it did without: before and after.",
                ),
            ],
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, photographs: Any = None, **_: Any) -> int:
        """Return a number that changes with the files in the folder, so that ComfyUI runs the node again."""
        try:
            return bridge.find_picture_folder(photographs).stat().st_mtime_ns
        except (OSError, ValueError):
            return 0  # The folder is gone, or its name comes through a link. Running the node raises the error.

    @classmethod
    def execute(
        cls,
        model: Judge,
        photographs: str,
        minutes: float,
        name: str,
        rank: int,
        seed: int,
        images: Tensor | None = None,
    ) -> io.NodeOutput:
        files = name_files(_check_name(name), len(model.members))
        given = bridge.find_picture_folder(photographs) if images is None else bridge.from_comfy_images(images)
        said: list[str] = []

        def teach_member(member: Judge) -> Judge:
            number = len(said)
            path = bridge.find_model_folder(bridge.TAUGHT) / files[number]
            with _follow(number, len(files)) as watch:
                taught = teach(member, lessons, minutes=minutes, rank=rank, seed=seed, path=path, watch=watch)
            with bridge.Wait("measuring agreement"):
                before, after = (measure_agreement(member, one, lessons) for one in (member, taught))
            said.append(_describe(member.name, lessons, before, after))
            return taught

        with bridge.free_cache_on_exit():
            bridge.load_judges([model], BATCH)
            with bridge.Wait("reading photographs"):
                lessons = read_lessons(given, model.size)
            taught = model.map_members(teach_member)
        managed = bridge.manage_clip(taught) if isinstance(taught, CLIP) else bridge.manage_judge(taught)
        # Its copy is where the model is, which the memory manager has to know.
        bridge.load_judges([managed], 1)
        text = "\n\n".join(said)
        return io.NodeOutput(managed, text, ui=bridge.show_result(cls, text))


def _check_name(name: str) -> str:
    """Return the name of a file without its ending; raise a ValueError for a path and what no file can be called."""
    plain = name.strip().removesuffix(".safetensors")
    if not _PLAIN.fullmatch(plain) or len(plain.encode()) > _MOST_BYTES:
        raise ValueError(
            f"name '{shorten(name)}' is no plain name of a file; give a short one without a dot before it or any of "
            r"\ / : * ? "
            '" < > |, such as taught'
        )
    return plain


@contextmanager
def _follow(number: int, count: int) -> Iterator[Watch]:
    """Yield a function that gets the progress of one of `count` models, and shows it; after Cancel, how to go on."""
    seen = 0
    with bridge.Progress(_PARTS * count, console="Teach Judge") as bar:

        def show(progress: Progress) -> None:
            nonlocal seen
            seen = progress.crops
            which = f"model {number + 1}/{count} · " if count > 1 else ""
            left = f"{progress.seconds_left / 60:.1f} min left"
            text = f"{which}{left} ·\n{seen:,} crops · loss {progress.loss:.2f}"
            bar.update(round(_PARTS * (number + progress.done)), text=text)

        try:
            yield show
        except BaseException as error:  # a cancel is an Exception in ComfyUI 0.8.0, not in 0.33
            if bridge.is_interrupt(error):
                bridge.show_text(f"cancelled after {seen:,} crops;\nrun again to go on")
            raise


def _describe(name: str, lessons: Lessons, before: Mapping[float, float], after: Mapping[float, float]) -> str:
    """Return what a model was taught with and the table of its agreement, a line for each strength of the noise."""
    taught, tested = len(lessons.teaching), len(lessons.held_out)
    rows = [("noise", "before", "after"), *((f"{one:g}", f"{before[one]:.0%}", f"{after[one]:.0%}") for one in before)]
    table = [f"{strength:<5}{first:>8}{second:>8}" for strength, first, second in rows]
    return "\n".join([name, f"{taught} photographs, {tested} to test with", *table])
