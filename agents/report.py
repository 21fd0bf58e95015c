"""The command report: a page about finished runs, for a browser without network."""

from collections.abc import Sequence

from agents.report_page.run_report import ReportConfig, write_report
from note_rnn import run_command
from note_rnn.common.command_line import parse


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    print(f"Saved {write_report(parse(ReportConfig, arguments))}")


if __name__ == "__main__":
    run_command(main)
