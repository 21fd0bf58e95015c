"""The command calibrate: weights of rules that rank human melodies first, as a reward profile."""

from collections.abc import Sequence

from melody_env.reward_design.profile_file import write_profile
from melody_env.reward_design.ranking_fit import CalibrateConfig, calibrate
from note_rnn.common.command_line import parse
from note_rnn.common.errors import check_out_file, run_command


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    config = parse(CalibrateConfig, arguments)
    check_out_file(config.out)
    profile = calibrate(config)
    comments = [
        "What tells people's melodies from machines', weighed: python -m melody_env.calibrate",
        f"People: {', '.join(config.collections)}, without what is held out. Note RNN: {config.prior}. "
        f"Seed {config.seed}.",
        "A weight is the log-odds of people against the Note RNN that one more of its kind is worth, so c is 1.",
        "Of the rules that were weighed, those not named have no weight.",
    ]
    write_profile(profile, config.out, comments)
    print(f"Saved {config.out}. How well it ranks: python -m melody_env.audit --profile {config.out}")


if __name__ == "__main__":
    run_command(main)
