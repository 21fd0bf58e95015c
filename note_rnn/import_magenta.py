"""`python -m note_rnn.import_magenta FILE --out prior`: make a Note RNN of a checkpoint of Magenta's."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import tyro

from note_rnn.common.command_line import parse
from note_rnn.common.errors import run_command
from note_rnn.magenta.networks import TokenOrder, note_rnn_of, token_order
from note_rnn.magenta.sources import read_source
from note_rnn.network.checkpoint import save_note_rnn


@dataclass(frozen=True)
class ImportConfig:
    """Make a Note RNN of the original RL Tuner's checkpoint, or of a `basic_rnn` checkpoint or bundle of Magenta's.

    Then tune it with `melody-rl train --prior PATH`.
    """

    source: Annotated[Path, tyro.conf.Positional]
    """A TensorFlow checkpoint (V1: one file; V2: its .index, beside its .data files), a Magenta bundle (.mag), or a
    folder with a file named checkpoint."""
    out: Path = Path("priors/magenta.safetensors")
    """Where the weights go; the model card is written beside them as .json."""
    token_order: Literal["auto", "rl_tuner", "magenta"] = "auto"
    """What tokens 0 and 1 mean to the network: note off and no event (rl_tuner), or no event and note off (magenta). By
    default a basic_rnn is Magenta's and the RL Tuner's own network is not. If what it composes holds notes where it
    should be silent, and is silent where it should hold them, it is the other."""


def import_magenta(config: ImportConfig) -> Path:
    """Read and save as `config` says; return the path of the weights.

    Raises MagentaFileError for a file that cannot be used, OSError where nothing can be written.
    """
    source = read_source(config.source)
    order: TokenOrder = token_order(source) if config.token_order == "auto" else config.token_order
    model = note_rnn_of(source, order)
    card = {
        "imported": {
            "file": source.path.name,
            "format": source.format,
            "sha256": source.sha256,
            **({"bundle": source.bundle} if source.bundle else {}),
            "token_order": order,
        },
        "versions": {"melody-rl": version("melody-rl")},
    }
    return save_note_rnn(model, config.out, card)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    config = parse(ImportConfig, arguments)
    print(f"Saved {import_magenta(config)}")


if __name__ == "__main__":
    run_command(main)
