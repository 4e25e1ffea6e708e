"""The skeleton of a node: how names follow from its id, and where lists of nodes are extended."""

from cases import each_case
from generators.node_skeleton import Skeleton
from repository import REPOSITORY


@each_case(
    ("node_id", "title", "file"),
    [
        ("DAS_Prior2", "Prior2", "nodes/objectives/prior2.py"),
        ("DAS_SoftEdges", "Soft Edges", "nodes/objectives/soft_edges.py"),
        ("DAS_LoadCLIP", "Load CLIP", "nodes/objectives/load_clip.py"),
    ],
)
def test_title_and_files_follow_from_the_id(node_id: str, title: str, file: str) -> None:
    skeleton = Skeleton(node_id, "objectives")
    assert skeleton.title == title
    assert next(iter(skeleton.files())) == file


def test_the_import_stands_in_its_alphabetical_place_and_the_node_last_in_the_list() -> None:
    before = (REPOSITORY / "nodes" / "__init__.py").read_text(encoding="utf-8").splitlines()
    after = Skeleton("DAS_SoftEdges", "objectives").changes()["nodes/__init__.py"]("\n".join(before)).splitlines()
    added = "from .objectives.soft_edges import SoftEdges"
    place = after.index(added)
    assert after[place - 1] < added < after[place + 1]
    assert after[after.index("]") - 1] == "    SoftEdges,"
    assert [line for line in after if line not in (added, "    SoftEdges,")] == before
