"""How Sphinx builds these pages: make docs."""

import importlib.metadata
import inspect
import re
from typing import Any

project = "refocal"
author = "The refocal contributors"
project_copyright = "2026, the refocal contributors"
version = release = importlib.metadata.version("refocal")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3

html_theme = "alabaster"
html_theme_options = {"description": "Out-of-focus photos, restored", "page_width": "1040px", "sidebar_width": "220px"}
html_static_path: list[str] = []

napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # fields are named once: below Attributes
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {"Image": "Image", "Array": "Array"}


def setup(app: Any) -> None:
    """Make docstrings and signatures read in HTML as they do in the code, and fill in the tables."""
    app.connect("source-read", _fill_in_api)
    app.connect("autodoc-process-docstring", _keep_bars)
    app.connect("autodoc-process-signature", _name_aliases)


def _fill_in_api(app: Any, name: str, source: list[str]) -> None:  # noqa: ARG001 (Sphinx's words)
    """Replace every ``<!-- entries of TABLE -->`` of the API page by the documentation of all entries."""
    if name == "api":
        source[0] = re.sub(r"<!-- entries of (\w+) -->", lambda found: _entries(found[1]), source[0])


def _entries(table: str) -> str:
    """Directives for each class or function of a table once, in the order of the table."""
    import refocal

    if table == "PUBLIC":
        elsewhere = {
            "BlurMap",
            "DATASETS",
            "ESTIMATORS",
            "METHODS",
            "METRICS",
            "Psf",
            "metrics",
        }  # further down the page
        found = {f"refocal.{name}": getattr(refocal, name) for name in refocal.__all__ if name not in elsewhere}
    else:
        entries = getattr(refocal, table).values()
        found = {entry.target.replace(":", "."): entry.load() for entry in entries}
    return "```{eval-rst}\n" + "".join(_directive(name, made) for name, made in found.items()) + "```"


def _directive(name: str, made: Any) -> str:
    if inspect.isclass(made) and issubclass(made, Exception):
        return f".. autoexception:: {name}\n"
    if inspect.isclass(made):
        return f".. autoclass:: {name}\n" + ("   :members: __call__\n" if "__call__" in vars(made) else "")
    return f".. autofunction:: {name}\n"


def _keep_bars(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:  # noqa: ARG001 (Sphinx's words)
    """Docstrings hold formulas as plain text; |x| is no reference in them."""
    lines[:] = [line.replace("|", r"\|") for line in lines]


def _name_aliases(*given: Any) -> tuple[str | None, ...]:
    """Sphinx writes an alias in a union as TypeAliasForwardRef('Array')."""
    texts: tuple[str | None, ...] = given[-2:]
    return tuple(text and re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text) for text in texts)
