"""Reading the votes of a listening study: JSON files written by its page, one for each listener."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.evaluation.preference import Votes
from note_rnn import InputError
from note_rnn.common.errors import reason


class VotesError(InputError):
    """A file without votes, or with those of another study."""


def read_votes(paths: Sequence[Path]) -> Votes:
    """Return the votes in the files `paths`; raises VotesError unless they are votes of one study."""
    if not paths:
        raise VotesError("There are no votes to read: give at least one file that a listener downloaded.")
    records = [_read(path) for path in paths]
    seen: dict[str, Path] = {}
    for path, record in zip(paths, records, strict=True):
        if record["study"] != records[0]["study"]:
            raise VotesError(f"{path} belongs to another study than {paths[0]}: analyse them separately.")
        if record["session"] in seen:
            raise VotesError(f"{path} holds the same votes as {seen[record['session']]}: leave one of them out.")
        seen[record["session"]] = path
    votes = [(listener, vote) for listener, record in enumerate(records) for vote in record["votes"]]
    if not votes:
        raise VotesError(f"There are no votes in {', '.join(map(str, paths))}.")
    rated = {vote[side] for _, vote in votes for side in ("left", "right")}
    models = tuple(model for model in records[0]["models"] if model in rated)
    return Votes(
        models,
        np.array([models.index(vote["left"]) for _, vote in votes]),
        np.array([models.index(vote["right"]) for _, vote in votes]),
        np.array([vote["preference"] for _, vote in votes]),
        np.array([listener for listener, _ in votes]),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise VotesError(f"{path} cannot be read: {reason(error)}.") from error
    try:
        models, votes = record["models"], record["votes"]
        valid = {"study", "session"} <= record.keys() and all(
            vote["preference"] in range(1, 6) and {vote["left"], vote["right"]} <= {*models} for vote in votes
        )
    except (KeyError, TypeError, AttributeError):
        valid = False
    if not valid:
        raise VotesError(
            f"{path} is not a file of votes written by a study's page: give a file that a listener downloaded."
        )
    return record
