"""The public API of the nodes is frozen in api.json: workflow files that people share must go on working."""

from pathlib import Path

from generators.make_api import describe_pack
from loaded_pack import Pack


def test_the_api_of_the_nodes_is_that_of_the_file(pack: Pack) -> None:
    frozen = Path(__file__).with_name("api.json").read_text(encoding="utf-8")
    assert describe_pack(pack.nodes) == frozen, "a changed API breaks workflow files; if it has to be, run make api"
