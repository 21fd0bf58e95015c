"""The studio's page: one file with its styles, scripts, networks and agents inline, that needs no network."""

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from agents.studio_page.content import Studio
from note_rnn import write_text
from note_rnn.chords import spellings

ENGINE = (
    "vocabulary",
    "form",
    "chords",
    "setting",
    "weights",
    "network",
    "lookback",
    "observation",
    "sampling",
    "players",
    "agents",
    "composing",
    "rules/tonality",
    "rules/repetition",
    "rules/autocorrelation",
    "rules/motifs",
    "rules/intervals",
    "rules/leaps",
    "rules/extrema",
    "rules/scoring",
    "formats/notation",
    "formats/abc",
    "formats/midi",
    "formats/opened",
    "formats/wav",
    "formats/record",
)
"""Scripts of the engine, in their order: they need no browser."""

PAGE = (
    "work",
    "storage",
    "actions",
    "transport",
    "roll",
    "editing",
    "readout",
    "controls",
    "compare",
    "playing_in",
    "files",
    "studio",
    "start",
)
"""Scripts of the page, in their order."""

_SHARED = files("agents.report_page") / "templates"
_OWN = files("agents.studio_page")
_TEMPLATES = Environment(
    loader=PackageLoader("agents.studio_page", "page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def engine_script() -> str:
    """Return the script that composes, scores and writes files, without a browser."""
    own = _joined([_SHARED / "tokens.js", _SHARED / "uniform.js", *(_OWN / "engine" / f"{name}.js" for name in ENGINE)])
    return f"{own}const CHORD_SPELLINGS = {json.dumps(spellings()._asdict())};\n"


def write_studio(path: Path, content: Studio) -> None:
    """Write the page of `content` to the file `path`; raises OSError if it cannot be written."""
    write_text(path, rendered(content))


def rendered(content: Studio) -> str:
    """Return the page of `content`.

    Its content policy allows the page's own script and styles, by their hashes, and no request at all.
    """
    shared = [_SHARED / "instrument.js", _SHARED / "picture.js"]
    script = engine_script() + _joined([*shared, *(_OWN / "page" / f"{name}.js" for name in PAGE)])
    styles = _joined([_SHARED / "page.css", _OWN / "page" / "studio.css"])
    return _TEMPLATES.get_template("studio.html").render(
        script=Markup(script),
        styles=Markup(styles),
        script_hash=_hash(script),
        styles_hash=_hash(styles),
        data=asdict(content),
        agents=content.agents,
    )


def _joined(sources: Iterable[Traversable]) -> str:
    return "".join(source.read_text(encoding="utf-8") for source in sources)


def _hash(text: str) -> str:
    """Return the hash of `text` as a content policy names it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"
