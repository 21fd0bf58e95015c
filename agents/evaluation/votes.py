"""The votes of a listening study as votes between its models."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agents.evaluation.preference import Votes
from agents.votes.files import VotesError, read_sessions


def read_votes(paths: Sequence[Path]) -> Votes:
    """Return the votes in the files `paths`, without those between two melodies of one model, which compare none.

    Raises VotesError unless they are votes of one study.
    """
    sessions = read_sessions(paths)
    seen: dict[str, Path] = {}
    for path, session in zip(paths, sessions, strict=True):
        if session.study != sessions[0].study:
            raise VotesError(f"{path} belongs to another study than {paths[0]}: analyse them separately.")
        if session.session in seen:
            raise VotesError(f"{path} holds the same votes as {seen[session.session]}: leave one of them out.")
        seen[session.session] = path
    votes = [
        (listener, vote)
        for listener, session in enumerate(sessions)
        for vote in session.votes
        if vote.left != vote.right
    ]
    if not votes:
        raise VotesError(f"There are no votes between models in {', '.join(map(str, paths))}.")
    rated = {model for _, vote in votes for model in (vote.left, vote.right)}
    models = tuple(model for model in dict.fromkeys(sessions[0].models) if model in rated)
    return Votes(
        models,
        np.array([models.index(vote.left) for _, vote in votes]),
        np.array([models.index(vote.right) for _, vote in votes]),
        np.array([vote.preference for _, vote in votes]),
        np.array([listener for listener, _ in votes]),
    )
