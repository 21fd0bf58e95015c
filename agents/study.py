"""The command study: a blind listening study of runs, and the analysis of its votes."""

from collections.abc import Sequence
from typing import Annotated

import tyro

from agents.listening_study.analysis import AnalyseConfig, analyse_votes
from agents.listening_study.study_page import NewConfig, new_study
from note_rnn.common.command_line import parse
from note_rnn.common.errors import run_command


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    new = Annotated[NewConfig, tyro.conf.subcommand("new")]
    analysis = Annotated[AnalyseConfig, tyro.conf.subcommand("analyse")]
    config: NewConfig | AnalyseConfig = parse(
        new | analysis, arguments, description="A blind listening study of melodies by models."
    )
    if isinstance(config, NewConfig):
        print(f"Saved {new_study(config)}: send it to listeners, and collect the files that they download.")
    else:
        analyse_votes(config)


if __name__ == "__main__":
    run_command(main)
