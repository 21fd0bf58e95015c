"""Reading the votes of a listening study: JSON files written by its page, one for each listener."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from agents.evaluation.preference import Votes
from note_rnn import InputError
from note_rnn.common.data_files import DataError, converted, read_json
from note_rnn.common.errors import reason

MAX_MODELS = 100


class VotesError(InputError):
    """A file without votes, or with those of another study."""


@dataclass(frozen=True)
class _Vote:
    left: str
    right: str
    preference: Literal[1, 2, 3, 4, 5]


@dataclass(frozen=True)
class _Session:
    """The file of one listener."""

    study: str
    session: str
    models: list[str]
    votes: list[_Vote]


def read_votes(paths: Sequence[Path]) -> Votes:
    """Return the votes in the files `paths`; raises VotesError unless they are votes of one study."""
    if not paths:
        raise VotesError("There are no votes to read: give at least one file that a listener downloaded.")
    sessions = [_read(path) for path in paths]
    seen: dict[str, Path] = {}
    for path, session in zip(paths, sessions, strict=True):
        if session.study != sessions[0].study:
            raise VotesError(f"{path} belongs to another study than {paths[0]}: analyse them separately.")
        if session.session in seen:
            raise VotesError(f"{path} holds the same votes as {seen[session.session]}: leave one of them out.")
        seen[session.session] = path
    votes = [(listener, vote) for listener, session in enumerate(sessions) for vote in session.votes]
    if not votes:
        raise VotesError(f"There are no votes in {', '.join(map(str, paths))}.")
    rated = {model for _, vote in votes for model in (vote.left, vote.right)}
    models = tuple(model for model in dict.fromkeys(sessions[0].models) if model in rated)
    return Votes(
        models,
        np.array([models.index(vote.left) for _, vote in votes]),
        np.array([models.index(vote.right) for _, vote in votes]),
        np.array([vote.preference for _, vote in votes]),
        np.array([listener for listener, _ in votes]),
    )


def _read(path: Path) -> _Session:
    try:
        data = read_json(path)
    except (OSError, DataError) as error:
        raise VotesError(f"{path} cannot be read: {reason(error)}.") from error
    try:
        session: _Session = converted(data, _Session)
        if not {model for vote in session.votes for model in (vote.left, vote.right)} <= {*session.models}:
            raise DataError("a vote is between other models than it names")
        if any(vote.left == vote.right for vote in session.votes):
            raise DataError("a vote is between a model and itself")
        if len(session.models) > MAX_MODELS:
            raise DataError(f"it names more than {MAX_MODELS} models")
    except DataError as error:
        raise VotesError(
            f"{path} is not a file of votes written by a study's page ({error}): give a file that a listener "
            "downloaded."
        ) from error
    return session
