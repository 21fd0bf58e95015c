"""Compressed MusicXML: which file of the archive is the score; and hostile archives."""

import io
import zipfile

import pytest

from note_rnn.extraction.contents import MAX_BYTES
from note_rnn.extraction.scores.mxl import unpacked
from note_rnn.extraction.tunes import TuneError

SCORE = "application/vnd.recordare.musicxml+xml"


def archive(**files):
    """A zip archive of these files, in order; `_` in a name stands for `/`, and the suffix is .xml."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, text in files.items():
            zipped.writestr(name.replace("_", "/") + ".xml", text)
    return content.getvalue()


def container(*files):
    """A container that names these files, each with its kind."""
    roots = "".join(f'<rootfile full-path="{path}"{kind and f" media-type={kind!r}"}/>' for path, kind in files)
    return f"<container><rootfiles>{roots}</rootfiles></container>"


@pytest.mark.parametrize(
    "content",
    [
        archive(**{"META-INF_container": container(("b.xml", SCORE)), "a": "other", "b": "score"}),
        archive(a="other", b="score", **{"META-INF_container": container(("b.xml", ""))}),
        archive(
            **{"META-INF_container": container(("a.xml", "application/pdf"), ("b.xml", SCORE))}, a="other", b="score"
        ),
        archive(**{"META-INF_container": container(("c/d.xml", SCORE))}, a="other", c_d="score"),
        archive(**{"__MACOSX_.a": "other"}, a="score"),
    ],
    ids=["the container's", "without a kind", "of its kind", "in a folder", "the only one"],
)
def test_the_score_of_an_archive(content):
    assert unpacked(content) == b"score"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no archive", "damaged .mxl"),
        (archive(a="score" * 999)[:60], "damaged .mxl"),
        (archive(**{"META-INF_container": container(("b.xml", SCORE)), "a": "other"}), "damaged .mxl"),
        (archive(a="one", b="two"), "no score named in .mxl"),
        (archive(), "no score named in .mxl"),
        (archive(a=" " * (MAX_BYTES + 1)), "unpacks to more than 16 MiB"),
        (archive(**{"META-INF_container": " " * (MAX_BYTES + 1)}), "unpacks to more than 16 MiB"),
        (archive(**{"META-INF_container": '<!DOCTYPE a [<!ENTITY a "a">]><a/>'}), "XML that defines entities"),
    ],
    ids=["text", "cut", "a file is missing", "two scores", "empty", "a bomb", "a bomb as container", "entities"],
)
def test_why_an_archive_is_dropped(content, reason):
    with pytest.raises(TuneError) as error:
        unpacked(content)
    assert str(error.value) == reason


def test_what_is_as_large_as_allowed_is_unpacked():
    assert len(unpacked(archive(a=" " * MAX_BYTES))) == MAX_BYTES
