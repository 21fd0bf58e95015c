"""What the notes of a bar in ABC sound like: key signature, accidentals, and ties that carry one over a bar line.

ABC 2.1, sections 4.2 and 11.3 (https://abcnotation.com/wiki/abc:standard:v2.1). There an accidental alters its letter
in all octaves to the end of the bar, unless `propagate-accidentals` says otherwise. Here it does so in its own octave,
as on the printed staffs that tunes are copied from; the directive is obeyed.
"""

from collections.abc import Mapping

from note_rnn.extraction.scores.abc_fields import ALTERATIONS, Key
from note_rnn.notes import LETTERS

Name = tuple[str, int]
"""A letter and its octave, which from middle C on is 4."""


def name_of(letter: str, marks: str) -> Name:
    """Return the name of a note: `c` is an octave above `C`, each of the `marks` one up (') or down (,)."""
    return letter.upper(), 4 + letter.islower() + marks.count("'") - marks.count(",")


def midi_pitch(name: Name, alteration: int) -> int:
    """Return the MIDI pitch of a note that is altered by so many semitones."""
    return 12 * (name[1] + 1) + LETTERS[name[0]] + alteration


class Accidentals:
    """The accidentals of the bar so far."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.scope = "octave"
        """How far an accidental reaches: octave, pitch (all octaves) or not."""
        self.tied: Mapping[Name, int] = {}
        """The alterations of the notes that are tied to the next ones."""
        self._bar: dict[Name, int] = {}

    def alteration(self, name: Name, accidental: str | None) -> int:
        """Return the semitones by which a note is altered: by `accidental`, a tie, one earlier in the bar, the key."""
        place = name if self.scope == "octave" else (name[0], 0)
        if accidental is None:
            return self.tied.get(name, self._bar.get(place, self.key.alterations.get(name[0], 0)))
        if self.scope != "not":
            self._bar[place] = ALTERATIONS[accidental]
        return ALTERATIONS[accidental]

    def end_bar(self) -> None:
        """Forget the accidentals of the bar; ties remain."""
        self._bar = {}
