"""What is reproduced: which agents and references, how much of each, and where it goes."""

import os
import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from agents.runs.config import TrainConfig
from agents.runs.presets import Algorithm, PresetName
from note_rnn.common.errors import InputError, check_choice, check_count


class Model(NamedTuple):
    """An agent of the tables: its name, how it learns, and its column in the paper's Table 1, if it has one."""

    name: str
    algo: Algorithm
    preset: PresetName
    column: str | None = None


MODELS = (
    Model("Q", "q", "paper", "q"),
    Model("Psi", "psi", "paper", "psi"),
    Model("G", "g", "paper", "g"),
    Model("RL only", "rl_only", "paper"),
    Model("Q, default", "q", "default"),
    Model("Psi, default", "psi", "default"),
    Model("G, default", "g", "default"),
    Model("ppo_kl, default", "ppo_kl", "default"),
)


class Size(NamedTuple):
    """How much is trained and counted."""

    seeds: int
    compositions: int
    paper_steps: int
    checkpoints: int


QUICK = Size(1, 10_000, 300_000, 10)
STANDARD = Size(1, 20_000, 3_000_000, 30)
FULL = Size(3, 100_000, 3_000_000, 30)


@dataclass(frozen=True)
class ReproduceConfig:
    """Remake the results of Jaques et al. 2017 beside people's tunes, Markov chains and random notes.

    Trains Q, Psi, G and RL only with the paper's presets, and the default presets; lets each compose; writes Table 1
    with the published values beside it, Figure 2 and Figure 3, as text, pictures, CSV and JSON, and report.html, a page
    to see and hear all of it. What is finished is not made again: the same command goes on where it was stopped.
    """

    quick: bool = False
    """Minutes: the paper's presets learn for a tenth of their steps, 10,000 pieces of each."""
    full: bool = False
    """Hours: three seeds, 100,000 pieces of each as in the paper. Without either: one seed, 20,000 pieces."""
    out: Path | None = None
    """Folder of the results (default: runs/reproduce, with -quick or -full)."""
    seeds: int | None = None
    """Seeds of each agent, from 0 on, if not those of the size."""
    compositions: int | None = None
    """Pieces of each agent and reference, if not those of the size."""
    total_timesteps: int | None = None
    """Tokens that every agent composes while learning, if not those of its preset and the size."""
    models: tuple[str, ...] = tuple(model.name for model in MODELS)
    """Agents to train, by the names of the table."""
    prior: str = "default"
    """Note RNN: "default", the one that comes with the package; a .safetensors file; or "train", to pretrain one
    first with the paper's recipe."""
    workers: int = min(2, os.cpu_count() or 1)
    """Agents trained at the same time, each on a core of its own."""

    @property
    def size(self) -> Size:
        """How much is trained and counted."""
        size = QUICK if self.quick else FULL if self.full else STANDARD
        return size._replace(seeds=self.seeds or size.seeds, compositions=self.compositions or size.compositions)

    @property
    def folder(self) -> Path:
        """Where the results go."""
        return self.out or Path("runs") / f"reproduce{'-quick' * self.quick}{'-full' * self.full}"

    @property
    def command(self) -> str:
        """The command that remakes the results; where they go and on how many cores changes nothing in them."""
        words = ["python", "-m", "agents.reproduce"]
        for each in fields(self):
            value = getattr(self, each.name)
            if value == each.default or each.name in ("out", "workers"):
                continue
            words.append(f"--{each.name.replace('_', '-')}")
            words += map(str, value if isinstance(value, tuple) else [] if value is True else [value])
        return shlex.join(words)

    @property
    def prior_file(self) -> str:
        """The Note RNN to use: `prior`, or where the one is that was pretrained for it."""
        return str(self.folder / "note_rnn.safetensors") if self.prior == "train" else self.prior

    @property
    def chosen(self) -> list[Model]:
        """The agents to train."""
        return [model for model in MODELS if model.name in self.models]

    def names(self, preset: PresetName) -> list[str]:
        """Return the names of the agents to train with a `preset`."""
        return [model.name for model in self.chosen if model.preset == preset]

    def check(self) -> None:
        """Raise InputError for what cannot be used."""
        if self.quick and self.full:
            raise InputError("Give --quick or --full, not both.")
        given = {"--seeds": self.seeds, "--compositions": self.compositions, "--total-timesteps": self.total_timesteps}
        for name, value in (given | {"--workers": self.workers}).items():
            if value is not None:
                check_count(name, value)
        if not self.models:
            raise InputError("--models names no agent: leave it out for all of them.")
        known = [model.name for model in MODELS]
        for name in self.models:
            check_choice("--models", name, known)

    def training(self, model: Model, seed: int) -> TrainConfig[Any]:
        """Return the configuration of an agent's training."""
        changes: dict[str, Any] = {"seed": seed, "run_dir": self.run_dir(model, seed), "prior": self.prior_file}
        if model.preset == "paper":
            changes["total_timesteps"] = self.size.paper_steps
        if self.total_timesteps is not None:
            changes["total_timesteps"] = self.total_timesteps
        changes |= {"checkpoints": self.size.checkpoints, "evaluations": 5, "device": "cpu"}
        return TrainConfig.of(model.algo, model.preset, **changes)

    def run_dir(self, model: Model, seed: int) -> Path:
        """Return the folder of an agent's run."""
        return self.folder / f"{model.algo}-{model.preset}-seed{seed}"
