"""The score in a compressed MusicXML file (.mxl), a zip archive.

MusicXML 4.0, compressed files (https://www.w3.org/2021/06/musicxml40/tutorial/compressed-mxl-files/): the archive's
`META-INF/container.xml` names the score. Nothing is written to disk, and no more than `MAX_BYTES` are unpacked.
"""

import io
import zipfile
import zlib

from note_rnn.extraction.contents import MAX_BYTES
from note_rnn.extraction.scores.musicxml import parse_xml
from note_rnn.extraction.tunes import TuneError

_CONTAINER = "META-INF/container.xml"


def unpacked(content: bytes) -> bytes:
    """Return the MusicXML document in the archive `content`.

    Without a container it is the only file at the top of the archive that ends in .xml or .musicxml. Raises TuneError
    if there is none, or for a damaged archive.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _read(archive, _score_name(archive))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, KeyError, OSError) as error:
        raise TuneError("damaged .mxl") from error  # RuntimeError if it is encrypted, KeyError if a file is missing


def _score_name(archive: zipfile.ZipFile) -> str:
    names = archive.namelist()
    if _CONTAINER in names:
        for file in parse_xml(_read(archive, _CONTAINER)).iter("rootfile"):
            if file.get("media-type", "").partition("+")[0] in ("", "application/vnd.recordare.musicxml"):
                return file.get("full-path", "")
    scores = [name for name in names if "/" not in name and name.lower().endswith((".xml", ".musicxml"))]
    if len(scores) != 1:
        raise TuneError("no score named in .mxl")
    return scores[0]


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise TuneError(f"unpacks to more than {MAX_BYTES >> 20} MiB")
    return content
