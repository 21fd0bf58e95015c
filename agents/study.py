"""The command study: blind listening studies of runs, the analysis of their votes, and tastes learned from them."""

from collections.abc import Sequence
from typing import Annotated

import tyro

from agents.listening_study.analysis import AnalyseConfig, analyse_votes
from agents.listening_study.learning import LearnConfig, learn
from agents.listening_study.next_round import NextConfig, next_round
from agents.listening_study.study_page import NewConfig, new_study
from agents.listening_study.taste_files import check_taste_files, write_taste
from agents.listening_study.taste_table import summary, tables
from note_rnn.common.command_line import command_name, parse, train_command
from note_rnn.common.console import print_line, print_table
from note_rnn.common.errors import run_command


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    new = Annotated[NewConfig, tyro.conf.subcommand("new")]
    analysis = Annotated[AnalyseConfig, tyro.conf.subcommand("analyse")]
    learning = Annotated[LearnConfig, tyro.conf.subcommand("learn")]
    following = Annotated[NextConfig, tyro.conf.subcommand("next")]
    config: NewConfig | AnalyseConfig | LearnConfig | NextConfig = parse(
        new | analysis | learning | following,
        arguments,
        description="Blind listening studies of melodies, and tastes learned from their votes.",
    )
    if isinstance(config, AnalyseConfig):
        analyse_votes(config)
    elif isinstance(config, LearnConfig):
        _learn(config)
    else:
        page = new_study(config) if isinstance(config, NewConfig) else next_round(config)
        print(f"Saved {page}: send it to listeners, and collect the files that they download.")


def _learn(config: LearnConfig) -> None:
    """Learn a taste, print what it is, and write its profile."""
    check_taste_files(config.out, config.tokens)
    heard, taste = learn(config)
    for line in summary(heard, taste):
        print_line(line)
    for table in tables(taste):
        print_table(table)
    write_taste(heard, taste, config.out, command_name())
    further = "" if taste.is_noise else " --kl-budget 12"
    print_line(
        f"Saved {config.out}. Tune with it: {train_command()} --algo ppo_kl --gamma 1 --total-timesteps 200000 "
        f"--reward {config.out}{further}"
    )


if __name__ == "__main__":
    run_command(main)
