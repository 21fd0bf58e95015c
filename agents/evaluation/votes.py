"""The votes of a listening study, as its page writes them down: one JSON file a listener."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.evaluation.preference import Votes
from note_rnn import InputError


class VotesError(InputError):
    """A file that holds no votes, or those of another study."""


def read_votes(paths: Sequence[Path]) -> Votes:
    """Return the votes in the files `paths`, all of one study; raises VotesError where they are not."""
    if not paths:
        raise VotesError("There are no votes to read: give at least one of the files that listeners downloaded.")
    records = [_read(path) for path in paths]
    seen: dict[str, Path] = {}
    for path, record in zip(paths, records, strict=True):
        if record["study"] != records[0]["study"]:
            raise VotesError(f"{path} belongs to another study than {paths[0]}: analyse them apart.")
        if record["session"] in seen:
            raise VotesError(f"{path} holds the same votes as {seen[record['session']]}: leave one of them out.")
        seen[record["session"]] = path
    votes = [(listener, vote) for listener, record in enumerate(records) for vote in record["votes"]]
    if not votes:
        raise VotesError(f"There is not one vote in {', '.join(map(str, paths))}.")
    judged = {vote[side] for _, vote in votes for side in ("left", "right")}
    models = tuple(model for model in records[0]["models"] if model in judged)
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
        raise VotesError(f"{path} cannot be read: {error}") from error
    try:
        models, votes = record["models"], record["votes"]
        valid = {"study", "session"} <= record.keys() and all(
            vote["preference"] in range(1, 6) and {vote["left"], vote["right"]} <= {*models} for vote in votes
        )
    except (KeyError, TypeError, AttributeError):
        valid = False
    if not valid:
        raise VotesError(f"{path} holds no votes of a listening study: it is not what the study's page wrote.")
    return record
