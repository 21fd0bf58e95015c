"""Early stopping: a training is scored on validation tunes, its best weights are saved, and it ends without progress.

The state needed to resume is a file, written at every score.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from note_rnn.common.atomic_files import write_bytes
from note_rnn.corpus import Corpus
from note_rnn.network.checkpoint import CheckpointError
from note_rnn.pretraining.trainer import HeldOut, Training, Update, evaluate


class ScoredTraining:
    """A `training` that is scored on the tunes of `validation` after every `interval` updates and after the last.

    It ends early after `patience` scores in a row without a new best.
    """

    def __init__(self, training: Training, validation: Corpus, interval: int, patience: int):
        self.training = training
        self.validation = validation
        self.interval = interval
        self.patience = patience
        self.best = HeldOut(float("inf"), 0.0, 0)
        self.best_update = 0
        self.best_weights: dict[str, Tensor] = {}
        self._scores_since = 0

    def __iter__(self) -> Iterator[tuple[Update, HeldOut | None]]:
        """Yield each update, with its score or None."""
        updates = iter(self.training)
        while self._scores_since < self.patience and (update := next(updates, None)):
            is_due = update.number % self.interval == 0 or update.number == self.training.recipe.updates
            yield update, self._score() if is_due else None

    def restore_best(self) -> None:
        """Load the weights with the best score into the model."""
        self.training.model.load_state_dict(self.best_weights)

    def state_dict(self) -> dict[str, Any]:
        """Return the complete state."""
        return {
            "training": self.training.state_dict(),
            "best": tuple(self.best),
            "best_update": self.best_update,
            "best_weights": self.best_weights,
            "scores_since": self._scores_since,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from the `state` of the same training."""
        self.training.load_state_dict(state["training"])
        self.best = HeldOut(*state["best"])
        self.best_update = state["best_update"]
        self.best_weights = state["best_weights"]
        self._scores_since = state["scores_since"]

    def _score(self) -> HeldOut:
        model = self.training.model
        score = self.training.processes.from_first(self._evaluate)
        self._scores_since += 1
        if score.nats < self.best.nats:
            self.best, self.best_update, self._scores_since = score, self.training.number, 0
            self.best_weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        return score

    def _evaluate(self) -> HeldOut:
        return evaluate(self.training.model, self.validation.segments, self.validation.all_bars)


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write `state` to the file `path`, which replaces its predecessor only when complete, and survives power loss."""
    content = io.BytesIO()
    torch.save(state, content)
    write_bytes(path, content.getvalue(), durable=True)


def read_state(path: Path) -> dict[str, Any]:
    """Return the state in the file `path`; raises CheckpointError if it is missing or damaged."""
    if not path.is_file():
        raise CheckpointError(f"There is no interrupted training to resume: no file {path}.")
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # reading a damaged file can raise anything
        raise CheckpointError(f"{path} is damaged: start the training again without --resume.") from error
