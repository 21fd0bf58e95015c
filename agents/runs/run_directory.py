"""Folder of a run: its configuration, checkpoints, melodies and metrics, each file written atomically."""

import io
import pickle
import platform
import random
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.algorithms.saved_policies import SavedPolicy
from agents.runs.divergence import check_finite
from agents.runs.run_record import RunRecord
from note_rnn import InputError
from note_rnn.common.atomic_files import remove_leftovers, write_bytes, write_json
from note_rnn.common.command_line import command_line
from note_rnn.common.data_files import DataError, is_file, read_json, user_path
from note_rnn.common.errors import reason

_PACKAGES = ("melody-rl", "gymnasium", "numpy", "pretty_midi", "stable-baselines3", "tensorboard", "torch")
_CONFIG = "config.json"
_BUFFERS = ("replay_buffer", "rollout_buffer")
"""Attributes of SB3's algorithms that hold their experience."""


class RunError(InputError):
    """A run directory that cannot be created, or lacks a required file."""


class RunDirectory:
    """A folder `path` with `config.json`, `metrics.json`, `checkpoints/`, `melodies/` and TensorBoard events."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.melodies = self.path / "melodies"
        self.checkpoints = self.path / "checkpoints"

    @classmethod
    def create(cls, path: str | Path, record: dict[str, Any]) -> Self:
        """Create the folder, with `record` and all versions in `config.json`; raises RunError if it holds a run."""
        run = cls(path)
        if (run.path / _CONFIG).exists():
            raise RunError(
                f"{run.path} already holds a run: choose another --run-dir, or resume it with --resume {run.path}"
            )
        try:
            run.melodies.mkdir(parents=True, exist_ok=True)
            run.checkpoints.mkdir(exist_ok=True)
            run.write_json(
                _CONFIG,
                {
                    **record,
                    "command": command_line(),
                    "versions": {name: version(name) for name in _PACKAGES},
                    "python": platform.python_version(),
                    "machine": f"{platform.system()} {platform.machine()}",
                },
            )
        except OSError as error:
            raise RunError(f"Cannot write to the run directory {run.path}: {reason(error)}.") from error
        return run

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Return the run in the folder `path`; raises RunError if there is none."""
        run = cls(user_path(path))
        if not is_file(run.path / _CONFIG):
            raise RunError(f"{run.path} holds no run: config.json is missing.")
        return run

    def remove_leftovers(self) -> None:
        """Remove the temporary files of a process that died; this process must hold the run."""
        remove_leftovers(self.path)

    def record(self) -> RunRecord:
        """Return the record of the run, `config.json`; raises RunError if it is damaged."""
        record: RunRecord = self.read_json(_CONFIG, RunRecord)
        return replace(record, source=str(self.path / _CONFIG))

    def read_json(self, name: str, kind: Any = dict[str, Any]) -> Any:
        """Return the value of the type `kind` in the JSON file `name`; raises RunError if it is missing or damaged."""
        try:
            return read_json(self.path / name, kind)
        except (OSError, DataError) as error:
            raise RunError(f"{self.path / name} cannot be read: {reason(error)}.") from error

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Write a JSON object to the file `name`, which survives power loss."""
        write_json(self.path / name, content, durable=True)

    def save(self, model: BaseAlgorithm) -> None:
        """Save `model` as a checkpoint named by its steps, its policy's weights, and the state to resume the newest.

        The state is the environment, the replay buffer and the random generators: a resumed run is bit for bit the
        run that was never interrupted. Checkpoint and state are pickled, and so they are code; the weights, from which
        agents compose, are not. All files survive power loss. Raises InputError, and saves nothing, if a weight
        is not a finite number.
        """
        check_finite(model)
        state = self._state(model.num_timesteps)
        buffers = {name: getattr(model, name) for name in _BUFFERS if hasattr(model, name)}
        write_bytes(state, pickle.dumps((model.get_env(), buffers, _random_state(model))), durable=True)
        agent = io.BytesIO()
        model.save(agent)
        write_bytes(self._checkpoint(model.num_timesteps), agent.getvalue(), durable=True)
        SavedPolicy.of(model).save(self._checkpoint(model.num_timesteps).with_suffix(".safetensors"))
        for older in set(self.checkpoints.glob("state_*.pkl")) - {state}:
            older.unlink()

    def saved(self) -> dict[int, Path]:
        """Return the checkpoints to resume from by their steps, in ascending order; these files are code."""
        return self._numbered(".zip")

    def policies(self) -> dict[int, Path]:
        """Return the files of the policies' weights by their steps, in ascending order; version 0.1 saved only zips."""
        return dict(sorted({**self._numbered(".zip"), **self._numbered(".safetensors")}.items()))

    def _numbered(self, suffix: str) -> dict[int, Path]:
        found = {path.stem.removeprefix("model_"): path for path in sorted(self.checkpoints.glob(f"model_*{suffix}"))}
        return {int(steps): path for steps, path in found.items() if re.fullmatch(r"[0-9]{1,18}", steps)}

    def newest_checkpoint(self) -> Path:
        """Return the checkpoint with the most steps; raises RunError if there is none."""
        return self._newest(self.saved())

    def newest_policy(self) -> Path:
        """Return the file of the newest policy's weights; raises RunError if there is none."""
        return self._newest(self.policies())

    def _newest(self, files: dict[int, Path]) -> Path:
        if not files:
            raise RunError(f"{self.path} holds no checkpoint yet: train it with --resume {self.path} first.")
        return files[max(files)]

    def restore(self, load: Callable[..., BaseAlgorithm]) -> BaseAlgorithm:
        """Return the newest model as it was saved; `load` takes its file and arguments of SB3's `load`.

        This executes code in the run's files. Raises RunError if model or state are missing or damaged.
        """
        checkpoint = self.newest_checkpoint()
        path = self._state(max(self.saved()))
        try:
            env, buffers, (python, numpy, pytorch, actions) = pickle.loads(path.read_bytes())
        except Exception as error:  # unpickling a damaged file can raise anything
            raise RunError(self._why_not_resumed(path, error)) from error
        try:
            model = load(checkpoint, env=env, force_reset=False)
        except Exception as error:  # this too
            raise RunError(f"{checkpoint} is damaged ({error}): the run cannot be resumed.") from error
        model.__dict__.update(buffers)
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002 (SB3 draws from it)
        torch.set_rng_state(pytorch)
        model.action_space.np_random.bit_generator.state = actions
        return model

    def _why_not_resumed(self, state: Path, error: Exception) -> str:
        own = version("melody-rl")
        saved_by = self.record().versions.get("melody-rl", own)
        if saved_by != own:
            return f"{self.path} was saved by melody-rl {saved_by}: {own} can compose with it, but not resume it."
        return f"{state} is missing or damaged ({reason(error)}): the run can compose, but cannot be resumed."

    def _checkpoint(self, steps: int) -> Path:
        return self.checkpoints / f"model_{steps:012d}.zip"

    def _state(self, steps: int) -> Path:
        return self.checkpoints / f"state_{steps:012d}.pkl"


def _random_state(model: BaseAlgorithm) -> tuple[Any, ...]:
    """Return the states of the generators that SB3's algorithms use: the global ones and the action space's."""
    actions = model.action_space.np_random.bit_generator.state
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), actions  # noqa: NPY002
