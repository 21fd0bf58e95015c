"""The command search: the best achievable reward, found without learning."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from melody_env.reward_design.best_melody import SearchConfig, record_text, search
from note_rnn.common.atomic_files import check_out_folder, write_json
from note_rnn.common.command_line import parse
from note_rnn.common.errors import run_command
from note_rnn.formats.midi import write_midi


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    config = parse(SearchConfig, arguments)
    if config.out is not None:
        check_out_folder(config.out)
    record = search(config)
    setting = config.profile().setting
    print(record_text(record, setting))
    if config.out is not None:
        write_midi(np.array(record["melody"]), config.out / f"{config.method}.mid", staff=setting.staff)
        write_json(config.out / f"{config.method}.json", {"config": asdict(config), **record})
        print(f"Saved {config.out / config.method}.mid and .json")


if __name__ == "__main__":
    run_command(main)
