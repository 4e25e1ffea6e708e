"""Settings of Sphinx, which builds the site: `make docs`. The source folder is the repository itself, so that a page is
the same file on the site, in ComfyUI (the help of nodes) and beside the code."""

import inspect
import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import das_core  # noqa: E402
import direct_ascent  # noqa: E402

project, author, version = "Direct Ascent", "the authors of Direct Ascent", das_core.__version__
root_doc = "docs/index"
include_patterns = ["docs/**.md", "web/docs/*.md", "benchmarks/RESULTS.md", "CHANGELOG.md", "SECURITY.md"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
myst_heading_anchors = 3
default_role = "code"
autodoc_member_order, autodoc_typehints = "bysource", "signature"
python_maximum_signature_line_length = 80
html_theme, html_title, html_favicon, html_logo = "furo", "Direct Ascent", "docs/icon.png", "docs/icon.png"
html_show_copyright = False
copybutton_prompt_text = ">>> "


def write_reference() -> None:
    """Write a page of the reference for each package of das_core, of all public names that it defines."""
    found: dict[str, list[str]] = {}
    for name in direct_ascent.__all__:
        value = getattr(direct_ascent, name)
        module = getattr(value, "__module__", "das_core.ascent.recipe")
        found.setdefault(module.split(".")[1], []).append(name)
    for package, names in found.items():
        about = inspect.getdoc(import_module(f"das_core.{package}")) or package
        lines = [f"# {package}", "", about.partition("\n\n")[0], "", "```{eval-rst}", ".. currentmodule:: direct_ascent", ""]
        for name in names:
            value = getattr(direct_ascent, name)
            kind = "autoclass" if inspect.isclass(value) else "autofunction" if callable(value) else "autodata"
            lines += [f".. {kind}:: {name}", *(["   :members:"] if kind == "autoclass" else []), ""]
        (ROOT / "docs/reference" / f"{package}.md").write_text("\n".join([*lines, "```", ""]), encoding="utf-8")


write_reference()
