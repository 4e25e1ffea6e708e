"""Settings of Sphinx, which builds the site: `make docs`. The source folder is the repository itself, so that a page is
the same file on the site, in ComfyUI (the help of nodes) and beside the code."""

import inspect
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import das_core  # noqa: E402
import direct_ascent  # noqa: E402

project, author, version = "Direct Ascent", "the authors of Direct Ascent", das_core.__version__
root_doc = "docs/index"
include_patterns = ["docs/**.md", "web/docs/*.md", "benchmarks/*.md", "CHANGELOG.md", "SECURITY.md"]
# Sphinx walks into all other folders, and .venv has a link to the repository.
exclude_patterns = [path.name for path in ROOT.iterdir() if path.name not in ("docs", "web", "benchmarks")]
exclude_patterns = [name for name in exclude_patterns if not name.endswith(".md")] + ["docs/architecture.md"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
myst_heading_anchors, myst_enable_extensions = 3, ["html_image"]
default_role = "code"
autodoc_member_order, autodoc_typehints = "bysource", "signature"
python_maximum_signature_line_length = 80
html_theme, html_title, html_favicon, html_logo = "furo", "Direct Ascent", "icon.png", "icon.png"
html_static_path, html_css_files = ["site.css"], ["site.css"]
html_show_copyright = html_copy_source = False
copybutton_prompt_text = ">>> "


class NameFilesOfImages(SphinxTransform):
    """Name the files of images as the disk does: Sphinx looks for "01%20Class.jpg" where a page has to write that."""

    default_priority = 100

    def apply(self, **kwargs: Any) -> None:
        """Decode the addresses of all images of a page."""
        for image in self.document.findall(nodes.image):
            image["uri"] = unquote(image["uri"])


def find_home(name: str) -> str:
    """Return the path of a constant in the module that defines it."""
    modules = [module for key, module in sorted(sys.modules.items()) if key.startswith("das_core.") and module.__file__]
    pattern = re.compile(rf"^{name}\b.*=", re.MULTILINE)
    home = next(one.__name__ for one in modules if pattern.search(Path(one.__file__ or "").read_text("utf-8")))
    return f"{home}.{name}"


def list_public() -> dict[str, list[tuple[str, Any]]]:
    """Return what is public, by package: the paths of names, such as 'ascent.Adam', and what they name."""
    listed = {name: getattr(direct_ascent, name) for name in direct_ascent.__all__}
    for package in ("ascent", "looks", "stack", "steering", "views"):
        parts = getattr(direct_ascent, package)
        listed |= {f"{package}.{name}": getattr(parts, name) for name in parts.__all__ if name not in listed}
    found: dict[str, list[tuple[str, Any]]] = {}
    for path, value in listed.items():
        module = getattr(value, "__module__", "das_core.ascent.recipe")
        found.setdefault(module.split(".")[1], []).append((path, value))
    return {"facade": found.pop("facade"), **dict(sorted(found.items()))}  # Where most people begin comes first.


def write_reference() -> None:
    """Write a page of the reference for each package of das_core, of all public names that it defines."""
    pages = ROOT / "docs/reference"
    pages.mkdir(exist_ok=True)
    contents = ["# Reference", "", "All public names, by package, as `direct_ascent` has them.", ""]
    found = list_public()
    for package, names in found.items():
        about = (inspect.getdoc(import_module(f"das_core.{package}")) or package).partition("\n\n")[0]
        contents.append(f"- [**{package}**]({package}.md): {about}")
        lines = [f"# {package}", "", about, "", "```{eval-rst}", ".. currentmodule:: direct_ascent", ""]
        for path, value in names:
            if inspect.isclass(value):
                lines += [f".. autoclass:: direct_ascent::{path}", "   :members:", ""]
            elif inspect.isroutine(value):
                lines += [f".. autofunction:: direct_ascent::{path}", ""]
            else:  # A constant; its words stand where it is defined.
                lines += [f".. autodata:: {find_home(path.rpartition('.')[2])}", "   :no-value:", ""]
        (pages / f"{package}.md").write_text("\n".join([*lines, "```", ""]), encoding="utf-8")
    contents += ["", "```{toctree}", ":hidden:", *found, "```", ""]
    (pages / "index.md").write_text("\n".join(contents), encoding="utf-8")


def complete_roles(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    """Complete HTML for readers of screens and users of keyboards, who must reach what scrolls."""
    context["furo_navigation_tree"] = context["furo_navigation_tree"].replace(
        'role="heading"', 'role="heading" aria-level="2"'
    )
    body = context.get("body", "").replace("<pre>", '<pre tabindex="0">')
    body = body.replace('<div class="table-wrapper', '<div tabindex="0" class="table-wrapper')
    # Sphinx writes the parameters of a long signature as a list of definitions without terms.
    context["body"] = body.replace("<dl>", '<dl role="none">')


def write_defaults(*event: Any) -> tuple[str, str] | None:
    """Name functions and classes that are defaults: Sphinx parses no `<function f>`, and shows `~torch.Tensor`."""
    *_, signature, returns = event
    return signature and (
        re.sub(r"<(?:function|class) '?([\w.]+)'?>", r"\1", signature).replace("<factory>", "..."),
        returns,
    )


def setup(app: Sphinx) -> None:
    """Let Sphinx call what completes signatures, and pages after the theme."""
    app.add_transform(NameFilesOfImages)
    app.connect("autodoc-process-signature", write_defaults)
    app.connect("html-page-context", complete_roles, priority=900)


write_reference()
