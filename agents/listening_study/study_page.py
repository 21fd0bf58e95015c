"""The page of a blind listening study.

A study as in Jaques et al. 2017, section 5: preferences between two melodies on a scale of five. Shapes: N pieces, T
steps.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

import numpy as np
import torch
import tyro

from agents.composing.composers import Composer, NoteRNNComposer, load_run
from agents.composing.pieces import Pieces, compose_pieces
from agents.listening_study.pair_choice import PairChoice
from agents.report_page.cards import chosen_tunes
from agents.report_page.rendering import write_page
from agents.runs.labels import HUMAN, NOTE_RNN, run_labels
from melody_env import Setting
from melody_env.measures.human_reference import missing_tunes
from melody_env.measures.populations import held_out_melodies
from note_rnn import Tokens, write_json
from note_rnn.common.atomic_files import check_out_folder
from note_rnn.common.errors import InputError, check_count, check_seed

Side = TypeVar("Side")
Slot = tuple[int, int]
"""Indices of a model and of one of its pieces."""


@dataclass(frozen=True)
class NewConfig:
    """Write the page of a blind study: pairs of melodies by the Note RNN and by agents, for listeners to judge.

    Send OUT/study.html to listeners; it works without network, and lets them download their votes as a file.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of runs that started from the same Note RNN."""
    out: Path = Path("study")
    """Folder for study.html, and for study.json, which names the composer of each melody."""
    pieces: int = 12
    """Melodies of each model."""
    repeats: int = 4
    """Comparisons of each pair of models per listener."""
    hidden_repeats: int = 2
    """Comparisons that each listener makes a second time, with sides swapped: they show how consistent votes are."""
    orders: int = 100
    """Orders in the page; each listener gets one of them at random."""
    human_tunes: bool = False
    """Include held-out human tunes as one more model. The paper compared models only, since the question is whether
    tuning improved the Note RNN; each further model takes listeners more time."""
    seed: int = 0
    """Seed of the melodies and orders."""
    trust_code: bool = False
    """Load the rule files (.py) that the runs name: these are code, so read them before."""


class Trial(NamedTuple):
    """Two pieces to compare."""

    left: Slot
    right: Slot


def new_study(config: NewConfig) -> Path:
    """Write the page of a new study; return its file. Raises InputError for runs or options it cannot use."""
    if not config.runs:
        raise InputError("There is nothing to compare: give the folder of at least one run.")
    for name in ("pieces", "repeats", "orders"):
        check_count(f"--{name}", getattr(config, name))
    check_count("--hidden-repeats", config.hidden_repeats, minimum=0)
    check_seed("--seed", config.seed)
    check_out_folder(config.out)
    torch.set_num_threads(1)
    composed = compose_models(config.runs, config.pieces, config.seed, config.trust_code)
    setting = composed[NOTE_RNN].setting
    melodies = {model: pieces.melodies for model, pieces in composed.items()}
    if config.human_tunes:
        melodies[HUMAN] = human_tunes(config, setting)
    study = study_data(melodies, setting, config)
    return write_study(config.out / "study.html", study, asdict(config))


@dataclass(frozen=True)
class Study:
    """The melodies of a study, by whom they are, and the pairs that listeners compare."""

    setting: Setting
    models: list[str]
    composers: list[str]
    """Of each melody."""
    melodies: list[list[int]]
    asked: list[list[tuple[int, int]]] | PairChoice
    """The pairs of melodies of each listener, by their numbers; or what the page chooses pairs by, to learn a taste."""

    @property
    def comparisons(self) -> int:
        """Pairs that a listener compares."""
        return self.asked.comparisons if isinstance(self.asked, PairChoice) else len(self.asked[0])

    @property
    def id(self) -> str:
        """The identity of the study in votes."""
        return hashlib.sha256(json.dumps([self.melodies, self.composers]).encode()).hexdigest()[:12]


def write_study(page: Path, study: Study, config: dict[str, Any]) -> Path:
    """Write the `page` of `study`, and beside it, as JSON, the record that names the composers; return the page.

    The page has the composers in a form that is not read by accident.
    """
    asked = {"choice": asdict(study.asked)} if isinstance(study.asked, PairChoice) else {"orders": study.asked}
    data = {
        "id": study.id,
        "tempo": study.setting.tempo,
        "setting": study.setting.as_dict(),
        "melodies": study.melodies,
        **asked,
        "composers": _obscured(study.composers),
        "models": _obscured(study.models),
    }
    write_page(page, "study/study.html", study=data, comparisons=study.comparisons)
    named = {"models": study.models, "composers": study.composers, "melodies": study.melodies}
    write_json(page.with_suffix(".json"), {"config": config, "id": study.id, **named})
    return page


def study_data(composed: dict[str, Tokens], setting: Setting, config: NewConfig) -> Study:
    """Return the study of model -> melodies [N, T] (`composed`), the melodies in random order."""
    rng = np.random.default_rng(config.seed)
    slots = [(model, number) for model in range(len(composed)) for number in range(config.pieces)]
    shuffled = [slots[i] for i in rng.permutation(len(slots))]
    orders = [listener_order(len(composed), config, rng) for _ in range(config.orders)]
    models = list(composed)
    composers = [models[model] for model, _ in shuffled]
    melodies = [composed[models[model]][number].tolist() for model, number in shuffled]
    numbers = [[(shuffled.index(left), shuffled.index(right)) for left, right in order] for order in orders]
    return Study(setting, models, composers, melodies, numbers)


def _obscured(names: list[str]) -> str:
    return base64.b64encode(json.dumps(names).encode()).decode("ascii")


def compose_models(runs: Sequence[Path], number: int, seed: int, trust_code: bool) -> dict[str, Pieces]:
    """Return label -> pieces, `number` of the Note RNN and of each of the `runs`.

    Raises InputError if the runs did not all start from the same Note RNN in the same setting.
    """
    composed: dict[str, Pieces] = {}
    for label, path in zip(run_labels(runs), runs, strict=True):
        agent = load_run(path, trust_code)
        composers: tuple[Composer, Composer] = (NoteRNNComposer(agent.environment), agent)
        prior, tuned = (compose_pieces(each.player(), number, seed, each.environment) for each in composers)
        first = composed.setdefault(NOTE_RNN, prior)
        if not np.array_equal(first.melodies, prior.melodies) or first.setting != prior.setting:
            raise InputError(
                f"{path} did not start from the same Note RNN in the same key, meter, length and tempo as "
                f"{runs[0]}: compare them in separate studies."
            )
        composed[label] = tuned
    return composed


def human_tunes(config: NewConfig, setting: Setting) -> Tokens:
    """Return as many held-out human tunes [N, T] as each model has pieces; raises InputError if there are too few."""
    tunes = held_out_melodies(setting)
    if tunes is None:
        raise InputError(f"There are no human tunes: leave out --human-tunes. {missing_tunes(setting)}")
    if len(tunes) < config.pieces:
        raise InputError(
            f"There are {len(tunes)} held-out human tunes in this key, meter and length, "
            f"too few for --pieces {config.pieces}: leave out --human-tunes, or reduce --pieces."
        )
    return chosen_tunes(tunes, config.pieces, config.seed)


def listener_order(models: int, config: NewConfig, rng: np.random.Generator) -> list[tuple[Slot, Slot]]:
    """Return the comparisons of one listener, hidden repeats included."""
    return with_repeats(schedule(models, config.pieces, config.repeats, rng), config.hidden_repeats)


def schedule(models: int, pieces: int, repeats: int, rng: np.random.Generator) -> list[Trial]:
    """Return comparisons in random order: each pair of `models` `repeats` times, sides balanced.

    Each model goes through its `pieces` in random order, so that none is repeated before all have been used.
    """
    pairs = [pair for pair in combinations(range(models), 2) for _ in range(repeats)]
    swapped = [turn % 2 == 1 for _ in combinations(range(models), 2) for turn in rng.permutation(repeats)]
    queues = [rng.permutation(pieces) for _ in range(models)]
    used = [0] * models
    trials = []
    for i in rng.permutation(len(pairs)):
        left, right = reversed(pairs[i]) if swapped[i] else pairs[i]
        slots = []
        for model in (left, right):
            slots.append((model, int(queues[model][used[model] % pieces])))
            used[model] += 1
        trials.append(Trial(*slots))
    return trials


def with_repeats(pairs: Sequence[tuple[Side, Side]], number: int) -> list[tuple[Side, Side]]:
    """Return `pairs` and then the first `number` of them again, with sides swapped: they were heard longest ago."""
    return [*pairs, *((right, left) for left, right in pairs[:number])]
