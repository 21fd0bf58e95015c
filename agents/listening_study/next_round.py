"""The next round of a study: the page of the pairs whose votes would teach most about a taste.

Shapes: N melodies, T steps.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro

from agents.composing.composers import NoteRNNComposer
from agents.composing.pieces import Pieces, compose_pieces
from agents.listening_study.pair_choice import pair_choice
from agents.listening_study.study_page import Study, compose_models, write_study
from agents.runs.labels import NOTE_RNN
from agents.votes.heard import HeardVotes, heard_votes, in_setting
from melody_env import EnvironmentSpec
from note_rnn.common.atomic_files import check_out_file
from note_rnn.common.errors import check_count, check_seed, check_suffix


@dataclass(frozen=True)
class NextConfig:
    """Write the page of the next round: after each vote it plays the pair that would teach most, given all votes.

    The melodies are those of the Note RNN and of runs that started from it; without votes it is the first round.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    """Folders of runs that compose for it too; without any, the Note RNN alone composes."""
    votes: tuple[Path, ...] = ()
    """Files of votes of earlier rounds, or from the studio."""
    out: Path = Path("study.html")
    """File (.html) for the page; a JSON file of the same name names the composer of each melody."""
    prior: str = "default"
    """(without runs) Note RNN that composes: "default", "lookback", or a file."""
    pairs: int = 20
    """Pairs to ask about."""
    hidden_repeats: int = 4
    """Of these, pairs that are asked a second time, with sides swapped: they show how consistent votes are."""
    pieces: int = 300
    """Melodies of each model that the pairs are chosen from."""
    seed: int = 0
    """Seed of melodies."""
    trust_code: bool = False
    """Load the rule files (.py) that the runs name: these are code, so read them before."""


def next_round(config: NextConfig) -> Path:
    """Write the page of the next round; return its file. Raises InputError for runs, votes or options it cannot use."""
    check_count("--pairs", config.pairs)
    check_count("--pieces", config.pieces, minimum=2)
    check_count("--hidden-repeats", config.hidden_repeats, minimum=0)
    check_seed("--seed", config.seed)
    check_suffix("--out", config.out, ".html")
    for path in (config.out, config.out.with_suffix(".json")):
        check_out_file(path)
    torch.set_num_threads(1)
    heard = heard_votes(config.votes) if config.votes else None
    composed = _composed(config, heard)
    setting = composed[NOTE_RNN].setting
    if heard is not None:
        in_setting(heard, setting)
    melodies, first = np.unique(
        np.concatenate([pieces.melodies for pieces in composed.values()]), axis=0, return_index=True
    )
    composers = [list(composed)[number // config.pieces] for number in first]
    choice = pair_choice(melodies, setting, heard, config.pairs, config.hidden_repeats)
    study = Study(setting, list(composed), composers, melodies.tolist(), choice)
    return write_study(config.out, study, asdict(config))


def _composed(config: NextConfig, heard: HeardVotes | None) -> dict[str, Pieces]:
    """Return label -> pieces of the Note RNN, and of the runs if there are any."""
    if config.runs:
        return compose_models(config.runs, config.pieces, config.seed, config.trust_code)
    environment = EnvironmentSpec.of(prior=config.prior, **(heard.setting.as_dict() if heard else {}))
    player = NoteRNNComposer(environment).player()
    return {NOTE_RNN: compose_pieces(player, config.pieces, config.seed, environment)}
