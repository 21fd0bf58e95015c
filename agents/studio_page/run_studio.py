"""The studio of finished runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from agents.composing.composers import load_run
from agents.runs.labels import run_labels
from agents.studio_page.content import studio
from agents.studio_page.page import write_studio
from note_rnn import InputError
from note_rnn.common.atomic_files import check_out_file


@dataclass(frozen=True)
class StudioConfig:
    """Write a page to compose with agents in a browser: one file with their networks, which needs no network.

    It plays, edits, continues and fills in melodies, shows what each rule pays, and compares candidates.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of runs."""
    out: Path = Path("studio.html")
    """The file."""
    trust_code: bool = False
    """Load the rule files (.py) that the runs name: these are code, so read them before."""


def make_studio(config: StudioConfig) -> Path:
    """Write the page; return its file. Raises RunError or InputError for runs that it cannot hold."""
    if not config.runs:
        raise InputError("Give the folder of at least one run.")
    check_out_file(config.out, "--out")
    agents = [load_run(path, config.trust_code) for path in config.runs]
    write_studio(config.out, studio(run_labels(config.runs), config.runs, agents))
    return config.out
