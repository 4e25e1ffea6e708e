"""The panel with which one steers Optimize: what is done in it changes the picture, and is done again by what is saved.

tests/nodes/ascent/test_steering.py tests the node itself.
"""

import json
from random import Random
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from harness.client import Client
from harness.page import load_api, load_workflow, open_page, press_run, wait_until_ready
from short_examples import AUGMENTATION, OPTIMIZE, SAVED, STACK, make_complete, set_recipe
from template_page import has_nodes_2, set_renderer

STEPS = 150
FIND = "const node = app.canvas.graph.nodes.find((node) => node.type === 'DAS_Optimize');"


def make_small(steps: int = STEPS) -> dict[str, Any]:
    """A workflow of two small images with quick steps, of which all but the last can be steered."""
    prompt = make_complete()
    prompt[STACK]["inputs"] |= {"width": 64, "height": 64, "batch_size": 2, "details.margin": 8}
    prompt[AUGMENTATION]["inputs"] |= {"views": 1, "details.jitter": 8}
    set_recipe(prompt[OPTIMIZE]["inputs"], steps=steps, preview_every=5, frame_every=0)
    return {number: prompt[number] for number in ("1", "2", STACK, AUGMENTATION, OPTIMIZE, SAVED)}


def show_optimize(page: Page) -> None:
    page.set_viewport_size({"width": 1600, "height": 1400})  # An older page folds no widgets away.
    page.evaluate(
        f"""() => {{
            {FIND}
            node.widgets.find((widget) => widget.name === 'control_after_generate').value = 'randomize';
            app.canvas.ds.scale = 1;
            app.canvas.ds.offset = [500 - node.pos[0], 100 - node.pos[1]];
            app.canvas.setDirty(true, true);
        }}"""
    )


def read_acts(page: Page) -> list[Any]:
    text = page.evaluate(f"() => {{ {FIND} return node.properties.das_acts ?? '' }}")
    return json.loads(text) if text else []


def press(page: Page, button: str) -> None:
    # Without the mouse, which waits for the page to draw: that takes long on a busy machine.
    page.locator(f"[data-das-steer={button}]").dispatch_event("click")


def wait_for_act(page: Page, kind: str) -> None:
    page.wait_for_function(f"() => {{ {FIND} return node.properties.das_acts?.includes('\"{kind}\"') }}")


def leave_and_come_back(page: Page) -> None:
    for tab in (0, -1):
        page.locator(".workflow-tab").nth(tab).click()
        page.wait_for_function(
            "(shown) => Boolean(document.querySelector('[data-das-steer=larger]')) === shown", arg=tab != 0
        )


@pytest.mark.parametrize("modern", [False, True])
def test_what_is_done_in_the_panel_changes_the_picture_and_what_is_saved_does_it_again(
    comfyui: Client, page: Page, modern: bool
) -> None:
    load_api(page, make_small(), "steered")
    set_renderer(page, modern)
    show_optimize(page)
    panel = page.locator("[data-das-steer]")
    assert panel.count() == 0, "nothing is shown before the first run"
    prompt_id = press_run(page)
    press(page, "protect")
    picture = page.locator("canvas[style*=crosshair]")
    picture.wait_for()
    # Into the second of the two images, which are side by side.
    box = picture.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.6 * box["height"], steps=4)
    page.mouse.up()
    wait_for_act(page, "protect")
    press(page, "choose")
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 0.5 * box["height"])
    wait_for_act(page, "choose")
    steered = comfyui.get_images(comfyui.wait(prompt_id, timeout=300), SAVED)
    assert page.evaluate(f"() => {{ {FIND} return node.imgs?.length ?? 0 }}") == 0, "the panel shows it"
    assert page.locator(f"[data-node-id='{OPTIMIZE}'] img").count() == 0
    acts = read_acts(page)
    assert [kind for _, kind, *_ in acts] == ["protect", "choose"]
    assert acts[1][2] == [1]
    stroke = acts[0][2][0]
    assert len(stroke) > 1
    assert all(0 < column < 0.5 for _, column, _ in stroke)

    # The saved workflow, and that in the saved picture, do it again.
    saved = page.evaluate("JSON.parse(JSON.stringify(app.graph.serialize()))")
    (stored,) = [n for n in json.loads(steered[0].info["workflow"])["nodes"] if n["type"] == "DAS_Optimize"]
    assert json.loads(stored["properties"]["das_acts"]) == acts
    load_workflow(page, saved, "again")
    again = comfyui.get_images(comfyui.wait(press_run(page), timeout=300), SAVED)
    assert [image.tobytes() for image in again] == [image.tobytes() for image in steered]

    if has_nodes_2(comfyui):  # An older page has forgotten the results of a tab when one comes back.
        leave_and_come_back(page)
        expect(page.locator("canvas[style*=contain]")).to_be_visible()
        page.wait_for_function(f"() => {{ {FIND} return node.widgets.some(({{ value }}) => /steps in/.test(value)) }}")
    press(page, "larger")
    wait_for_act(page, "go_on")
    page.locator("[data-das-steer=more]").wait_for(state="attached", timeout=300_000)

    # Without what led to it, nothing goes on from this picture.
    assert len(read_acts(page)) == 3
    press(page, "undo")
    assert read_acts(page) == acts
    assert page.locator("[data-das-steer=more], [data-das-steer=larger]").count() == 0
    seed = f"() => {{ {FIND} return node.widgets.find(({{ name }}) => name === 'seed').value }}"
    before = page.evaluate(seed)
    press(page, "anew")
    assert read_acts(page) == []
    assert page.evaluate(seed) != before
    page.locator("[data-das-steer=protect]").wait_for(state="attached")
    comfyui.stop_all()


