"""Votes as arrays of what was heard: pairs of melodies, outcomes and listeners.

Shapes: V votes, T steps, L listeners.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agents.votes.files import Session, Vote, VotesError, read_sessions
from melody_env import Setting, SettingError
from note_rnn import VOCABULARY_SIZE, Tokens

OUTCOMES = {1: 1.0, 2: 1.0, 3: 0.5, 4: 0.0, 5: 0.0}
"""By preference: 1 if A was preferred, 0 if B was, 0.5 for no difference."""
_SAME_VOTES = 8
"""Votes that two listeners do not give alike, in the same order, by chance."""

NO_MELODY = "do not hold their melodies"
OTHER_SETTING = "are in another key, meter, length or range than most"
GIVEN_TWICE = "are in two files"


@dataclass(frozen=True)
class HeardVotes:
    """V votes of L listeners, all in one setting."""

    first: Tokens
    """The melodies presented as A [V, T]."""
    second: Tokens
    """Those presented as B [V, T]."""
    outcomes: npt.NDArray[np.float64]
    """[V]; 1: A was preferred, 0: B, 0.5: no difference."""
    listener: npt.NDArray[np.int64]
    """[V]; 0..L - 1."""
    setting: Setting
    left_out: Mapping[str, int]
    """Numbers of votes that cannot be used, by the reason."""

    @property
    def listeners(self) -> int:
        """L."""
        return int(self.listener.max()) + 1

    def pairs(self) -> npt.NDArray[np.int64]:
        """Return a number for each vote [V] that is the same where the same two melodies were heard, on any side."""
        first, second = ([tuple(row) for row in side.tolist()] for side in (self.first, self.second))
        numbers: dict[frozenset[tuple[int, ...]], int] = {}
        return np.array([numbers.setdefault(frozenset(pair), len(numbers)) for pair in zip(first, second, strict=True)])


def heard_votes(paths: Sequence[Path]) -> HeardVotes:
    """Return the votes in the files `paths`, of any number of studies, in the setting that most are in.

    What cannot be used is left out and counted. Raises VotesError for a file that is damaged, or if nothing is left.
    """
    left_out: Counter[str] = Counter()
    sessions = _without_copies(read_sessions(paths), left_out)
    settings: dict[str, Setting | None] = {}
    usable: list[tuple[int, Vote, Setting]] = []
    for listener, session in enumerate(sessions):
        for vote in session.votes:
            key = repr(vote.setting)
            setting = settings[key] = settings[key] if key in settings else _setting(vote.setting)
            if setting is None or not (_is_heard(vote.left_melody, setting) and _is_heard(vote.right_melody, setting)):
                left_out[NO_MELODY] += 1
            else:
                usable.append((listener, vote, setting))
    if not usable:
        raise VotesError(
            f"No vote in {', '.join(map(str, paths))} holds the melodies that were heard: collect votes with a page "
            "written by this version (study new, study next, studio)."
        )
    usual, count = Counter(_music_of(setting) for *_, setting in usable).most_common(1)[0]
    left_out[OTHER_SETTING] += len(usable) - count
    kept = [each for each in usable if _music_of(each[2]) == usual]
    return HeardVotes(
        np.array([vote.left_melody for _, vote, _ in kept]),
        np.array([vote.right_melody for _, vote, _ in kept]),
        np.array([OUTCOMES[vote.preference] for _, vote, _ in kept]),
        np.unique([listener for listener, *_ in kept], return_inverse=True)[1],
        kept[0][2],
        +left_out,
    )


def in_setting(heard: HeardVotes, setting: Setting) -> HeardVotes:
    """Return `heard` if it is in `setting`; raises VotesError if key, meter, length or range differ."""
    if _music_of(heard.setting) != _music_of(setting):
        own = heard.setting
        raise VotesError(
            f"The melodies of the votes are in {own.key} {own.mode}, {own.meter}, of {own.steps} steps between pitches "
            f"{own.pitch_range[0]} and {own.pitch_range[1]}, and the agent's are not: choose the same key, mode, "
            "meter, length and range."
        )
    return heard


def _without_copies(sessions: Sequence[Session], left_out: Counter[str]) -> list[Session]:
    """Return `sessions` without copies; of several files of one listener, the one with the most votes."""
    kept: dict[Any, Session] = {}
    for session in sorted(sessions, key=lambda each: -len(each.votes)):
        long = len(session.votes) >= _SAME_VOTES
        keys = [("session", session.session), *([("votes", repr(session.votes))] if long else [])]
        if any(key in kept for key in keys):
            left_out[GIVEN_TWICE] += len(session.votes)
        else:
            kept |= dict.fromkeys(keys, session)
    return [session for session in sessions if any(session is each for each in kept.values())]


def _setting(fields: dict[str, Any] | None) -> Setting | None:
    """Return the setting with these `fields`, None if there is none."""
    try:
        return None if fields is None else Setting(**fields)
    except (SettingError, TypeError):
        return None


def _is_heard(melody: list[int] | int | None, setting: Setting) -> bool:
    """Return whether `melody` is one of tokens, and of the length of `setting`."""
    if not isinstance(melody, list) or len(melody) != setting.steps:
        return False
    return 0 <= min(melody) <= max(melody) < VOCABULARY_SIZE


def _music_of(setting: Setting) -> tuple[Any, ...]:
    """Return what the values of rules depend on."""
    bars = setting.steps, setting.steps_per_bar, setting.steps_per_beat
    return (setting.tonic, setting.scale, *bars, setting.pitch_range)
