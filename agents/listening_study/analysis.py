"""The analysis of a listening study: wins, strengths with intervals, and the tests of the paper."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from rich.table import Table

from agents.evaluation.preference import Preference, analyse
from agents.evaluation.votes import read_votes
from note_rnn import write_json
from note_rnn.common.atomic_files import check_out_file
from note_rnn.common.console import print_table
from note_rnn.common.errors import check_count, check_seed


@dataclass(frozen=True)
class AnalyseConfig:
    """Analyse the votes of a study: wins, strengths with intervals, and the paper's tests."""

    votes: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """The files that listeners downloaded."""
    out: Path | None = None
    """JSON file for the figures (default: none is written)."""
    samples: int = 2_000
    """Bootstrap samples."""
    seed: int = 0
    """Seed of the bootstrap."""


def analyse_votes(config: AnalyseConfig) -> Preference:
    """Print the analysis of the votes, and save it to `config.out` if given. Raises InputError for unusable votes."""
    check_count("--samples", config.samples)
    check_seed("--seed", config.seed)
    if config.out is not None:
        check_out_file(config.out)
    votes = read_votes(config.votes)
    preference = analyse(votes, config.samples, config.seed)
    count, listeners = len(votes.preference), preference.listeners
    print(f"{count} vote{'s' * (count != 1)} of {listeners} listener{'s' * (listeners != 1)}")
    for table in tables(preference):
        print_table(table)
    degrees = len(preference.models) - 1
    print(f"All models (Kruskal-Wallis): H({degrees}) = {preference.kruskal_h:.2f}, p = {preference.kruskal_p:.3g}")
    if config.out is not None:
        write_json(config.out, as_record(preference))
    return preference


def tables(preference: Preference) -> list[Table]:
    """Return the tables of models and of pairs."""
    total = preference.wins + preference.wins.T
    models = Table("", "wins", "of", "strength", "95 % interval", title="Models (a tie is half a win for each)")
    for i in np.argsort(-preference.strengths):
        low, high = preference.interval(preference.models[i])
        won, of = preference.wins[i].sum(), total[i].sum()
        strength = f"{preference.strengths[i]:+.2f}"
        models.add_row(preference.models[i], f"{won:g}", f"{of:g}", strength, f"{low:+.2f} .. {high:+.2f}")
    pairs = Table("", "", "U", "p", "p (Holm)", title="Ratings of two models (Mann-Whitney, two-sided)")
    for pair in preference.pairs:
        pairs.add_row(pair.first, pair.second, f"{pair.u:g}", f"{pair.p:.3g}", f"{pair.p_holm:.3g}")
    return [models, pairs]


def as_record(preference: Preference) -> dict[str, Any]:
    """Return the figures of `preference` for JSON."""
    return {
        "listeners": preference.listeners,
        "models": preference.models,
        "wins": preference.wins.tolist(),
        "strengths": preference.strengths.tolist(),
        "intervals": [preference.interval(model) for model in preference.models],
        "kruskal_wallis": {"h": preference.kruskal_h, "p": preference.kruskal_p},
        "mann_whitney": [pair._asdict() for pair in preference.pairs],
    }
