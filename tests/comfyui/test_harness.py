"""The harness itself, proven with core nodes and the probe node: the real pack is not needed."""

import json

import pytest
from PIL import Image

from harness.client import Client, PromptFailedError, PromptRejectedError

SIZE = (48, 32)
BLUE = 255


def empty_image(color: int = BLUE) -> dict[str, dict[str, object]]:
    """The smallest workflow: an image of one colour, previewed."""
    inputs = {"width": SIZE[0], "height": SIZE[1], "batch_size": 1, "color": color}
    return {
        "1": {"class_type": "EmptyImage", "inputs": inputs},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }


def probe(steps: int, fail: bool = False, seed: int = 0) -> dict[str, dict[str, object]]:
    return {
        "1": {"class_type": "HarnessProbe", "inputs": {"steps": steps, "fail": fail, "seed": seed}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }


def test_a_workflow_runs_and_its_image_comes_back(comfyui: Client) -> None:
    (image,) = comfyui.get_images(comfyui.run(empty_image()), "2")
    assert image.size == SIZE
    assert image.convert("RGB").getpixel((0, 0)) == (0, 0, 255)


def test_an_uploaded_image_can_be_loaded(comfyui: Client) -> None:
    name = comfyui.upload(Image.new("RGB", SIZE, "lime"), "lime.png")
    loaded = {
        "1": {"class_type": "LoadImage", "inputs": {"image": name}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }
    (image,) = comfyui.get_images(comfyui.run(loaded))
    assert image.convert("RGB").getpixel((5, 5)) == (0, 255, 0)


def test_a_workflow_that_does_not_validate_is_refused_with_the_nodes_errors(comfyui: Client) -> None:
    with pytest.raises(PromptRejectedError, match="Required input is missing") as caught:
        comfyui.run({"7": {"class_type": "PreviewImage", "inputs": {}}})
    assert list(caught.value.node_errors) == ["7"]


def test_object_info_tells_about_a_node_and_that_there_is_none(comfyui: Client) -> None:
    assert comfyui.get_object_info("HarnessProbe")["display_name"] == "Harness Probe"
    with pytest.raises(LookupError, match="no node 'NoSuchNode'"):
        comfyui.get_object_info("NoSuchNode")


def test_events_tell_progress_previews_and_the_end(comfyui: Client) -> None:
    with comfyui.open_events() as events:
        seen = list(events.receive_until_done(comfyui.queue(probe(steps=4, seed=1), events)))
    assert [event.data["value"] for event in seen if event.type == "progress"] == [1, 2, 3, 4]
    previews = [event for event in seen if event.type == "preview"]
    assert [event.data["node_id"] for event in previews] == ["1"] * 4
    assert {event.image.size for event in previews if event.image} == {(32, 16)}
    assert "execution_success" in [event.type for event in seen]


def test_an_interrupt_ends_a_running_workflow(comfyui: Client) -> None:
    with comfyui.open_events() as events:
        prompt_id = comfyui.queue(probe(steps=1_000_000, seed=2), events)
        types = []
        for event in events.receive_until_done(prompt_id):
            if event.type == "preview" and "preview" not in types:
                comfyui.interrupt(prompt_id)
            types.append(event.type)
    assert "execution_interrupted" in types
    assert "execution_success" not in types
    assert comfyui.wait(prompt_id)["status"]["status_str"] == "error"


def test_a_node_that_fails_is_told_with_its_exception(comfyui: Client) -> None:
    with pytest.raises(PromptFailedError, match=r"execution_error in node 1 .*ValueError: the probe was asked to fail"):
        comfyui.run(probe(steps=1, fail=True, seed=3))


def test_free_drops_the_cached_results(comfyui: Client) -> None:
    def cached() -> list[str]:
        messages = dict(comfyui.run(probe(steps=1, seed=4))["status"]["messages"])
        nodes: list[str] = messages["execution_cached"]["nodes"]
        return nodes

    cached()
    assert "1" in cached()
    comfyui.free()
    assert cached() == []


def test_stop_all_leaves_an_idle_server(comfyui: Client) -> None:
    for seed in (5, 6):
        comfyui.queue(probe(steps=1_000_000, seed=seed))
    comfyui.stop_all()
    assert json.dumps(comfyui.get("/queue")) == '{"queue_running": [], "queue_pending": []}'
