"""The command import-magenta: a Magenta checkpoint converted to a Note RNN."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import tyro

from note_rnn.common.atomic_files import check_out_file
from note_rnn.common.command_line import parse
from note_rnn.common.errors import run_command
from note_rnn.magenta.networks import TokenOrder, build_note_rnn, token_order
from note_rnn.magenta.sources import read_source
from note_rnn.network.checkpoint import path_of_weights, save_note_rnn


@dataclass(frozen=True)
class ImportConfig:
    """Convert the original RL Tuner's checkpoint, or Magenta's `basic_rnn` checkpoint or bundle, to a Note RNN.

    Then tune it: melody-rl train --prior PATH.
    """

    source: Annotated[Path, tyro.conf.Positional]
    """A TensorFlow checkpoint (V1: one file; V2: its .index, beside its .data files), a Magenta bundle (.mag), or a
    folder with a file named checkpoint."""
    out: Path = Path("priors/magenta.safetensors")
    """File for the weights; the model card is written beside it as .json."""
    token_order: Literal["auto", "rl_tuner", "magenta"] = "auto"
    """Tokens 0 and 1: note off and no event (rl_tuner), or the reverse (magenta). auto: magenta for a basic_rnn,
    else rl_tuner. Where notes are held instead of silence, and the reverse, choose the other."""


def import_magenta(config: ImportConfig) -> Path:
    """Convert the source as configured; return the path of the weights.

    Raises MagentaFileError for a file that cannot be used, InputError if the weights cannot be written.
    """
    check_out_file(path_of_weights(config.out))
    source = read_source(config.source)
    order: TokenOrder = token_order(source) if config.token_order == "auto" else config.token_order
    model = build_note_rnn(source, order)
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
