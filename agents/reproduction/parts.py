"""Parts of a reproduction, each made once: an agent with its curve and pieces, or the pieces of a reference.

Shapes: N melodies, T steps.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from agents.algorithms.saved_policies import SavedPolicy
from agents.composing.composers import Agent, Composer, NoteRNNComposer, load_run
from agents.composing.pieces import compose_pieces
from agents.evaluation.samples import VERSION, Sample, composed_sample, given_sample, human_sample
from agents.reproduction.models import MODELS, Model, ReproduceConfig
from agents.runs.config import TrainConfig
from agents.runs.labels import HUMAN, MARKOV, NOTE_RNN
from agents.runs.run_directory import RunDirectory, RunError
from agents.training.continuing import check_same, train_or_resume
from melody_env import EnvironmentSpec, HumanReference, Setting, score_melodies
from melody_env.measures.populations import training_tunes
from note_rnn import Tokens, transposed, write_json
from note_rnn.common.console import print_line
from note_rnn.common.data_files import DataError, read_json
from note_rnn.common.errors import reason
from note_rnn.markov import markov_melodies

PIECES = 256
"""Pieces averaged in each point of Figure 2; 100 in the paper."""


class Part(NamedTuple):
    """An agent of one seed, or a reference (`model` None)."""

    name: str
    model: Model | None
    seed: int

    def folder(self, config: ReproduceConfig) -> Path:
        """Return its folder."""
        if self.model is not None:
            return config.run_dir(self.model, self.seed)
        return config.folder / self.name.lower().replace(" ", "_")


class Made(NamedTuple):
    """A finished part: its label, and whether any of it was missing before."""

    label: str
    is_new: bool


def make(part: Part, config: ReproduceConfig) -> Made:
    """Make what is missing of `part`; its output goes to a log in its folder.

    Raises RunError for a folder of another run, or if training was stopped.
    """
    torch.set_num_threads(1)
    folder = part.folder(config)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.txt").open("a", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        if part.model is None:
            is_new = _make_reference(part, config)
        else:
            is_new = _make_agent(part, config.training(part.model, part.seed), config)
    return Made(f"{part.name}, seed {part.seed}" if part.model else part.name, is_new)


def read_sample(part: Part, config: ReproduceConfig) -> Sample:
    """Return the sample of a `part`; raises RunError if it has not been made."""
    sample = Sample.load(part.folder(config) / "pieces.npz")
    if sample is None:
        raise RunError(f"{part.folder(config)} has no pieces: run the same command again.")
    return sample


def read_curve(part: Part, config: ReproduceConfig) -> list[dict[str, float]]:
    """Return the curve of an agent, as `_curve` yielded it; raises RunError if it is missing or damaged."""
    path = part.folder(config) / "curve.json"
    try:
        return read_json(path, list[dict[str, int | float]])
    except (OSError, DataError) as error:
        raise RunError(
            f"{path} cannot be read ({reason(error)}): delete it, and run the same command again."
        ) from error


def _make_agent(part: Part, train: TrainConfig[Any], config: ReproduceConfig) -> bool:
    """Make what is missing of an agent; return whether its pieces were."""
    folder = part.folder(config)
    _train(train, folder)
    agent = load_run(folder)
    curve = folder / "curve.json"
    if not curve.is_file():
        write_json(curve, list(_curve(RunDirectory.open(folder), train, agent.environment)))
    human = HumanReference.held_out(agent.environment.setting)
    request = _request(part, config, agent, human)
    if Sample.load(folder / "pieces.npz", request) is not None:
        return False
    started = time.process_time()
    sample = composed_sample(agent, config.size.compositions, part.seed, human, request)
    sample.save(folder / "pieces.npz")
    print_line(f"Composed and counted in {time.process_time() - started:.0f} CPU-seconds.")
    return True


def _train(train: TrainConfig[Any], folder: Path) -> None:
    """Train to the end, resuming from the newest checkpoint if there is one."""
    if max(RunDirectory(folder).saved(), default=0) >= train.total_timesteps:
        check_same(train)
        return
    started = time.process_time()
    trained = train_or_resume(train)
    print_line(f"Trained to step {trained.model.num_timesteps:,} in {time.process_time() - started:.0f} CPU-seconds.")
    if not trained.completed:
        raise RunError(f"The training in {folder} was stopped and saved: run the same command again to resume.")


def _curve(run: RunDirectory, train: TrainConfig[Any], environment: EnvironmentSpec) -> Iterator[dict[str, float]]:
    """Yield the mean figures of pieces of the Note RNN and of each checkpoint of `run`.

    log p and r_MT by the paper's rules, not divided by c: summed over a piece, and of its last step alone, which is
    all that the original logged.
    """
    composers: dict[int, Composer] = {0: NoteRNNComposer(environment)}
    for steps, path in run.policies().items():
        composers[steps] = Agent(SavedPolicy.read(path).policy(), environment)
    for steps, composer in composers.items():
        pieces = compose_pieces(composer.player(), PIECES, 0, environment, retained=PIECES)
        log_prob = pieces.steps.log_prob
        music_theory = score_melodies(pieces.melodies, "paper", pieces.setting).music_theory
        yield {
            "steps": steps,
            "log_prob": float(log_prob.sum(1).mean()),
            "music_theory": float(music_theory.sum(1).mean()),
            "last_log_prob": float(log_prob[:, -1].mean()),
            "last_music_theory": float(music_theory[:, -1].mean()),
            "kl": float(pieces.kl.mean()),
        }


def _make_reference(part: Part, config: ReproduceConfig) -> bool:
    """Make the pieces of a reference if they are missing; return whether they were."""
    environment = config.training(MODELS[0], 0).environment()
    note_rnn = NoteRNNComposer(environment)
    path = part.folder(config) / "pieces.npz"
    setting, prior = environment.setting, environment.prior
    human = HumanReference.held_out(setting)
    request = _request(part, config, note_rnn, human)
    if Sample.load(path, request) is not None:
        return False
    n = config.size.compositions
    if part.name == NOTE_RNN:
        sample = composed_sample(note_rnn, n, part.seed, human, request)
    elif part.name == HUMAN:
        assert human is not None
        sample = human_sample(human, prior, part.seed, request)
    else:
        sample = given_sample(_machine_melodies(part, setting, n), setting, prior, human, part.seed, request)
    sample.save(path)
    return True


def _machine_melodies(part: Part, setting: Setting, n: int) -> Tokens:
    """Return `n` melodies [N, T] of a Markov chain of the training tunes, or of random notes in key."""
    rng = np.random.default_rng(part.seed)
    if part.name == MARKOV:
        tunes = training_tunes()
        assert tunes is not None
        return transposed(markov_melodies(tunes, 3, n, setting.steps, rng), setting.transposition)
    return rng.choice(np.flatnonzero(setting.in_scale & setting.in_range), (n, setting.steps))


def _request(
    part: Part, config: ReproduceConfig, composer: Composer, human: HumanReference | None
) -> Mapping[str, Any]:
    return {
        "version": VERSION,
        "compositions": config.size.compositions,
        "seed": part.seed,
        "checksum": composer.checksum(),
        "human_tunes": 0 if human is None or human.tunes is None else len(human.tunes),
    }
