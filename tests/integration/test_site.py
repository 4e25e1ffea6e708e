"""The site: built without a warning, it describes all that is public, its search finds, and all can read it."""

import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from sphinx.util.inventory import InventoryFile

import direct_ascent
from repository import REPOSITORY
from visited_page import visit_pages


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-E", "-W", "--keep-going", "-c", "docs", ".", str(built)]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return built


def test_it_describes_all_that_is_public_and_every_node(site: Path) -> None:
    found = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="")
    names = {name.rpartition(".")[2] for kind, items in found.data.items() if kind.startswith("py:") for name in items}
    assert set(direct_ascent.__all__) <= names
    nodes = {path.stem for path in (REPOSITORY / "web/docs").glob("*.md")}
    assert nodes == {path.stem for path in (site / "web/docs").glob("*.html")}


def test_its_search_finds_a_page_and_asks_for_nothing_elsewhere(site: Path) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, visit_pages() as (page, said):
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        asked = {"caricature photograph": "reference/objectives", "Zoom Stack depths": "DAS_ZoomStack"}
        for words, wanted in asked.items():
            page.goto(f"{address}search.html?q={quote(words)}")
            page.wait_for_selector("#search-results li a")
            links = page.eval_on_selector_all("#search-results li a", "all => all.map(one => one.href)")
            assert any(wanted in link for link in links[:5]), links
        server.shutdown()
    elsewhere = [one for one in said if not one.startswith((address, "data:"))]
    assert not elsewhere


def test_all_can_read_it_on_a_phone_in_light_and_in_dark(site: Path) -> None:
    with visit_pages() as (page, _said):
        page.set_viewport_size({"width": 400, "height": 800})
        for path in sorted(site.glob("*/**/*.html")):
            page.goto(path.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= 400, path
        for name in ("docs/index", "docs/gallery", "docs/reference/ascent", "web/docs/DAS_Optimize"):
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.goto((site / f"{name}.html").as_uri())
                found = Axe().run(page).response["violations"]
                severe = [
                    (one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")
                ]
                assert not severe, (name, scheme)
