"""`python train.py --algo q`: tune a Note RNN by reinforcement learning to obey the rules of music theory.

Everything goes to `runs/<name>/`: configuration, TensorBoard events, checkpoints, melodies to hear, and the table.
"""

import sys
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from rich.console import Console
from stable_baselines3.common.logger import configure
from stable_baselines3.common.utils import LinearSchedule

from agents import RecurrentDQN
from agents.callbacks import ListenCallback, ProgressCallback, SaveCallback, StopCallback
from agents.composing import Pieces, compose_pieces, load_agent
from agents.evaluation import metrics_table, table_metrics
from agents.run_directory import RunDirectory
from melody_env import MelodyVecEnv, load_profile, piano_roll_figure
from note_rnn import (
    InputError,
    NoteRNN,
    Progress,
    load_note_rnn,
    replacing,
    run_command,
    weights_checksum,
    write_midi,
    write_wav,
)

WRITTEN_PIECES = 6


@dataclass(frozen=True)
class TrainConfig:
    """Tune a Note RNN by reinforcement learning, so that it keeps what it learned from music and obeys the rules.

    The defaults take a few minutes on two cores. Watch it: tensorboard --logdir runs
    """

    algo: Literal["q"] = "q"
    """What is learned. q: the expected discounted reward (Q-learning)."""
    total_timesteps: int = 300_000
    """Tokens to compose while learning, over all environments."""
    seed: int = 0
    """Seed of everything random."""
    run_dir: Path | None = None
    """Folder of the run; by default runs/<algo>-<date>-<time>."""
    resume: Path | None = None
    """Go on with the run in this folder, with its configuration; the other arguments are ignored."""

    prior: str = "default"
    """Note RNN to start from and to give log p: "default", or the .safetensors file that pretraining wrote."""
    reward: str = "paper"
    """Reward profile: "paper", or a YAML file."""
    length: int = 32
    """Steps (sixteenths) of a piece."""
    observation: Literal["position", "token"] = "position"
    """What the agent sees: the last token and the position in the piece, or the last token alone as in the paper."""
    priming: Literal["random_note", "none"] = "random_note"
    """What is heard before a piece: a random token, or nothing."""
    n_envs: int = 64
    """Pieces composed side by side."""

    learning_rate: float = 1e-3
    """Adam's learning rate at the start; it falls linearly to zero."""
    gamma: float = 0.5
    """Discount of the next step's value."""
    batch_size: int = 32
    """Whole pieces per update."""
    buffer_size: int = 100_000
    """Steps that the replay buffer holds."""
    learning_starts: int = 2_048
    """Steps before the first update."""
    train_freq: int = 1
    """Steps of every environment between trainings."""
    gradient_steps: int = 1
    """Updates per training."""
    tau: float = 0.01
    """Share of the online weights that each update mixes into the target network."""
    exploration: Literal["epsilon_greedy", "boltzmann"] = "boltzmann"
    """How the agent explores: at random with probability epsilon, or by softmax(scores / temperature)."""
    exploration_fraction: float = 0.5
    """Share of the training over which epsilon falls."""
    exploration_initial_eps: float = 1.0
    """Epsilon at the start."""
    exploration_final_eps: float = 0.01
    """Epsilon at the end of that share."""
    temperature: float = 1.0
    """Temperature of Boltzmann exploration."""
    double_q: bool = True
    """Let the online network choose the action that the target network scores."""
    max_grad_norm: float = 5.0
    """Gradients are clipped to this L2 norm."""

    evaluations: int = 40
    """How often the agent is listened to while it learns."""
    checkpoints: int = 10
    """How often it is saved."""
    compositions: int = 2_000
    """Pieces that the final table counts, of the Note RNN and of the agent."""
    device: str = "auto"
    """Where the networks are: cpu, cuda, or auto."""
    threads: int = 1
    """CPU threads for the products of small matrices; more are seldom faster."""


# Fields of TrainConfig that are arguments of RecurrentDQN of the same name.
_LEARNING = (
    *("gamma", "batch_size", "buffer_size", "learning_starts", "train_freq", "gradient_steps", "tau", "double_q"),
    *("exploration", "exploration_fraction", "exploration_initial_eps", "exploration_final_eps", "temperature"),
    *("max_grad_norm", "seed", "device"),
)
_ENVIRONMENT = ("observation", "reward", "length", "priming")


