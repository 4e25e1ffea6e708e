"""Finish now and the text on the node in the real ComfyUI: through HTTP, and with the button in the page."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import requests
from playwright.sync_api import Page

from harness.client import Client
from harness.events import Event, EventStream
from harness.page import load_template, load_workflow, press_run
from short_examples import EXAMPLES, FRAMES, OBJECTIVE, OPTIMIZE, SAVED, make_complete, read_example, set_recipe
from template_page import set_widgets

STEPS = 12
TEMPLATE, TEMPLATE_FRAMES = "26 Video timelapse", "9999"
"""The template whose recipe is custom, and a node that shows its frames, which `open_template` adds."""

(TEMPLATE_SAVED,) = (
    id for id, node in read_example("api/video_timelapse").items() if node["class_type"] == "SaveImage"
)

PAGE_STEPS = 30
"""More, each of as many views as the template has: on a busy machine the page takes seconds to notice a click."""


def workflow(seed: int, **recipe: Any) -> dict[str, Any]:
    """The complete workflow with a frame for every step, and these settings of the recipe."""
    prompt = make_complete()
    prompt[OPTIMIZE]["inputs"]["seed"] = seed
    set_recipe(prompt[OPTIMIZE]["inputs"], **{"steps": STEPS, "preview_every": 1, "frame_every": 1} | recipe)
    return prompt


def open_template(page: Page, seed: int, **recipe: object) -> None:
    """Open the template with these settings of its recipe."""
    load_template(page, TEMPLATE)
    page.evaluate(
        """id => {
            const shown = LiteGraph.createNode('PreviewImage')
            shown.id = id
            app.graph.add(shown)
            app.graph.nodes.find(({ type }) => type === 'DAS_Optimize').connect(2, shown, 0)
        }""",
        int(TEMPLATE_FRAMES),
    )
    set_widgets(page, {"seed": seed} | {f"recipe.{name}": value for name, value in recipe.items()})


def press(comfyui: Client, prompt_id: str, node_id: str = OPTIMIZE) -> bool:
    """Press Finish now as the page does, and return whether the server found something to finish."""
    answer = comfyui.post("/direct_ascent/finish", {"node_id": node_id, "prompt_id": prompt_id})
    finishing: bool = answer.json()["finishing"]
    return finishing


def watch(
    comfyui: Client, prompt: dict[str, Any], act: Callable[[str, Event], object] = lambda *_: None
) -> list[Event]:
    """Run a workflow and return its events; `act` is called with the id of the prompt and every event."""
    with comfyui.open_events() as events:
        prompt_id = comfyui.queue(prompt, events)
        seen = []
        for event in events.receive_until_done(prompt_id, timeout=300):
            seen.append(event)
            act(prompt_id, event)
    return seen


def finish_at_first_preview(comfyui: Client) -> Callable[[str, Event], None]:
    """Return what presses Finish now once, when the first step has been seen."""
    pressed: list[bool] = []

    def act(prompt_id: str, event: Event) -> None:
        if event.type == "preview" and not pressed:
            pressed.append(press(comfyui, prompt_id))
            assert pressed == [True]

    return act


def count_frames(comfyui: Client, events: list[Event]) -> int:
    """How many steps were done: every one of them has a frame."""
    (prompt_id,) = {event.data["prompt_id"] for event in events if event.type == "execution_start"}
    return len(comfyui.get_images(comfyui.wait(prompt_id), FRAMES))


def texts(events: list[Event]) -> list[str]:
    return [event.data["text"] for event in events if event.type == "progress_text" and event.data["node"] == OPTIMIZE]


def receive_all(events: EventStream) -> Iterator[str]:
    """Yield the types of the events that have come so far."""
    while True:
        try:
            yield events.receive(0.5).type
        except TimeoutError:
            return


def test_the_text_of_a_step_reaches_the_page_that_queued_it(comfyui: Client) -> None:
    with comfyui.open_events() as others:
        said = texts(watch(comfyui, workflow(seed=21)))
        heard = list(receive_all(others))
    assert "status" in heard
    assert "progress_text" not in heard
    assert said[:2] == ["preparing 448 x 448", "loading the models"]
    assert any(re.match(rf"step 1/{STEPS} · up to \d+ s left ·\njellyfish ", text) for text in said)
    # Of quick steps, which nobody could read, not all are said.
    assert any(re.match(rf"step \d+/{STEPS} · \d+ s left ·\njellyfish ", text) for text in said)
    assert re.match(rf"{STEPS} steps in \d+ s ·\nfinal: jellyfish ", said[-1])


def test_the_console_has_a_bar(comfyui: Client) -> None:
    watch(comfyui, workflow(seed=22, steps=3))
    assert "3/3" in comfyui.server.read_log().rpartition("Optimize: ")[2].partition("\n")[0]


def test_finish_now_saves_the_picture_so_far_and_the_next_run_is_a_whole_one(comfyui: Client) -> None:
    prompt = workflow(seed=23)
    early = watch(comfyui, prompt, finish_at_first_preview(comfyui))
    done = count_frames(comfyui, early)
    assert 1 <= done < STEPS
    assert "finishing" in texts(early)
    assert re.match(rf"finished at step {done}/{STEPS} in \d+ s ·\nfinal: jellyfish ", texts(early)[-1])
    (prompt_id,) = {event.data["prompt_id"] for event in early if event.type == "execution_start"}
    history = comfyui.wait(prompt_id)
    assert history["status"]["status_str"] == "success"
    # The picture, the last frame and the last preview are the same one; the preview is a JPEG.
    (saved,) = comfyui.get_images(history, SAVED)
    assert saved.tobytes() == comfyui.get_images(history, FRAMES)[-1].tobytes()
    preview = [event.image for event in early if event.image is not None][-1]
    assert np.abs(np.asarray(preview, dtype=float) - np.asarray(saved, dtype=float)).mean() < 4

    whole = watch(comfyui, prompt)
    assert count_frames(comfyui, whole) == STEPS
    # That one is kept: the third run computes nothing.
    again = watch(comfyui, prompt)
    assert any(OPTIMIZE in event.data["nodes"] for event in again if event.type == "execution_cached")
    assert count_frames(comfyui, again) == STEPS


def test_another_node_with_the_same_inputs_is_not_given_what_ended_early(comfyui: Client) -> None:
    prompt = workflow(seed=24)
    watch(comfyui, prompt, finish_at_first_preview(comfyui))
    renamed = json.loads(json.dumps(prompt).replace(f'["{OPTIMIZE}", ', '["50", '))
    renamed["50"] = renamed.pop(OPTIMIZE)
    assert count_frames(comfyui, watch(comfyui, renamed)) == STEPS


def test_a_press_for_another_node_or_prompt_or_before_and_after_a_run_ends_nothing(comfyui: Client) -> None:
    answers: list[bool] = []

    def act(prompt_id: str, event: Event) -> None:
        if event.type == "execution_start":
            answers.append(press(comfyui, prompt_id))
        elif event.type == "preview":
            answers.extend((press(comfyui, "another prompt"), press(comfyui, prompt_id, OBJECTIVE)))
        elif event.type == "execution_success":
            answers.append(press(comfyui, prompt_id))

    for seed in (25, 26):
        # The models are loaded first, so that the press at the start comes long before Optimize runs.
        comfyui.free()
        assert count_frames(comfyui, watch(comfyui, workflow(seed), act)) == STEPS
    assert answers
    assert not any(answers)


@pytest.mark.parametrize("content", [None, [], "5", {}, {"node_id": OPTIMIZE}, {"prompt_id": "x"}])
def test_a_press_that_does_not_say_what_is_to_finish_is_refused(comfyui: Client, content: object) -> None:
    with pytest.raises(requests.HTTPError, match="400"):
        comfyui.post("/direct_ascent/finish", content)


def test_values_of_any_type_are_no_running_node(comfyui: Client) -> None:
    answer = comfyui.post("/direct_ascent/finish", {"node_id": [1], "prompt_id": {"a": 1}})
    assert answer.json() == {"finishing": False}


def test_other_origins_are_kept_away_by_comfyui_and_a_rebound_host_name_is_not(comfyui: Client) -> None:
    """What SECURITY.md says of requests."""
    url, port = f"{comfyui.server.url}/direct_ascent/finish", comfyui.server.url.rpartition(":")[2]
    sent: list[tuple[dict[str, str], int]] = [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://stranger.example"}, 403),
        ({"Origin": f"http://stranger.example:{port}", "Host": f"stranger.example:{port}"}, 200),
    ]
    for headers, status in sent:
        answer = requests.post(url, json={"node_id": "1", "prompt_id": "unknown"}, headers=headers, timeout=30)
        assert answer.status_code == status, headers
    assert answer.json() == {"finishing": False}


def test_cancel_after_finish_now_still_discards(comfyui: Client) -> None:
    def act(prompt_id: str, event: Event) -> None:
        if event.type == "preview":
            comfyui.interrupt(prompt_id)
            press(comfyui, prompt_id)

    events = watch(comfyui, workflow(seed=27, steps=500), act)
    assert "execution_interrupted" in {event.type for event in events}


# The page.

FIND = "const node = app.graph.nodes.find((node) => node.type === 'DAS_Optimize');"


def saved_values(page: Page) -> list[Any]:
    """The values of Optimize's widgets, as a workflow file gets them."""
    values: list[Any] = page.evaluate(
        f"() => {{ {FIND} return JSON.parse(JSON.stringify(node.serialize())).widgets_values }}"
    )
    return values


