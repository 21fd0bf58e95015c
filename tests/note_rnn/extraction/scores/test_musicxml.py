"""MusicXML written by hand: the first staff's upper voice, endings, ties, keys and meters; and hostile XML."""

import re

import pytest

from note_rnn.extraction.scores.musicxml import musicxml_part
from note_rnn.extraction.tunes import TuneError


def note(name="C4", duration=4, voice="", more="", alter=""):
    pitch = f"<pitch><step>{name[0]}</step>{alter}<octave>{name[1]}</octave></pitch>" if name else "<rest/>"
    voice = voice and f"<voice>{voice}</voice>"
    return f"<note>{more}{pitch}<duration>{duration}</duration>{voice}</note>"


def score(*measures, divisions=4, key="<fifths>0</fifths>", time="<beats>4</beats><beat-type>4</beat-type>"):
    """A score of one part; the first measure has the attributes. Four divisions a quarter are sixteenths."""
    head = f"<attributes><divisions>{divisions}</divisions><key>{key}</key><time>{time}</time></attributes>"
    bars = "".join(f"<measure>{head if not n else ''}{measure}</measure>" for n, measure in enumerate(measures))
    return f"<score-partwise><part>{bars}</part></score-partwise>".encode()


BACK = "<backup><duration>16</duration></backup>"
TIE = '<tie type="start"/>'


def ending(kind, number, location):
    return f'<barline location="{location}"><ending number="{number}" type="{kind}"/></barline>'


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        pytest.param([note("C4", 8) + note("D4", 8), note("E4", 16)], "C4@0:8 D4@8:8 E4@16:16", id="notes"),
        pytest.param([note("", 8) + note("D4", 8)], "D4@8:8", id="rest"),
        pytest.param(
            [note("C4", 4) + "<forward><duration>4</duration></forward>" + note("D4", 8)], "C4@0:4 D4@8:8", id="gap"
        ),
        pytest.param([note("C4", 6.5) + note("D4", "1.5")], "C4@0:13/2 D4@13/2:3/2", id="decimals"),
        pytest.param(
            [note("C4", 16) + note("E4", 16, more="<chord/>") + note("D4", 16, more="<chord/>")], "E4@0:16", id="chord"
        ),
        pytest.param(
            [note("E5", 16, 1) + BACK + note("C4", 8, 2) + note("D4", 8, 2)], "E5@0:16", id="upper voice first"
        ),
        pytest.param(
            [note("C4", 8, 1) + note("D4", 8, 1) + BACK + note("E5", 16, 2)], "E5@0:16", id="upper voice second"
        ),
        pytest.param(
            [note("", 16, 1) + BACK + note("C4", 16, 2), note("E4", 16, 1) + BACK + note("C4", 16, 2)],
            "C4@0:16 E4@16:16",
            id="upper voice silent for a bar",
        ),
        pytest.param(
            [note("C4", 16) + BACK + note("E5", 16).replace("</note>", "<staff>2</staff></note>")],
            "C4@0:16",
            id="second staff",
        ),
        pytest.param([note("C4", 16, more=TIE), note("C4", 16)], "C4@0:32", id="tie"),
        pytest.param(
            [note("C4", 16).replace("</note>", "<notations><tied type='start'/></notations></note>"), note("C4", 16)],
            "C4@0:32",
            id="tie as notated",
        ),
        pytest.param(
            [note("C4", 16, more='<tie type="stop"/>'), note("C4", 16)], "C4@0:16 C4@16:16", id="end of a tie"
        ),
        pytest.param(
            ["<note><grace/><pitch><step>D</step><octave>4</octave></pitch></note>" + note("C4", 16)],
            "C4@0:16",
            id="grace note",
        ),
        pytest.param([note("E4", 16, more="<cue/>") + note("C4", 16)], "C4@0:16", id="cue note"),
        pytest.param(["<note><unpitched/><duration>8</duration></note>" + note("C4", 8)], "C4@8:8", id="drum"),
        pytest.param(
            [note("C4", 8, alter="<alter>1</alter>") + note("C4", 8, alter="<alter>-2</alter>")],
            "C#4@0:8 A#3@8:8",
            id="alterations",
        ),
        pytest.param(
            [
                note("C4", 16),
                ending("start", "1", "left") + note("D4", 16),
                note("E4", 16) + ending("stop", "1", "right"),
                ending("start", "2", "left") + note("F4", 16) + ending("discontinue", "2", "right"),
                note("G4", 16),
            ],
            "C4@0:16 F4@16:16 G4@32:16",
            id="endings of two bars and one",
        ),
        pytest.param(
            [
                note("C4", 16),
                ending("start", "1-3", "left") + note("D4", 16) + ending("stop", "1-3", "right"),
                ending("start", "4.", "left") + note("E4", 16),
            ],
            "C4@0:16 E4@16:16",
            id="a range, and an ending that is not closed",
        ),
    ],
)
def test_a_score(measures, expected, melody):
    assert melody(musicxml_part(score(*measures))) == expected


