"""Musical form: a piece as sections that are new, or exact or varied repeats of earlier ones.

A section is a letter, with a dash for each variation of it: the second A of A B A repeats the first, and A' is a varied
repeat of A. Shapes: B passages, T steps.
"""

import re
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from note_rnn.common.errors import InputError
from note_rnn.common.plain_text import shown
from note_rnn.vocabulary import NO_EVENT

Integers = npt.NDArray[np.integer]
Flags = npt.NDArray[np.bool_]

MAX_SECTIONS = 26
"""As many as there are letters."""
MAX_FORMS = 1_000

VARIED_KEPT = 0.7
"""The share of its events that a varied repeat of a human tune keeps, the median."""
OPENING_KEPT, ENDING_KEPT = 0.85, 0.6
"""The shares that it keeps of its first and of its second half: most variations are of the ending."""
NEW_KEPT = 0.3
"""The share of its events that a new section of a human tune has in common with an earlier one: three in four have
no more."""
SECTIONS_AT_REST = 0.91
"""The share of sections of human tunes that end on a tonic, third or fifth."""
REST_BARS = 4
"""Bars of the shortest sections that come to rest: shorter phrases of human tunes mostly go on."""
REST_STEPS = 4
"""Steps for which the last note of a section rests, or longer, in four of five human tunes."""

_SECTION = re.compile(r"\s*([A-Za-z])(['’′]{0,9})([0-9]{0,4})\s*")  # noqa: RUF001
_HOW = "write each section as a letter, ' for a varied repeat, and its bars or none, as in AA'BA or \"A4 B4 A4 C2\""


class Section(NamedTuple):
    """A section of a form."""

    name: str
    """Its letter and dashes: A, A', B ..."""
    start: int
    """Its first step in the piece."""
    steps: int
    source: int | None
    """The number of the section that it repeats, from 0; None for a new one."""
    is_varied: bool
    """Whether it repeats that section with changes."""

    @property
    def place(self) -> slice:
        """Its steps in the piece."""
        return slice(self.start, self.start + self.steps)

    @property
    def middle(self) -> int:
        """The first step of its second half, the shorter one of an odd number of steps."""
        return self.start + (self.steps + 1) // 2


class Form(NamedTuple):
    """The sections of a piece."""

    name: str
    """The form as given, without spaces that mean nothing: AA'BA, or with bars "A4 B4 A4 C2"."""
    sections: tuple[Section, ...]

    @property
    def grid(self) -> tuple[slice, ...]:
        """The steps of each section."""
        return tuple(section.place for section in self.sections)

    @property
    def pattern(self) -> str:
        """The form without bars, named in order: that of "C4 D4 C''4" is ABA'."""
        return pattern((section.name[0], section.name) for section in self.sections)

    def marks(self, offset: int = 0) -> dict[int, str]:
        """Return the names of the sections by their first steps, counted from `offset` steps before the piece."""
        return {section.start + offset: section.name for section in self.sections}


class Matches(NamedTuple):
    """The events of two passages, note onsets and note offs, step by step."""

    events: Flags
    """Whether either passage has an event."""
    kept: Flags
    """Whether both have the same."""


def matches(tokens: Integers, others: Integers) -> Matches:
    """Return the matches of `tokens` and `others`, both of the same shape: a hold is no event."""
    events = (tokens != NO_EVENT) | (others != NO_EVENT)
    return Matches(events, events & (tokens == others))


def similarity(tokens: Integers, others: Integers) -> npt.NDArray[np.float64]:
    """Return the share [B] of the events of two passages [B, T] that both have (Jaccard), 1 without any event."""
    events, kept = (flags.sum(-1) for flags in matches(tokens, others))
    return np.where(events == 0, 1.0, kept / np.maximum(events, 1))