def click_finish(page: Page) -> None:
    """Click the button on the canvas, with the mouse."""
    x, y = page.evaluate(
        f"""() => {{
            {FIND}
            const button = node.widgets.find((widget) => widget.name === 'Finish now');
            const {{ scale, offset }} = app.canvas.ds;
            const canvas = app.canvas.canvas.getBoundingClientRect();
            return [
                canvas.left + (node.pos[0] + node.size[0] / 2 + offset[0]) * scale,
                canvas.top + (node.pos[1] + button.y + 12 + offset[1]) * scale,
            ];
        }}"""
    )
    page.mouse.click(x, y)


def show_optimize(page: Page) -> None:
    """Show Optimize at full size in the middle of the page."""
    page.set_viewport_size({"width": 1600, "height": 1400})  # An older page folds no widgets away.
    page.evaluate(
        f"""() => {{
            {FIND}
            app.canvas.ds.scale = 1;
            app.canvas.ds.offset = [500 - node.pos[0], 100 - node.pos[1]];
            app.canvas.setDirty(true, true);
        }}"""
    )


def count_previews(page: Page) -> None:
    page.evaluate(
        """() => { window.previews = 0; app.api.addEventListener("b_preview", () => { window.previews += 1; }); }"""
    )


def test_the_button_ends_an_ascent_and_the_next_run_is_a_whole_one(comfyui: Client, page: Page) -> None:
    open_template(page, seed=31, steps=PAGE_STEPS, preview_every=1, frame_every=1)
    show_optimize(page)
    count_previews(page)
    disabled = f"() => {{ {FIND} return node.widgets.find((widget) => widget.name === 'Finish now').disabled }}"
    assert page.evaluate(disabled)
    prompt_id = press_run(page)
    page.wait_for_function("window.previews > 0", timeout=300_000)
    assert not page.evaluate(disabled)
    page.locator("[data-das-steer]").first.wait_for()  # The panel below the button is there: nothing moves any more.
    click_finish(page)
    history = comfyui.wait(prompt_id, timeout=120)
    assert history["status"]["status_str"] == "success"
    assert 1 <= len(comfyui.get_images(history, TEMPLATE_FRAMES)) < PAGE_STEPS
    assert len(comfyui.get_images(history, TEMPLATE_SAVED)) == 1
    page.wait_for_function(disabled)
    text = f"() => {{ {FIND} return node.widgets.find((widget) => widget.name === '$$node-text-preview').value }}"
    assert page.evaluate(text).startswith("finished at step ")

    # What the page shows on the node is not stored in the file.
    assert len(saved_values(page)) == len(template_values())
    history = comfyui.wait(press_run(page), timeout=300)
    assert len(comfyui.get_images(history, TEMPLATE_FRAMES)) == PAGE_STEPS


