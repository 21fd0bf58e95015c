"""Configuration of pretraining, and its recipes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import tyro

from note_rnn.common.errors import MAX_THREADS, InputError, check_count, check_seed
from note_rnn.corpus import DEFAULT_COLLECTIONS
from note_rnn.extraction.tune_files import DEFAULT_READING, Reading
from note_rnn.network.checkpoint import load_note_rnn, path_of_weights
from note_rnn.network.devices import Device
from note_rnn.network.lookback import Lookback
from note_rnn.network.model import NoteRNN
from note_rnn.network.recurrent_layers import Cell
from note_rnn.pretraining import trainer


@dataclass(frozen=True)
class NetworkRecipe:
    """What a Note RNN is trained by, and its shape unless it is given."""

    training: trainer.Recipe
    hidden_size: tuple[int, ...] = (100,)
    lookback: Lookback | None = None


RECIPES: Mapping[str, NetworkRecipe] = {
    "strong": NetworkRecipe(trainer.Recipe()),
    "lookback": NetworkRecipe(trainer.LOOKBACK, (128,), Lookback()),
    "paper": NetworkRecipe(trainer.PAPER),
    "finetune": NetworkRecipe(trainer.FINE_TUNING),
}


@dataclass(frozen=True)
class PretrainConfig:
    """Train a Note RNN to predict the next token of real melodies, and print its scores compared with n-grams.

    The defaults are those of the network that ships with the package, which learned from an earlier
    tokenisation of the same tune books. Then tune your own:
    melody-rl train --prior PATH. On N processes: torchrun --nproc-per-node N -m note_rnn.pretrain ...
    """

    out: Path = Path("priors/note_rnn.safetensors")
    """File for the weights; the model card is written beside it as .json."""
    resume: Path | None = None
    """Resume the interrupted training with this --out and its own configuration; the other arguments are ignored."""
    recipe: Literal["strong", "lookback", "paper", "finetune"] = "strong"
    """Training recipe: ours for the network of Jaques et al. 2017, ours for one that looks back and copies, theirs, or
    a short one for --start-from."""
    start_from: str | None = None
    """Note RNN to start from instead of random weights, with its sizes: "default", "lookback" or a file."""
    meter: str | None = None
    """Train on tunes in this kind of meter (4/4, 3/4, 6/8), from a bar line on after a random token, as composed pieces
    begin. By default whole tunes in all meters."""
    collections: tuple[str, ...] = DEFAULT_COLLECTIONS
    """Training data: collections of music21's corpus, such as airdsAirs miscFolk essenFolksong, and corpora of your own
    music, built by melody-rl corpus build (.npz)."""
    reading: tyro.conf.OmitArgPrefixes[Reading] = DEFAULT_READING
    """How tunes of music21's collections are read; corpora of your own stay as they were built."""
    hidden_size: tuple[int, ...] | None = None
    """Units of every layer, or one number per layer, the first layer's first, if not the recipe's (100, or 128 with
    lookback); ignored with --start-from."""
    num_layers: int = 1
    """Number of recurrent layers, if --hidden-size is one number."""
    cell: Cell = "lstm"
    """Type of the layers; PyTorch's GRU is many times slower on a CPU."""
    dropout: float | None = None
    """Dropout probability of each layer's outputs, if not the recipe's."""
    updates: int | None = None
    """Number of gradient updates, if not the recipe's."""
    patience: int = 10
    """Stop early after this many validation scores in a row, of 30 in all, without a new best."""
    seed: int = 0
    """Seed of the initial weights and of the crops."""
    log_dir: Path = Path("runs/pretrain")
    """Folder for the TensorBoard curves."""
    device: Device = "auto"
    """Device to train on; auto is a GPU where there is one. Processes of torchrun have one each."""
    threads: int = 1
    """CPU threads; more than one is seldom faster for matrices this small."""

    @property
    def state_path(self) -> Path:
        """The file with the state of a training in progress."""
        return path_of_weights(self.out).with_suffix(".training.pt")

    def check(self) -> None:
        """Raise InputError for settings out of range, or if an interrupted training would be overwritten."""
        if self.hidden_size == ():
            raise InputError("--hidden-size needs at least one number.")
        for units in self.hidden_size or ():
            check_count("--hidden-size", units)
        check_count("--num-layers", self.num_layers)
        check_count("--threads", self.threads, maximum=MAX_THREADS)
        check_seed("--seed", self.seed)
        check_count("--patience", self.patience)
        if self.updates is not None:
            check_count("--updates", self.updates)
        if not 0 <= (self.dropout or 0) < 1:
            raise InputError(f"--dropout must be at least 0 and below 1, not {self.dropout}.")
        if self.resume is None and self.state_path.exists():
            raise InputError(
                f"{self.state_path} belongs to an interrupted training: resume it with --resume {self.out}, or delete "
                "the file."
            )

    def training_recipe(self) -> trainer.Recipe:
        """Return the recipe with the configured changes."""
        recipe = RECIPES[self.recipe].training
        dropout = recipe.dropout if self.dropout is None else self.dropout
        return replace(recipe, updates=self.updates or recipe.updates, dropout=dropout)

    def initial_model(self) -> NoteRNN:
        """Return the network that the training starts from, its weights random unless `start_from` is given."""
        if self.start_from is not None:
            return load_note_rnn(self.start_from).requires_grad_(True)
        recipe = RECIPES[self.recipe]
        return NoteRNN(self.hidden_size or recipe.hidden_size, self.num_layers, self.cell, recipe.lookback)
