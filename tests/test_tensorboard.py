"""The tags that docs/tensorboard.md lists are those that runs write."""

import re
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from agents.runs.config import TrainConfig
from agents.training.trainer import train_run
from melody_env.reward.rules import RULES

PAGE = (Path(__file__).parents[1] / "docs" / "tensorboard.md").read_text(encoding="utf-8")
WITHOUT_PICTURES = {"picture/1", "picture/2", "sound/1", "sound/2"}


def written(folder: Path) -> set[str]:
    """Return the tags of the run or the training in `folder`."""
    tags = EventAccumulator(str(folder)).Reload().Tags()
    return {tag for kind in ("scalars", "images", "audio") for tag in tags[kind]}


def listed(*by: str) -> set[str]:
    """Return the tags of tuning that the page says are written by all, or by one of `by`: algorithms and options.

    Without those that need human tunes, which no test has.
    """
    found = set()
    for tags, _, _, who in re.findall(r"^\| (`.*?)\|(.*?)\|(.*?)\|(.*?)\|$", PAGE, re.MULTILINE):
        named = bool({*re.findall("`(.*?)`", who)} & {*by})
        if who.strip() == "all" or named != who.strip().startswith("all but"):
            found |= {*re.findall("`(.*?)`", tags)}
    return (found - {"rule/NAME"}) | {f"rule/{name}" for name in RULES}


def test_finished_runs(small_runs):
    for folder, algo in zip(small_runs, ("q", "ppo_kl"), strict=True):
        assert written(folder) == listed(algo) - WITHOUT_PICTURES  # which these runs leave out


@pytest.fixture
def trained(small_prior_file, tmp_path):
    """Train for a moment; return the folder of the run."""

    def folder(algo: str, **options) -> Path:
        sizes = {"total_timesteps": 512, "n_envs": 8, "evaluations": 1, "checkpoints": 1}
        config = TrainConfig.of(algo, prior=str(small_prior_file), run_dir=tmp_path / "run", **sizes, **options)
        return train_run(config).run.path

    return folder


def test_a_run_with_a_budget_pictures_included(trained):
    assert written(trained("ppo_kl", kl_budget=30)) == listed("ppo_kl", "--kl-budget")


def test_a_run_with_form_and_its_rule(trained, tmp_path):
    (tmp_path / "formal.yaml").write_text("rules: {form: {}}\n")
    tags = written(trained("ppo_kl", form="A A'", melodies=0, reward=str(tmp_path / "formal.yaml")))
    nine = {f"rule/{name}" for name in RULES}
    assert tags == (listed("ppo_kl", "--form") - WITHOUT_PICTURES - nine) | {"rule/form"}


def test_a_run_of_stable_baselines3(trained):
    assert written(trained("ppo", melodies=0)) == listed("ppo") - WITHOUT_PICTURES
