"""Configuration of a reproduction: agents, sizes and folders."""

import os
import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from agents.runs.config import TrainConfig
from agents.runs.presets import Algorithm, PresetName
from note_rnn.common.atomic_files import check_out_folder
from note_rnn.common.errors import InputError, check_choice, check_count
from note_rnn.common.parallel import ClusterOptions


class Model(NamedTuple):
    """An agent of the tables: name, algorithm, preset, and its column in the paper's Table 1, if any."""

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
    """Amount of training and evaluation."""

    seeds: int
    compositions: int
    paper_steps: int
    checkpoints: int


QUICK = Size(1, 10_000, 300_000, 10)
STANDARD = Size(1, 20_000, 3_000_000, 30)
FULL = Size(3, 100_000, 3_000_000, 30)


@dataclass(frozen=True)
class ReproduceConfig(ClusterOptions):
    """Reproduce the results of Jaques et al. 2017 beside human tunes, Markov chains and random notes.

    Trains Q, Psi, G and RL only with the paper's presets, and the default presets; composes with each; writes Table 1
    beside the published values, Figure 2 and Figure 3, as text, pictures, CSV and JSON, and report.html, a page to view
    and play the results. Finished parts are reused: the same command resumes where it was stopped.
    """

    quick: bool = False
    """Minutes: the paper's presets for a tenth of their steps, 10,000 pieces of each."""
    full: bool = False
    """Hours: three seeds, 100,000 pieces of each as in the paper. Without either: one seed, 20,000 pieces."""
    out: Path | None = None
    """Folder of the results (default: runs/reproduce, with -quick or -full)."""
    seeds: int | None = None
    """Number of seeds of each agent, from 0; defaults to that of the size."""
    compositions: int | None = None
    """Number of pieces of each agent and reference; defaults to that of the size."""
    total_timesteps: int | None = None
    """Training steps (tokens) of every agent; defaults to those of its preset and the size."""
    models: tuple[str, ...] = tuple(model.name for model in MODELS)
    """Agents to train, by their names in the table."""
    prior: str = "default"
    """Note RNN: "default", which is shipped; a .safetensors file; or "train", to pretrain one first with the paper's
    recipe."""
    workers: int = min(2, os.cpu_count() or 1)
    """Number of agents trained in parallel, each on one core."""

    @property
    def size(self) -> Size:
        """Amount of training and evaluation."""
        size = QUICK if self.quick else FULL if self.full else STANDARD
        return size._replace(seeds=self.seeds or size.seeds, compositions=self.compositions or size.compositions)

    @property
    def folder(self) -> Path:
        """Folder of the results."""
        return self.out or Path("runs") / f"reproduce{'-quick' * self.quick}{'-full' * self.full}"

    @property
    def command(self) -> str:
        """The command that reproduces the results, without --out, --workers and --cluster, which do not change them."""
        words = ["python", "-m", "agents.reproduce"]
        for each in fields(self):
            value = getattr(self, each.name)
            if value == each.default or each.name in ("out", "workers", "cluster"):
                continue
            words.append(f"--{each.name.replace('_', '-')}")
            words += map(str, value if isinstance(value, tuple) else [] if value is True else [value])
        return shlex.join(words)

    @property
    def prior_file(self) -> str:
        """The Note RNN to use: `prior`, or the file of the one pretrained here."""
        return str(self.folder / "note_rnn.safetensors") if self.prior == "train" else self.prior

    @property
    def chosen(self) -> list[Model]:
        """The agents to train."""
        return [model for model in MODELS if model.name in self.models]

    def names(self, preset: PresetName) -> list[str]:
        """Return the names of the agents to train with a `preset`."""
        return [model.name for model in self.chosen if model.preset == preset]

    def check(self) -> None:
        """Raise InputError for invalid options."""
        if self.quick and self.full:
            raise InputError("Give --quick or --full, not both.")
        given = {"--seeds": self.seeds, "--compositions": self.compositions, "--total-timesteps": self.total_timesteps}
        for name, value in (given | {"--workers": self.workers}).items():
            if value is not None:
                check_count(name, value)
        if not self.models:
            raise InputError("--models names no agent: leave it out to train all of them.")
        check_out_folder(self.folder)
        choices = [model.name for model in MODELS]
        for name in self.models:
            check_choice("--models", name, choices)

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
