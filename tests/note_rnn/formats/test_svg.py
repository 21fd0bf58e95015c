"""Sheet music as SVG: what is drawn, in the colour of the page, with a name, and nothing that could clash or run."""

import sys
from xml.etree import ElementTree

import pytest

from melody_env import Setting
from note_rnn import InputError, VocabularyError, write_svg
from note_rnn.formats.notation import C_MAJOR
from note_rnn.formats.svg import svg_text

SVG = "{http://www.w3.org/2000/svg}"
BLACK_HEAD, G_CLEF, SHARP, EIGHTH_REST = "E0A4", "E050", "E262", "E4E6"
DOTTED_QUARTER = ["ECA5", "ECB7"]
JIG = [16, 1, 20, 1, 23, 1, 28, 1, 1, 1, 1, 1, 28, 1, 0, 1, 1, 1, 21, 1, 1, 1, 1, 1]


@pytest.fixture(scope="module", autouse=True)
def verovio():
    pytest.importorskip("verovio", reason='Verovio is not installed: pip install "melody-rl[sheet]"')


def drawn(text: str, prefix: str = "") -> list[str]:
    """Return the signs of a drawing in the order in which they are drawn."""
    signs = [use.attrib["href"] for use in ElementTree.fromstring(text).iter(f"{SVG}use")]
    assert all(sign.startswith(f"#{prefix}") for sign in signs)
    return [sign.removeprefix(f"#{prefix}") for sign in signs]


def test_the_signs_are_those_of_the_melody():
    """A jig in D: two sharps in the signature, six heads, and a rest of three eighths less one."""
    signs = drawn(svg_text(JIG, Setting("D", meter="6/8").staff))
    assert [signs.count(sign) for sign in (G_CLEF, SHARP, BLACK_HEAD, EIGHTH_REST)] == [1, 2, 6, 2]
    assert [sign for sign in signs if sign in DOTTED_QUARTER] == DOTTED_QUARTER


def test_a_tempo_mark_needs_no_font():
    svg = ElementTree.fromstring(svg_text([14, 1], Setting(tempo=96).staff))
    assert ["".join(text.itertext()).split() for text in svg.iter(f"{SVG}text")] == [["=", "96"]]


def test_a_drawing_is_an_image_with_a_name_in_the_colour_of_its_page():
    svg = ElementTree.fromstring(svg_text(JIG, title="<script>alert(1)</script> & more"))
    assert (svg.get("role"), svg.findtext(f"{SVG}title")) == ("img", "<script>alert(1)</script> & more")
    colours = {each.get(name) for each in svg.iter() for name in ("fill", "stroke", "color")}
    assert colours == {"currentColor", "none", None}
    assert {each.tag.removeprefix(SVG) for each in svg.iter()} <= {
        *("svg", "title", "defs", "path", "use", "g", "ellipse", "polygon", "polyline", "rect", "text")
    }


def test_drawings_on_one_page_share_no_identifiers():
    texts = [svg_text(JIG, prefix=prefix) for prefix in ("a-", "b-")]
    names = [{each.get("id") for each in ElementTree.fromstring(text).iter() if each.get("id")} for text in texts]
    assert names[0]
    assert not names[0] & names[1]
    for text, found, prefix in zip(texts, names, ("a-", "b-"), strict=True):
        assert {f"{prefix}{sign}" for sign in drawn(text, prefix)} == found


def test_a_long_melody_is_broken_into_lines_and_none_is_lost():
    long = [14, 1, 16, 1] * 160
    wide, narrow = (svg_text(long, C_MAJOR, width=width) for width in (2100, 1000))
    assert drawn(wide).count(BLACK_HEAD) == drawn(narrow).count(BLACK_HEAD) == 320
    assert drawn(wide).count(G_CLEF) < drawn(narrow).count(G_CLEF)
    sizes = [[float(ElementTree.fromstring(text).get(side)) for side in ("width", "height")] for text in (wide, narrow)]
    assert sizes[0][0] > sizes[1][0]
    assert sizes[0][1] < sizes[1][1]


def test_the_same_melody_gives_the_same_small_file(tmp_path):
    write_svg(JIG, tmp_path / "jig.svg", Setting("D", meter="6/8").staff, "Jig")
    written = (tmp_path / "jig.svg").read_text(encoding="utf-8")
    assert written == svg_text(JIG, Setting("D", meter="6/8").staff, "Jig") + "\n"
    assert len(written) < 10_000


def test_without_verovio_the_error_says_what_brings_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "verovio", None)
    with pytest.raises(InputError, match=r'pip install "melody-rl\[sheet\]"'):
        write_svg(JIG, tmp_path / "jig.svg")
    assert not list(tmp_path.iterdir())


def test_no_melody_is_refused(tmp_path):
    with pytest.raises(VocabularyError):
        write_svg([38], tmp_path / "bad.svg")
