"""The page of a blind listening study, and what the votes say.

A study as in Jaques et al. 2017, section 5: pairs of melodies, which one, on a scale of five. M models, N pieces.
"""

import base64
import hashlib
import json
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
import tyro

from agents.composing.composers import Composer, NoteRNNComposer, load_run
from agents.composing.pieces import Pieces, compose_pieces
from agents.report_page.cards import chosen_tunes
from agents.report_page.rendering import write_page
from agents.runs.labels import HUMAN, NOTE_RNN, run_labels
from melody_env import Setting
from melody_env.measures.populations import held_out_melodies
from note_rnn import Tokens, write_json
from note_rnn.common.errors import InputError, check_count

Slot = tuple[int, int]
"""A model and the number of one of its pieces."""


@dataclass(frozen=True)
class NewConfig:
    """Make the page of a blind study: what the Note RNN and the agents of runs composed, in pairs, for people to judge.

    Send DIR/study.html to listeners; it works without network, and lets them download their votes as a file.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of runs that started from the same Note RNN."""
    out: Path = Path("study")
    """Folder for study.html, and study.json, which says who composed what."""
    pieces: int = 12
    """Melodies of each model."""
    repeats: int = 4
    """How often a listener compares each pair of models."""
    orders: int = 100
    """Orders that the page knows; each listener gets one of them by chance."""
    people: bool = False
    """Let held-out tunes of people compete as one more model. Not by default: the paper asked for models alone, and
    every model more takes listeners more time, who are asked whether tuning made the Note RNN better."""
    seed: int = 0
    """Seed of melodies and orders."""


class Trial(NamedTuple):
    """Two melodies to compare."""

    left: Slot
    right: Slot


def new_study(config: NewConfig) -> Path:
    """Write the page of a new study; return its file. Raises InputError for what cannot be used."""
    if not config.runs:
        raise InputError("There is nothing to compare: give the folder of at least one run.")
    for name in ("pieces", "repeats", "orders"):
        check_count(f"--{name}", getattr(config, name))
    torch.set_num_threads(1)
    composed = compose_models(config)
    setting = composed[NOTE_RNN].setting
    melodies = {model: pieces.melodies for model, pieces in composed.items()}
    if config.people:
        melodies[HUMAN] = human_tunes(config, setting)
    study, record = study_data(melodies, setting.tempo, config)
    page = config.out / "study.html"
    write_page(page, "study.html", study=study, comparisons=len(study["orders"][0]))
    write_json(config.out / "study.json", record)
    return page


def study_data(composed: dict[str, Tokens], tempo: float, config: NewConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the page knows of the study, and what is kept beside it for whoever asks.

    Of what models `composed`, [N, T] each, played in quarter notes a minute (`tempo`).

    The page has the melodies in random order, and their composers in a form that is not read by accident.
    """
    rng = np.random.default_rng(config.seed)
    slots = [(model, number) for model in range(len(composed)) for number in range(config.pieces)]
    shuffled = [slots[i] for i in rng.permutation(len(slots))]
    orders = [schedule(len(composed), config.pieces, config.repeats, rng) for _ in range(config.orders)]
    models = list(composed)
    composers = [models[model] for model, _ in shuffled]
    melodies = [composed[models[model]][number].tolist() for model, number in shuffled]
    identity = hashlib.sha256(json.dumps([melodies, composers]).encode()).hexdigest()[:12]
    study = {
        "id": identity,
        "tempo": tempo,
        "melodies": melodies,
        "orders": [[[shuffled.index(slot) for slot in trial] for trial in order] for order in orders],
        "composers": _hidden(composers),
        "models": _hidden(models),
    }
    record = {"config": asdict(config), "id": identity, "models": models, "composers": composers, "melodies": melodies}
    return study, record


def _hidden(names: list[str]) -> str:
    return base64.b64encode(json.dumps(names).encode()).decode("ascii")


def compose_models(config: NewConfig) -> dict[str, Pieces]:
    """Return the pieces of the Note RNN and of each run, by what they are called.

    Raises InputError if the runs did not all start from the same Note RNN in the same setting.
    """
    composed: dict[str, Pieces] = {}
    for label, path in zip(run_labels(config.runs), config.runs, strict=True):
        agent = load_run(path)
        composers: tuple[Composer, Composer] = (NoteRNNComposer(agent.environment), agent)
        prior, tuned = (
            compose_pieces(each.player(), config.pieces, config.seed, each.environment) for each in composers
        )
        known = composed.setdefault(NOTE_RNN, prior)
        if not np.array_equal(known.melodies, prior.melodies) or known.setting != prior.setting:
            raise InputError(
                f"{path} did not start from the same Note RNN in the same key, meter, length and tempo as "
                f"{config.runs[0]}: compare them in studies of their own."
            )
        composed[label] = tuned
    return composed


def human_tunes(config: NewConfig, setting: Setting) -> Tokens:
    """Return as many held-out tunes of people [N, T] as each model has pieces; raises InputError if too few."""
    tunes = held_out_melodies(setting)
    if tunes is None or len(tunes) < config.pieces:
        raise InputError(
            f"There are {0 if tunes is None else len(tunes)} held-out tunes of people in this key, meter and length, "
            f"too few for --pieces {config.pieces}: leave out --people, or give fewer --pieces."
        )
    return chosen_tunes(tunes, config.pieces, config.seed)


def schedule(models: int, pieces: int, repeats: int, rng: np.random.Generator) -> list[Trial]:
    """Return the comparisons of one listener in random order: each pair of `models` `repeats` times, sides balanced.

    Each model goes through its `pieces` in random order, so that none is heard again before all were heard.
    """
    pairs = [pair for pair in combinations(range(models), 2) for _ in range(repeats)]
    swapped = [turn % 2 == 1 for _ in combinations(range(models), 2) for turn in rng.permutation(repeats)]
    queues = [rng.permutation(pieces) for _ in range(models)]
    heard = [0] * models
    trials = []
    for i in rng.permutation(len(pairs)):
        left, right = reversed(pairs[i]) if swapped[i] else pairs[i]
        slots = []
        for model in (left, right):
            slots.append((model, int(queues[model][heard[model] % pieces])))
            heard[model] += 1
        trials.append(Trial(*slots))
    return trials
