"""Rendering of templates: each page is one file that needs no network, with its styles, scripts and data inline.

Its content security policy forbids every request, so that nothing can leave it even by mistake.
"""

from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from note_rnn import write_text

CHOICE_SCRIPTS = ("uniform.js", "study/bradley_terry.js", "study/pair_choice.js")
"""Scripts that choose the pairs of a study, which need no browser."""

_PAGES = files("agents.report_page") / "templates"
_TEMPLATES = Environment(
    loader=PackageLoader("agents.report_page", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals["source"] = lambda name: Markup((_PAGES / name).read_text(encoding="utf-8"))
_TEMPLATES.globals["melody_scripts"] = ("tokens.js", "instrument.js", "player.js", "picture.js")
_TEMPLATES.globals["choice_scripts"] = CHOICE_SCRIPTS


def render(template: str, **content: Any) -> str:
    """Return the page of `template` and `content`, text escaped; raises UndefinedError if content is missing."""
    return _TEMPLATES.get_template(template).render(content)


def write_page(path: str | Path, template: str, **content: Any) -> None:
    """Write the page to the file `path`; raises OSError if it cannot be written."""
    write_text(path, render(template, **content))
