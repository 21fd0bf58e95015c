"""Melodies as sheet music, SVG: MusicXML engraved by Verovio (https://www.verovio.org).

Verovio's drawing is rewritten in a tenth of its size: without the identifiers and groups that editors use, in the
colour of the text around it, and with all signs as shapes, so that no font is needed.
"""

import importlib.util
import re
from functools import cache
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy.typing as npt

from note_rnn.common.atomic_files import write_text
from note_rnn.common.errors import InputError
from note_rnn.formats.musicxml import musicxml_text
from note_rnn.formats.notation import C_MAJOR, Staff, one_line

PAGE_WIDTH = 2100
"""Width at which lines are broken: so many units are 840 pixels."""
_SVG = "{http://www.w3.org/2000/svg}"
_FONT = "Leipzig"
_ACCIDENTALS = {"\uea64": "\N{MUSIC FLAT SIGN}", "\uea66": "\N{MUSIC SHARP SIGN}"}
"""Signs of the music font in the names of chords, and letters for them."""
_DEGREES = re.compile("<degree .*?</degree>", re.DOTALL)
"""The degrees of a chord, which Verovio prints even where the name of the chord has them."""
_SCALE = 0.04
"""Pixels per unit of a drawing."""
_OPTIONS = {
    "adjustPageHeight": True,
    "adjustPageWidth": True,
    "footer": "none",
    "header": "none",
    "pageHeight": 60_000,
    "pageMarginBottom": 20,
    "pageMarginLeft": 20,
    "pageMarginRight": 20,
    "pageMarginTop": 20,
    "scale": 40,
    "smuflTextFont": "none",
    "svgFormatRaw": True,
    "svgRemoveXlink": True,
    "svgViewBox": True,
}


def can_engrave() -> bool:
    """Return whether Verovio is installed."""
    return importlib.util.find_spec("verovio") is not None


def write_svg(tokens: npt.ArrayLike, path: str | Path, staff: Staff = C_MAJOR, title: str = "Melody") -> None:
    """Write `tokens` [T] as sheet music, an SVG file; the same melody always gives the same file.

    Raises VocabularyError for tokens outside 0..37, InputError if Verovio is not installed, OSError if `path` cannot be
    written.
    """
    write_text(path, svg_text(tokens, staff, title) + "\n")


def svg_text(
    tokens: npt.ArrayLike, staff: Staff = C_MAJOR, title: str = "Melody", prefix: str = "", width: int = PAGE_WIDTH
) -> str:
    """Return `tokens` [T] as an SVG element with `title` as its accessible name; raises InputError without Verovio.

    Identifiers within begin with `prefix`, so that several drawings have a place on one page; `width` is that of
    `PAGE_WIDTH`.
    """
    drawing = ElementTree.fromstring(_engraved(musicxml_text(tokens, staff, title), width))
    page = drawing.find(f"{_SVG}svg")
    assert page is not None
    box = page.attrib["viewBox"]
    size = dict(zip(("width", "height"), (f"{int(side) * _SCALE:g}" for side in box.split()[2:]), strict=True))
    colours = {"fill": "currentColor", "stroke": "currentColor"}
    svg = Element("svg", {"xmlns": _SVG[1:-1], "viewBox": box, **size, "role": "img", **colours})
    SubElement(svg, "title").text = one_line(title)
    signs = _Signs(SubElement(svg, "defs"), prefix)
    for part in page:
        _add_simplified(svg, part, signs)
    return ElementTree.tostring(svg, "unicode")


class _Signs:
    """Signs of the music font, each defined once, at its first use."""

    def __init__(self, definitions: Element, prefix: str):
        self.definitions = definitions
        self.prefix = prefix
        self.defined: set[str] = set()

    def add(self, parent: Element, code: str, transform: str) -> None:
        """Add the sign with a hexadecimal `code` to `parent`."""
        name = f"{self.prefix}{code}"
        if code not in self.defined:
            self.defined.add(code)
            sign = _sign(code)
            SubElement(self.definitions, "path", {**sign.attrib, "id": name})
        SubElement(parent, "use", href=f"#{name}", transform=transform)


def _engraved(musicxml: str, width: int) -> str:
    """Return Verovio's drawing of `musicxml`."""
    try:
        from verovio import toolkit
    except ImportError as error:
        raise InputError('Sheet music is engraved by Verovio: pip install "melody-rl[sheet]".') from error
    engraver = toolkit()
    engraver.setOptions({**_OPTIONS, "pageWidth": width})
    engraver.loadData(_DEGREES.sub("", musicxml))
    return str(engraver.renderToSVG(1))


def _add_simplified(parent: Element, part: Element, signs: _Signs) -> None:
    """Add a `part` of a drawing to `parent`: shapes, signs and text as they are, groups only where they move them."""
    tag = part.tag.removeprefix(_SVG)
    if tag == "g":
        if "placeholder" in part.get("class", ""):
            return
        transform = part.get("transform")
        group = parent if transform is None else SubElement(parent, "g", transform=transform)
        for child in part:
            _add_simplified(group, child, signs)
    elif tag == "use":
        signs.add(parent, part.attrib["href"][1:].partition("-")[0], part.attrib["transform"])
    elif tag == "text":
        _add_text(parent, part, signs)
    else:
        SubElement(parent, tag, {name: value for name, value in part.items() if name not in ("id", "class")})


def _add_text(parent: Element, line: Element, signs: _Signs) -> None:
    """Add a `line` of text: the number of a bar, a chord, or a tempo mark, which begins with signs."""
    x, y = float(line.get("x", 0)), line.attrib["y"]
    attributes = {"y": y, "font-family": "serif", "stroke": "none"}
    if "text-anchor" in line.attrib:
        attributes["text-anchor"] = line.attrib["text-anchor"]
    words = ""
    for span in line.iter(f"{_SVG}tspan"):
        size = int(span.get("font-size", "0px").removesuffix("px"))
        if span.text in _ACCIDENTALS:
            words += _ACCIDENTALS[span.text]
        elif span.get("font-family") == _FONT:
            attributes["font-weight"] = "bold"
            for code in (f"{ord(letter):04X}" for letter in span.text or "" if not letter.isspace()):
                signs.add(parent, code, f"translate({x:g}, {y}) scale({size / 1000:g})")
                x += _advance(code) * size / 1000
        elif size:
            attributes["font-size"] = str(size)
            words += span.text or ""
    if words:
        SubElement(parent, "text", {"x": f"{x:g}", **attributes}).text = words


@cache
def _sign(code: str) -> Element:
    """Return the shape of a sign of the music font, 1,000 units per em."""
    sign = ElementTree.parse(_font_data() / _FONT / f"{code}.xml").find("path")
    assert sign is not None
    return sign


@cache
def _advance(code: str) -> float:
    """Return the width that a sign of the music font takes up in text."""
    boxes = ElementTree.parse(_font_data() / f"{_FONT}.xml").iterfind("g")
    return next(float(box.attrib["h-a-x"]) for box in boxes if box.get("c") == code)


def _font_data() -> Path:
    """Return the folder of Verovio's fonts."""
    import verovio

    return Path(verovio.__file__).parent / "data"