JS_ACT = """([choice, value, places]) => {
    const modes = ['focus', 'protect', 'choose'].map(mode => `[data-das-steer=${mode}]`)
    if (!document.querySelector(modes)) return false
    const parts = [...document.querySelectorAll([...modes, 'input[type=range][name]:enabled'])]
    const part = parts[Math.floor(choice * parts.length)]
    if (part.type === 'range') {
        part.value = value
        part.dispatchEvent(new Event('change'))
        return true
    }
    part.click()
    const canvas = document.querySelector('canvas[style*=contain]'), box = canvas.getBoundingClientRect()
    const kinds = ['pointerdown', 'pointermove', 'pointermove', 'pointerup']
    kinds.forEach((kind, number) => {
        const [x, y] = places[number]
        const place = {clientX: box.left + x * box.width, clientY: box.top + y * box.height}
        canvas.dispatchEvent(new PointerEvent(kind, {...place, pointerId: 1, bubbles: true}))
    })
    return true
}"""
"""Moves a slider, or presses a button of the panel and then draws in the picture; returns whether a run can be steered.
In one piece, so that no run ends in its midst."""


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_done_in_the_panel_is_done_again(comfyui: Client, page: Page, seed: int) -> None:
    random = Random(seed)
    prompt = make_small(steps=40)
    prompt[STACK]["inputs"]["batch_size"] = random.choice([1, 2, 5])
    for number in range(random.choice([1, 2])):
        prior = {"kind": random.choice(["total_variation", "spectrum"]), "weight": 0.1}
        prompt[f"prior{number}"] = {"class_type": "DAS_Prior", "inputs": prior}
        prompt[OPTIMIZE]["inputs"][f"objectives.objective{number + 1}"] = [f"prior{number}", 0]
    load_api(page, prompt, f"random {seed}")
    show_optimize(page)
    prompt_id = press_run(page)
    page.locator("canvas[style*=contain]").wait_for()
    page.mouse.move(10, 10)  # The pointer 1 is then one that the page knows.
    draw = random.random
    while page.evaluate(JS_ACT, [draw(), 3 * draw(), [(draw(), draw()) for _ in range(4)]]):
        page.wait_for_timeout(random.randrange(800))
    steered = comfyui.get_images(comfyui.wait(prompt_id, timeout=300), SAVED)
    assert read_acts(page)
    again = comfyui.get_images(comfyui.wait(press_run(page), timeout=300), SAVED)
    assert [image.tobytes() for image in again] == [image.tobytes() for image in steered]

    # What is moved after the end counts in what goes on.
    page.locator("[data-das-steer=more]").wait_for(state="attached")
    name = page.evaluate(
        """() => {
            const slider = document.querySelector('input[type=range][name]')
            slider.value = 2.5
            slider.dispatchEvent(new Event('change'))
            return slider.name
        }"""
    )
    press(page, "more")
    wait_for_act(page, "go_on")
    assert read_acts(page)[-2:] == [[40, "go_on", 1], [0, "weigh", name, 2.5]]
    page.locator("[data-das-steer=more]").wait_for(state="attached", timeout=300_000)


