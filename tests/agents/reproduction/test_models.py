"""Configuration of a reproduction: sizes, folders, settings, and the command that repeats it."""

from pathlib import Path

import pytest

from agents.evaluation.published import TABLE_1
from agents.reproduction.models import FULL, MODELS, QUICK, STANDARD, ReproduceConfig
from agents.runs.config import TrainConfig
from agents.runs.presets import PRESETS
from note_rnn import InputError


def test_the_command_is_what_changes_the_results():
    config = ReproduceConfig(quick=True, seeds=2, models=("Q", "ppo_kl, default"), workers=7, out=Path("elsewhere"))
    assert config.command == "python -m agents.reproduce --quick --seeds 2 --models Q 'ppo_kl, default'"


def test_sizes_are_those_of_the_paper_or_of_minutes():
    full = ReproduceConfig(full=True)
    assert full.size == FULL
    assert (FULL.compositions, FULL.paper_steps) == (100_000, 3_000_000)
    assert full.training(MODELS[0], 2).total_timesteps == 3_000_000
    assert full.training(MODELS[7], 0).total_timesteps == 400_000
    quick = ReproduceConfig(quick=True)
    assert quick.size == QUICK
    assert quick.training(MODELS[3], 0).total_timesteps == 300_000
    assert ReproduceConfig().size == STANDARD
    assert ReproduceConfig(seeds=4, compositions=70).size == STANDARD._replace(seeds=4, compositions=70)
    folders = [config.folder for config in (full, quick, ReproduceConfig())]
    assert folders == [Path("runs/reproduce-full"), Path("runs/reproduce-quick"), Path("runs/reproduce")]


def test_each_agent_matches_its_name():
    for model in MODELS:
        name, _, kind = model.name.partition(", ")
        assert model.algo == name.lower().replace(" ", "_")
        assert model.preset == (kind or "paper")
        has_column = model.preset == "paper" and model.algo in ("q", "psi", "g")
        assert model.column == (model.algo if has_column else None)
    assert {*TABLE_1["notes_in_motif"]._fields} >= {model.column for model in MODELS if model.column}


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_an_agent_is_trained_with_its_preset_and_the_requested_changes(model, tmp_path):
    config = ReproduceConfig(quick=True, out=tmp_path, prior="mine")
    trained = config.training(model, 2)
    preset = TrainConfig.of(model.algo, model.preset)
    assert (trained.algo, trained.preset, trained.seed, trained.prior) == (model.algo, model.preset, 2, "mine")
    assert (trained.agent, trained.reward, trained.c, trained.n_envs) == (
        preset.agent,
        preset.reward,
        preset.c,
        preset.n_envs,
    )
    steps = 300_000 if model.preset == "paper" else PRESETS[model.algo, model.preset].total_timesteps
    assert (trained.total_timesteps, trained.checkpoints) == (steps, 10)
    assert trained.run_dir == config.run_dir(model, 2)
    shorter = ReproduceConfig(full=True, out=tmp_path, total_timesteps=999).training(model, 0)
    assert (shorter.total_timesteps, shorter.checkpoints) == (999, 30)


def test_every_agent_of_every_seed_has_a_folder_of_its_own(tmp_path):
    config = ReproduceConfig(out=tmp_path)
    folders = {config.run_dir(model, seed) for model in MODELS for seed in range(3)}
    assert len(folders) == 3 * len(MODELS)
    assert {folder.parent for folder in folders} == {tmp_path}


def test_agents_are_chosen_by_name_and_grouped_by_preset():
    config = ReproduceConfig(models=("Psi, default", "G", "Q"))
    assert [model.name for model in config.chosen] == ["Q", "G", "Psi, default"]  # in the order of the tables
    assert (config.names("paper"), config.names("default")) == (["Q", "G"], ["Psi, default"])


def test_a_pretrained_note_rnn_is_in_the_folder(tmp_path):
    assert ReproduceConfig(out=tmp_path, prior="train").prior_file == str(tmp_path / "note_rnn.safetensors")
    assert ReproduceConfig(out=tmp_path, prior="lookback").prior_file == "lookback"


def test_a_folder_that_cannot_be_is_refused_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file is not a folder: choose another --out\.$"):
        ReproduceConfig(out=tmp_path / "file").check()
    with pytest.raises(InputError, match=r"runs cannot be written, since .*file is a file: choose another --out\.$"):
        ReproduceConfig(out=tmp_path / "file" / "runs").check()


@pytest.mark.parametrize("name", ["seeds", "compositions", "total_timesteps", "workers"])
def test_counts_are_at_least_one(name):
    ReproduceConfig(**{name: 1}).check()
    with pytest.raises(InputError, match=f"--{name.replace('_', '-')} must be at least 1, not 0"):
        ReproduceConfig(**{name: 0}).check()
