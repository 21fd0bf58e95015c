"""The command calibrate: a reward profile fitted to rank human melodies first."""

from collections.abc import Sequence

from melody_env.reward.profile_yaml import write_profile
from melody_env.reward_design.ranking_fit import CalibrateConfig, calibrate
from note_rnn.common.atomic_files import check_out_file
from note_rnn.common.command_line import command_name, other_command, parse
from note_rnn.common.errors import run_command


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    config = parse(CalibrateConfig, arguments)
    check_out_file(config.out)
    profile = calibrate(config)
    comments = [
        f"Rules weighed to distinguish human melodies from machine melodies: {command_name()}",
        f"Human tunes: {', '.join(config.collections)}, without held-out tunes. Note RNN: {config.prior}. "
        f"Seed {config.seed}.",
        "A weight is the change per count in the log-odds of human against Note RNN melodies, so c is 1.",
        "Other rules that were weighed have no weight.",
    ]
    write_profile(profile, config.out, comments)
    print(f"Saved {config.out}. To audit it: {other_command('audit')} --profile {config.out}")


if __name__ == "__main__":
    run_command(main)
