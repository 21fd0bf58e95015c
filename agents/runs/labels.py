"""Display names of models, for tables, pages and result files."""

from collections.abc import Sequence
from pathlib import Path

from agents.runs.config import TrainConfig
from agents.runs.run_directory import RunDirectory

NOTE_RNN, AGENT, HUMAN = "Note RNN", "agent", "Human"
MARKOV, RANDOM = "Markov-3", "random in key"

ALGORITHMS = {
    "q": "Q",
    "psi": "Psi",
    "g": "G",
    "rl_only": "RL only",
    "ppo_kl": "Policy gradient",
    "dpo": "DPO",
    "ppo": "PPO",
    "a2c": "A2C",
    "dqn": "DQN",
    "recurrent_ppo": "Recurrent PPO",
}


def run_labels(paths: Sequence[Path]) -> list[str]:
    """Return labels of the runs in the folders `paths`: the algorithm, with the folder's name where several share it.

    Raises RunError for a folder without a run.
    """
    labels = [ALGORITHMS[TrainConfig.saved(RunDirectory.open(path).record()).algo] for path in paths]
    return [
        label if labels.count(label) == 1 else f"{label} ({path.name})"
        for label, path in zip(labels, paths, strict=True)
    ]
