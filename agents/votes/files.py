"""Files of votes, one of each listener, written by the page of a study or by the studio.

A vote holds both melodies as tokens and their musical setting, so that rules can value what was heard; those of version
0.2.0 may hold neither. A file holds nothing about the listener but a random number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from note_rnn import InputError
from note_rnn.common.data_files import DataError, converted, read_json
from note_rnn.common.errors import reason

MAX_MODELS = 100
MAX_VOTES = 10_000
"""Votes of one listener: more than anyone can give."""


class VotesError(InputError):
    """A file without votes, or with those of another study."""


@dataclass(frozen=True)
class Vote:
    """A listener's choice between two melodies."""

    left: str
    """Who composed the melody that was presented as A."""
    right: str
    preference: Literal[1, 2, 3, 4, 5]
    """1: A is much better, 2: a little, 3: no difference, 4: B is a little better, 5: much."""
    left_melody: list[int] | int | None = None
    """Tokens; in older files the number of a melody, or none."""
    right_melody: list[int] | int | None = None
    setting: dict[str, Any] | None = None
    """Fields of the `Setting` of both melodies; None in older files."""


@dataclass(frozen=True)
class Session:
    """The file of one listener."""

    study: str
    session: str
    """A random number, drawn when the page was opened."""
    models: list[str]
    votes: list[Vote]


def read_session(path: Path) -> Session:
    """Return the votes in the file `path`; raises VotesError if it is damaged or holds something else."""
    try:
        data = read_json(path)
    except (OSError, DataError) as error:
        raise VotesError(f"{path} cannot be read: {reason(error)}.") from error
    try:
        session: Session = converted(data, Session)
        if not {model for vote in session.votes for model in (vote.left, vote.right)} <= {*session.models}:
            raise DataError("a vote is between other models than it names")
        if len(session.models) > MAX_MODELS:
            raise DataError(f"it names more than {MAX_MODELS} models")
        if len(session.votes) > MAX_VOTES:
            raise DataError(f"it has {len(session.votes):,} votes, and one listener has at most {MAX_VOTES:,}")
    except DataError as error:
        raise VotesError(
            f"{path} is not a file of votes written by a study's page ({error}): give a file that a listener "
            "downloaded."
        ) from error
    return session


def read_sessions(paths: Sequence[Path]) -> list[Session]:
    """Return the votes in the files `paths`, in their order; raises VotesError for one that holds none."""
    if not paths:
        raise VotesError("There are no votes to read: give at least one file that a listener downloaded.")
    return [read_session(path) for path in paths]