def test_only_the_first_part_is_read(melody):
    second = b"<part><measure><note/></measure></part></score-partwise>"
    assert melody(musicxml_part(score(note("C4", 16)).replace(b"</score-partwise>", second))) == "C4@0:16"


def test_timewise_scores(melody):
    bars = score(note("C4", 16), note("D4", 16)).decode()
    bars = re.sub("</?part>", "", bars).replace("partwise", "timewise")
    bars = bars.replace("<measure>", "<measure><part>").replace("</measure>", "</part><part/></measure>")
    assert melody(musicxml_part(bars.encode())) == "C4@0:16 D4@16:16"


@pytest.mark.parametrize(
    ("key", "sharps"),
    [
        ("<fifths>-3</fifths>", -3),
        ("<key-step>E</key-step><key-alter>-1</key-alter><key-step>F</key-step><key-alter>1</key-alter>", 1),
        ("<key-step>B</key-step><key-alter>-1</key-alter><key-step>E</key-step><key-alter>-1</key-alter>", -2),
    ],
)
def test_keys(key, sharps):
    assert {event.sharps for event in musicxml_part(score(note(), key=key)).notes} == {sharps}


def test_a_change_of_key_and_divisions_holds_from_its_place():
    change = "<attributes><divisions>8</divisions><key><fifths>2</fifths></key></attributes>"
    part = musicxml_part(score(note("C4", 8) + change + note("D4", 16)))
    assert [(event.start, event.duration, event.sharps) for event in part.notes] == [(0, 8, 0), (8, 8, 2)]


@pytest.mark.parametrize(
    ("time", "meters"),
    [
        ("<beats>6</beats><beat-type>8</beat-type>", {"6/8"}),
        ("<beats>3+2</beats><beat-type>8</beat-type>", {"5/8"}),
        ("<beats>3</beats><beat-type>8</beat-type><beats>2</beats><beat-type>4</beat-type>", {""}),
        ("<senza-misura/>", {""}),
        ("", {""}),
    ],
)
def test_meters(time, meters):
    part = musicxml_part(score(note("C4", 12), note("D4", 12), time=time))
    assert part.meters == meters
    assert part.bar_lines == [12, 24]


@pytest.mark.parametrize(
    "tag", ["<work><work-title> Tune\n</work-title></work>", "<movement-title>Tune</movement-title>"]
)
def test_titles(tag):
    assert musicxml_part(score(note()).replace(b"<part>", f"{tag}<part>".encode(), 1)).title == "Tune"


BOMB = (
    '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><score-partwise>&b;</score-partwise>'
)
LEAK = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><score-partwise>&a;</score-partwise>'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "damaged XML"),
        (b"no music", "damaged XML"),
        (b"<score-partwise>", "damaged XML"),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', "damaged XML"),
        (b"<opus/>", "not a MusicXML score"),
        (BOMB.encode(), "XML that defines entities"),
        (BOMB.encode("utf-16"), "XML that defines entities"),
        (LEAK.encode(), "XML that defines entities"),
        (b"<a>" * 101, "XML nested too deeply"),
        (score(note("C4", 0.5, alter="<alter>0.5</alter>")), "notes between the semitones"),
        (score(note("H4")), "damaged MusicXML"),
        (score("<note><pitch><step>C</step></pitch><duration>1</duration></note>"), "damaged MusicXML"),
        (score("<note><pitch><step>C</step><octave>4</octave></pitch></note>"), "damaged MusicXML"),
        (score(note("C4", "1e9")), "damaged MusicXML"),
        (score(note("C4", "9" * 10)), "damaged MusicXML"),
        (score(BACK + note()), "damaged MusicXML"),
        (score(note(), divisions=0), "damaged MusicXML"),
        (score(note("C4", 2_000_000)), "longer than 1,048,576 sixteenths"),
    ],
)
def test_why_a_score_is_dropped(content, reason):
    with pytest.raises(TuneError) as error:
        musicxml_part(content)
    assert str(error.value) == reason


def test_the_document_type_of_musicxml_is_not_fetched(melody):
    kind = '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML" "http://127.0.0.1:9/partwise.dtd">'
    assert melody(musicxml_part(kind.encode() + score(note("C4", 16)))) == "C4@0:16"