def train(config: TrainConfig) -> Path:
    """Train, evaluate and write everything down as `config` says; return the folder of the run.

    Raises InputError for what cannot be used, before anything is written; SystemExit if the training was stopped.
    """
    run = RunDirectory.open(config.resume) if config.resume else None
    if run is not None:
        config = _saved_config(run)
    _check(config)
    torch.set_num_threads(config.threads)
    prior = load_note_rnn(config.prior)
    environment = {name: getattr(config, name) for name in _ENVIRONMENT}
    env = MelodyVecEnv(config.n_envs, prior=prior, **environment)
    if run is None:
        learning = {name: getattr(config, name) for name in _LEARNING}
        model = RecurrentDQN(env=env, prior=prior, learning_rate=LinearSchedule(config.learning_rate, 0, 1), **learning)
        run = _create_run(config, prior, environment)
    else:
        model = load_agent(run.newest_checkpoint(), env=env, device=config.device)
        run.load_replay_buffer(model)
    print(f"{'Going on with' if model.num_timesteps else 'Training in'} {run.path}")
    with_prior = {**environment, "prior": prior}
    if not _learn(model, config, run, with_prior):
        sys.exit(f"Stopped at step {model.num_timesteps:,}; go on with: python train.py --resume {run.path}")
    _finish(model, config, run, with_prior)
    return run.path


def _saved_config(run: RunDirectory) -> TrainConfig:
    saved = run.read_json("config.json").get("config", {})
    known = {field.name for field in fields(TrainConfig)}
    return TrainConfig(**{name: value for name, value in saved.items() if name in known})


def _check(config: TrainConfig) -> None:
    for name in ("total_timesteps", "length", "n_envs", "batch_size", "buffer_size", "compositions", "threads"):
        if getattr(config, name) < 1:
            raise InputError(f"--{name.replace('_', '-')} must be at least 1, not {getattr(config, name)}.")
    load_profile(config.reward)


def _create_run(config: TrainConfig, prior: NoteRNN, environment: dict[str, Any]) -> RunDirectory:
    path = config.run_dir or Path("runs") / f"{config.algo}-{time.strftime('%Y%m%d-%H%M%S')}"
    return RunDirectory.create(
        path,
        {
            "config": asdict(config),
            "environment": {**environment, "prior": config.prior},
            "prior_checksum": weights_checksum(prior.state_dict()),
        },
    )


def _learn(model: RecurrentDQN, config: TrainConfig, run: RunDirectory, environment: dict[str, Any]) -> bool:
    """Train `model` to the end and save it; return False if it was stopped before."""
    model.set_logger(configure(str(run.path), ["tensorboard"]))
    stop = StopCallback()
    with Progress(config.total_timesteps, config.algo, "steps", done=model.num_timesteps) as progress:
        callbacks = [
            stop,
            ListenCallback(config.total_timesteps // config.evaluations, environment, tell=progress.note),
            SaveCallback(config.total_timesteps // config.checkpoints, run.save),
            ProgressCallback(progress),
        ]
        left = max(config.total_timesteps - model.num_timesteps, 0)
        model.learn(left, callbacks, log_interval=None, reset_num_timesteps=False)
    run.save(model)
    return not stop.requested


def _finish(model: RecurrentDQN, config: TrainConfig, run: RunDirectory, environment: dict[str, Any]) -> None:
    """Compare the agent with the Note RNN that it was: table, metrics and melodies from the same priming tokens."""
    columns = {}
    for name, policy in (("Note RNN", None), ("agent", model.policy)):
        pieces = compose_pieces(policy, config.compositions, config.seed, environment, num_probabilities=WRITTEN_PIECES)
        columns[name] = table_metrics(pieces)
        _write_pieces(run, name.lower().replace(" ", "_"), pieces)
    run.write_json("metrics.json", {"compositions": config.compositions, "seed": config.seed, **columns})
    Console().print(metrics_table(columns, f"{config.compositions:,} compositions each"))
    print(f"Listen: {run.melodies}/agent_1.wav (or .mid), and the Note RNN on the same first note: note_rnn_1.wav")


def _write_pieces(run: RunDirectory, name: str, pieces: Pieces) -> None:
    for number, (melody, chances) in enumerate(zip(pieces.melodies, pieces.probabilities, strict=False), start=1):
        path = run.melodies / f"{name}_{number}"
        write_midi(melody, path.with_suffix(".mid"))
        write_wav(melody, path.with_suffix(".wav"))
        with replacing(path.with_suffix(".png")) as temporary:
            piano_roll_figure(melody, chances, title=f"{name} {number}").savefig(temporary, dpi=90)


def main() -> None:
    """Run the command line."""
    train(tyro.cli(TrainConfig))


if __name__ == "__main__":
    run_command(main)
