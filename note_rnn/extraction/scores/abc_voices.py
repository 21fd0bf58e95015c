"""The first voice of a tune in ABC: the upper one in `%%score` or `%%staves`, else the one named first.

ABC 2.1, section 7 (https://abcnotation.com/wiki/abc:standard:v2.1).
"""

import re

from note_rnn.extraction.scores.abc_book import AbcTune

_VOICE = re.compile(r"\[V:[ \t]*+([^\s\[\]]*+)[^\[\]\n]*+\]")
_FIELDS = re.compile(r"\[[A-Za-z]:[^\[\]\n]*\]")


def first_voice(tune: AbcTune) -> str:
    """Return the music of the first voice of `tune` that has any, its lines joined.

    Music before the first `V:` of the body belongs to the voice that is declared first.
    """
    declared = [value.split()[0] for name, value in tune.header if name == "V" and value]
    pieces = _VOICE.split("\n".join(tune.body))
    names = [*declared, *pieces[1::2], ""]
    voices: dict[str, list[str]] = {name: [] for name in (*_score_order(tune), *names)}
    for name, music in zip([names[0], *pieces[1::2]], pieces[::2], strict=True):
        voices[name].append(music)
    joined = ("\n".join(music) for music in voices.values())
    return next((music for music in joined if _FIELDS.sub("", music).strip()), "")


def _score_order(tune: AbcTune) -> list[str]:
    """Return the voices that a directive `score` or `staves` names, from the top."""
    order = next((value for name, value in tune.header if name == "I" and re.match(r"(?:score|staves)\s", value)), "")
    return re.findall(r"[^\s()\[\]{}|*+]+", order)[1:]
