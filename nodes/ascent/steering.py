"""Steering of Optimize: the acts of its input and of the page, and what the page is told."""

from collections.abc import Iterator, Sequence
from typing import Any

from comfy_api.latest import io

from ...das_core.ascent.ascent import Ascent
from ...das_core.ascent.steering.act_text import check_acts, split_acts, write_acts
from ...das_core.ascent.steering.acts import GoOn, TimedAct, Weigh
from .. import bridge
from .status import draw_sheet, measure_sheet

EVENT = "direct_ascent.acts"
"""The event with which the page (web/steer.js) learns what can be steered, and what has been."""

RESULT = "das_ascent"
"""Among the results of the node, what the page needs to know of an ascent that is over."""

ACTS_PROPERTY = "das_acts"
"""The property of the node in which web/steer_panel.js keeps the value of the input `acts`."""


class Steering:
    """The acts of a run: those of the ascents that are over, of the present one, and of those to come."""

    def __init__(self, acts: Sequence[TimedAct], controls: bridge.Controls) -> None:
        self.controls = controls
        (_, self.acts, self.until), *self._later = split_acts(acts)
        self.over: list[TimedAct] = []
        self._told = 0

    @property
    def goes_on(self) -> bool:
        """Whether an ascent follows the present one."""
        return bool(self._later) and not self.controls.is_pressed

    @property
    def name(self) -> str:
        """What the present ascent is called in front of its steps; the first one of a run has no name."""
        if self.goes_on:
            return "again: "  # The run from which More or Larger goes on is not in memory any more.
        if not self.over:
            return ""
        return "more: " if self.over[-1][1] == GoOn(1) else "larger: "

    @property
    def next_scale(self) -> int:
        """How many times as large the ascent that follows is."""
        return self._later[0][0]

    def go_on(self, ascent: Ascent) -> Ascent:
        """Return the ascent that follows a finished one."""
        scale, acts, _ = self._later[0]
        following = ascent.go_on(scale, acts)  # Refused, it leaves the acts as they are.
        self.over = following.past
        (_, self.acts, self.until), *self._later = self._later
        self.tell(following)
        return following

    def take_acts(self, ascent: Ascent, *, last: bool) -> bool:
        """Steer the ascent as the page has asked, unless this was its last step; return whether some of it is refused,
        which the node then says."""
        refused = []
        for act in [] if last else list(self.controls.take_acts()):
            try:
                if act is not None:  # None: a page that was opened again asks what the ascent is.
                    check_acts([*self._list(ascent), (len(ascent.history), act)])
                    ascent.steer(act)
                    self.controls.note_change()
            except ValueError as error:
                refused.append(str(error))
            self.tell(ascent, refused)
        if refused:
            bridge.show_text("\n".join(refused))
        elif len(ascent.acts) > self._told:  # an act of the input
            self.tell(ascent)
        return bool(refused)

    def tell(self, ascent: Ascent, refused: Sequence[str] = ()) -> None:
        """Tell the page what the ascent is, and all acts of the run so far."""
        self._told = len(ascent.acts)
        bridge.tell_page(EVENT, self._describe(ascent) | {"refused": list(refused)})

    def _describe(self, ascent: Ascent) -> dict[str, Any]:
        coming = [timed for timed in ascent.coming if timed[0] <= len(ascent.history)]  # before the next step
        acts = [*self.over, *ascent.acts, *coming]
        factors = dict.fromkeys((member.name for member in ascent.plan.members), 1.0)
        factors |= {act.objective: act.factor for _, act in acts if isinstance(act, Weigh)}
        shown, columns = measure_sheet(ascent.stack)
        return {
            "acts": self.write(ascent),
            "so_far": len(acts),
            "goes_on": self.goes_on,
            "factors": factors,
            "images": 1 if ascent.plan.is_series else ascent.stack.batch,
            "chosen": ascent.images,
            "focus": ascent.focus is not None,
            "paints": ascent.stack.spec.zoom is None,
            "shown": shown,
            "columns": columns,
        }

    def show_end(self, node: type[io.ComfyNode], ascent: Ascent, text: str) -> dict[str, Any] | None:
        """Return what the node shows of an ascent that is over, also to a page that is opened later."""
        # Not as the images of the node: the page shows the sheet in the panel of web/steer_panel.js.
        try:
            shown = bridge.show_result(node, images=bridge.to_comfy_images(draw_sheet(ascent.stack)))
        except OSError as error:  # ComfyUI saves it as a file; what was made does not depend on that.
            bridge.warn_on_node(f"the panel of Direct Ascent Optimize will not show this picture later: {error}", None)
            return None
        running = bridge.find_running_node()
        ended = {"done": len(ascent.history), "text": text}
        ended["prompt_id"] = running.prompt_id if running else ""
        return shown and {RESULT: [ended | {"state": self._describe(ascent), "image": shown["images"][0]}]}

    def write(self, ascent: Ascent) -> str:
        """Return all acts of the run, those of its input and those of the page, as the input takes them."""
        return write_acts([*self._list(ascent)])

    def _list(self, ascent: Ascent) -> Iterator[TimedAct]:
        yield from (*self.over, *ascent.acts, *ascent.coming)
        until = self.until
        for scale, acts, end in self._later:
            yield until, GoOn(scale)
            yield from acts
            until = end
