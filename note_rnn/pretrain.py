"""The command pretrain: a Note RNN trained on tunes, saved with its model card."""

import sys
from collections.abc import Sequence
from dataclasses import replace

from note_rnn.common.command_line import command_name, parse
from note_rnn.common.errors import run_command
from note_rnn.pretraining.config import PretrainConfig
from note_rnn.pretraining.processes import is_first_process
from note_rnn.pretraining.recipe import pretrain


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    config = parse(PretrainConfig, arguments)
    out = config.resume or config.out
    try:
        path = pretrain(config)
    except KeyboardInterrupt:
        if not replace(config, out=out).state_path.exists():
            raise
        sys.exit(f"Stopped; resume with: {command_name()} --resume {out}")
    if is_first_process():
        print(f"Saved {path}")


if __name__ == "__main__":
    run_command(main)