def test_pressed_before_and_after_a_run_the_button_ends_no_later_one(comfyui: Client, page: Page) -> None:
    open_template(page, seed=32, steps=3, preview_every=1, frame_every=1)
    show_optimize(page)
    for seed in (32, 33):
        set_widgets(page, {"seed": seed})
        # Without the mouse: the button is grey, and a click on it would do nothing.
        page.evaluate(f"() => {{ {FIND} node.widgets.find((widget) => widget.name === 'Finish now').callback() }}")
        page.get_by_text("Optimize is not running").first.wait_for()
        history = comfyui.wait(press_run(page), timeout=300)
        assert len(comfyui.get_images(history, TEMPLATE_FRAMES)) == 3


def test_cancel_in_the_page_still_discards(comfyui: Client, page: Page) -> None:
    open_template(page, seed=34, steps=500, preview_every=1, frame_every=0)
    count_previews(page)
    prompt_id = press_run(page)
    page.wait_for_function("window.previews > 0", timeout=300_000)
    page.evaluate("app.api.interrupt()")
    history = comfyui.wait(prompt_id, timeout=60)
    assert history["status"]["status_str"] == "error"
    assert not comfyui.get_images(history, TEMPLATE_SAVED)
    # What the node says is no longer how long it will take.
    text = f"{{ {FIND} return node.widgets.find((widget) => widget.name === '$$node-text-preview').value }}"
    page.wait_for_function(f"() => ((text) => text.startsWith('cancelled after '))((() => {text})())")


