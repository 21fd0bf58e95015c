"""The command match: a reward profile fitted to the means of human tunes."""

from collections.abc import Sequence

from melody_env.reward.profile_yaml import write_profile
from melody_env.reward_design.moment_matching import MatchConfig, match
from note_rnn.common.atomic_files import check_out_file
from note_rnn.common.command_line import command_name, parse, train_command
from note_rnn.common.errors import run_command


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    config = parse(MatchConfig, arguments)
    check_out_file(config.out)
    profile = match(config)
    comments = [
        f"Rules weighed by the difference of the Note RNN from human tunes: {command_name()}",
        f"Human tunes: {', '.join(config.collections)}, without held-out tunes, {profile.setting.steps} steps. "
        f"Note RNN: {config.prior}. Seed {config.seed}.",
        "Weights are nats, so c is 1: tuned with them, undiscounted, an agent has the human mean of each rule.",
    ]
    write_profile(profile, config.out, comments)
    print(f"Saved {config.out}. Tune with it: {train_command()} --algo psi --preset people --reward {config.out}")


if __name__ == "__main__":
    run_command(main)