def parse_forms(text: str, steps: int, bar: int) -> tuple[Form, ...]:
    """Return the forms in `text`, separated by |, of a piece of `steps` steps in bars of `bar`.

    Sections without bars are of equal length and fill the piece. Raises InputError for a form that cannot be read or
    does not fit the piece.
    """
    forms = text.split("|") if isinstance(text, str) else []
    if not 1 <= len(forms) <= MAX_FORMS:
        raise InputError(f"form must be text of one to {MAX_FORMS:,} forms separated by |, not {shown(text)}: {_HOW}.")
    return tuple(_form(each.strip(), steps, bar) for each in forms)


def bars_in(text: str) -> int | None:
    """Return the sum of the bars that the first form in `text` gives its sections, None if it gives none."""
    numbers = re.findall("[0-9]{1,4}", text.partition("|")[0]) if isinstance(text, str) else []
    return sum(map(int, numbers)) or None


def pattern(labels: Iterable[tuple[Hashable, Hashable]]) -> str:
    """Return the form of at most 26 sections with these `labels`: a letter and a name, both anything that has equals.

    The first letter is A, the next one B ...; the first name of a letter has no dash, the next one has one ...
    """
    names: dict[Hashable, list[Hashable]] = {}
    text = ""
    for letter, name in labels:
        variants = names.setdefault(letter, [])
        if name not in variants:
            variants.append(name)
        text += chr(ord("A") + list(names).index(letter)) + "'" * variants.index(name)
    return text


def _form(text: str, steps: int, bar: int) -> Form:
    """Return the form `text` of a piece of `steps` in bars of `bar`; raises InputError."""
    parts = _parts(text)
    if len({bars is None for _, bars in parts}) == 2:
        raise InputError(f"form {shown(text)} gives only some sections their bars: give them to all, or to none.")
    bars = _bars(text, [given for _, given in parts], steps, bar)
    starts = [sum(bars[:number]) * bar for number in range(len(bars))]
    names = [name for name, _ in parts]
    letters = [name[0] for name in names]
    sections = []
    for number, name in enumerate(names):
        is_new, is_first = name[0] not in letters[:number], name not in names[:number]
        source = None if is_new else letters.index(name[0]) if is_first else names.index(name)
        sections.append(Section(name, starts[number], bars[number] * bar, source, is_first and not is_new))
    with_bars = parts[0][1] is not None
    words = [f"{name}{given}" if with_bars else name for name, given in parts]
    return Form((" " if with_bars else "").join(words), tuple(sections))


def _parts(text: str) -> list[tuple[str, int | None]]:
    """Return the name of each section in `text`, and its bars if it gives them; raises InputError."""
    parts: list[tuple[str, int | None]] = []
    end = 0
    while len(parts) <= MAX_SECTIONS and (match := _SECTION.match(text, end)):
        letter, dashes, bars = match.groups()
        parts.append((letter.upper() + "'" * len(dashes), int(bars) if bars else None))
        end = match.end()
    if len(parts) > MAX_SECTIONS:
        raise InputError(f"form {shown(text)} has more than {MAX_SECTIONS} sections: give fewer.")
    if end < len(text) or not parts:
        where = f" at {shown(text[end:])}" if parts else ""
        raise InputError(f"form {shown(text)} cannot be read{where}: {_HOW}.")
    return parts


def _bars(text: str, given: Sequence[int | None], steps: int, bar: int) -> list[int]:
    """Return the bars of each section, as `given` or equal ones; raises InputError unless they fill the piece."""
    bars = [number for number in given if number is not None]
    if bars:
        if 0 in bars:
            raise InputError(f"form {shown(text)} has a section without bars: give it at least one.")
        if sum(bars) * bar != steps:
            raise InputError(
                f"form {shown(text)} has {sum(bars)} bars, and the piece {steps / bar:g}: give the length "
                f"'{sum(bars)} bars', or other bars."
            )
        return bars
    each = max(round(steps / bar / len(given)), 1)
    if each * bar * len(given) != steps:
        raise InputError(
            f"form {shown(text)} has {len(given)} sections, into which the {steps / bar:g} bars of the piece cannot be "
            f"divided: give a length such as '{each * len(given)} bars', or each section its bars."
        )
    return [each] * len(given)