def template_values() -> list[Any]:
    """The values of Optimize's widgets in the file of the template."""
    nodes = json.loads((EXAMPLES / f"{TEMPLATE}.json").read_text(encoding="utf-8"))["nodes"]
    (values,) = (node["widgets_values"] for node in nodes if node["type"] == "DAS_Optimize")
    return list(values)


def test_the_button_leaves_the_values_of_a_file_where_they_are(page: Page) -> None:
    load_template(page, TEMPLATE)
    assert saved_values(page) == template_values()
    # Options that bring more and fewer inputs, in front of the button.
    for options in (
        {"recipe.focus": "everywhere"},
        {"recipe.optimizer": "adam"},
        {"recipe.focus": "center", "recipe.optimizer": "sgd"},
        {"recipe": "sketch"},
        {"recipe": "custom"},
    ):
        set_widgets(page, options)
        if "sketch" not in options.values():
            set_widgets(page, {"recipe.steps": 7, "recipe.chunk": 3})
        saved = saved_values(page)
        named = page.evaluate(
            f"() => {{ {FIND} return node.widgets.filter((w) => w.serialize !== false).map((w) => w.value) }}"
        )
        assert saved == named
        last = f"() => {{ {FIND} return node.widgets.slice(-2).map((widget) => widget.name) }}"
        assert page.evaluate(last) == ["Finish now", "steer"]
        workflow = page.evaluate("JSON.parse(JSON.stringify(app.graph.serialize()))")
        load_workflow(page, workflow, "again")
        assert saved_values(page) == saved
        assert "Finish now" not in json.dumps(page.evaluate("async () => (await app.graphToPrompt()).output"))