def test_what_goes_on_in_a_tab_that_was_opened_again_has_the_seed_of_its_run(comfyui: Client, page: Page) -> None:
    if not has_nodes_2(comfyui):
        pytest.skip("an older page has forgotten the results of a tab when one comes back")
    prompt = make_small(steps=3)
    prompt[OPTIMIZE]["inputs"]["seed"] = 77
    load_api(page, prompt, "seeded")
    show_optimize(page)
    comfyui.wait(press_run(page), timeout=300)
    leave_and_come_back(page)
    press(page, "more")
    wait_for_act(page, "go_on")
    page.wait_for_function(f"() => {{ {FIND} return node.widgets.some(({{ value }}) => /^more: /.test(value)) }}")
    page.locator("[data-das-steer=more]").wait_for(state="attached", timeout=300_000)
    assert page.evaluate(f"() => {{ {FIND} return node.widgets.slice(0, 2).map(({{ value }}) => value) }}") == [
        77,
        "fixed",
    ]

    # With another setting it cannot go on from this picture.
    page.evaluate("() => { app.graph.nodes.find(({type}) => type === 'DAS_ClassObjective').widgets[0].value = '7' }")
    press(page, "more")
    expect(page.get_by_text("begins again from its first step")).to_be_visible(timeout=60_000)


def test_a_page_that_is_opened_later_gets_the_panel_of_a_run_that_is_reused(
    comfyui: Client, browser: Browser, page: Page
) -> None:
    if not comfyui.get_object_info("DAS_Optimize").get("has_intermediate_output"):
        pytest.skip("this ComfyUI sends the results of output nodes only")
    load_api(page, make_small(2), "first")
    comfyui.wait(press_run(page), timeout=300)
    with open_page(browser, comfyui) as later:
        load_api(later, make_small(2), "later")
        history = comfyui.wait(press_run(later), timeout=300)
        assert OPTIMIZE in dict(history["status"]["messages"])["execution_cached"]["nodes"]
        later.locator("[data-das-steer=more]").wait_for(state="attached")
        expect(later.locator("canvas[style*=contain]")).to_be_visible()


@pytest.mark.parametrize("modern", [False, True])
def test_there_is_one_picture_wherever_one_was_in_the_meantime(comfyui: Client, page: Page, modern: bool) -> None:
    """In another tab, at a page that is loaded again in the midst of a run, and outside of a subgraph."""
    if modern and not has_nodes_2(comfyui):
        pytest.skip("Nodes 2.0 was a trial in this version")

    def see_one_picture() -> None:
        page.locator("[data-das-steer=protect]").wait_for(state="attached")
        expect(page.locator("canvas[style*=contain]")).to_be_visible()
        page.wait_for_timeout(1000)  # for previews that come too late, or twice
        assert not page.evaluate(f"() => {{ {FIND} return node.imgs?.length }}")
        expect(page.locator("[data-node-id] img")).to_have_count(0)

    load_api(page, make_small(), "left")
    set_renderer(page, modern)
    show_optimize(page)
    saved = page.evaluate("JSON.parse(JSON.stringify(app.graph.serialize()))")
    prompt_id = press_run(page)
    page.locator("[data-das-steer=protect]").wait_for(state="attached")
    load_workflow(page, saved, "opened again")
    see_one_picture()
    page.reload()
    wait_until_ready(page)
    load_workflow(page, saved, "loaded again")
    see_one_picture()
    comfyui.stop_all()
    comfyui.wait(prompt_id, timeout=300)
    page.evaluate(
        f"""async () => {{
            {FIND}
            app.canvas.selectNode(node);
            await app.extensionManager.command.execute('Comfy.Graph.ConvertToSubgraph');
        }}"""
    )
    press_run(page)
    page.wait_for_timeout(3000)
    page.evaluate("() => { const { subgraph } = app.graph.nodes.find(n => n.subgraph); app.canvas.setGraph(subgraph) }")
    see_one_picture()


def test_a_strangers_acts_can_be_cleared(comfyui: Client, page: Page) -> None:
    load_api(page, make_small(), "own")
    saved = page.evaluate("JSON.parse(JSON.stringify(app.graph.serialize()))")
    (optimize,) = (node for node in saved["nodes"] if node["type"] == "DAS_Optimize")
    for number, hostile in enumerate(["not JSON", 5, '{"a": 1}', "[" * 9999, [1], {}]):
        optimize["properties"]["das_acts"] = hostile
        load_workflow(page, saved, f"strange {number}")
        press(page, "undo")
        assert read_acts(page) == []
