"""Training against an adversary."""

import signal

import numpy as np
import pytest
import torch

import agents.training.adversary
from agents.report_page.curves import read_curves
from agents.runs.config import TrainConfig
from agents.training.adversary import AdversaryCallback
from agents.training.trainer import train_run
from melody_env.adversary import adversary
from melody_env.adversary.features import FeatureDiscriminator
from melody_env.adversary.positions import PositionDiscriminator
from melody_env.adversary.tokens import TokenDiscriminator
from note_rnn import InputError

PROFILE = "c: 0.5\nrules: {key: {weight: 0.1}}\nadversary: {features: 1, positions: 1, tokens: 0.5}\n"


@pytest.fixture
def human_tunes(monkeypatch) -> None:
    """Tunes that walk up and down, and fits at every batch."""
    rng = np.random.default_rng(0)
    tunes = np.ones((60, 16), np.int64)
    tunes[:, ::4] = 14 + 2 * rng.integers(-2, 3, (60, 4)).cumsum(axis=1) % 14
    monkeypatch.setattr(agents.training.adversary, "training_melodies", lambda setting: tunes)
    monkeypatch.setattr(adversary, "FIRST", 16)
    for kind in (FeatureDiscriminator, PositionDiscriminator, TokenDiscriminator):
        monkeypatch.setattr(kind, "interval", 16)


@pytest.fixture
def config(small_prior_file, tmp_path):
    """Return the configuration of a training into the folder of a name, with changes."""
    (tmp_path / "adversary.yaml").write_text(PROFILE)

    def config(name: str, algo="ppo_kl", **changes) -> TrainConfig:
        settings = {
            "prior": str(small_prior_file),
            "reward": str(tmp_path / "adversary.yaml"),
            "run_dir": tmp_path / name,
            "length": 16,
            "n_envs": 16,
            "total_timesteps": 1_024,
            "evaluations": 1,
            "checkpoints": 1,
            "melodies": 0,
            "device": "cpu",
        }
        own = {"n_steps": 16} if algo == "ppo_kl" else {"learning_starts": 0, "train_freq": 16, "buffer_size": 256}
        return TrainConfig.of(algo, **{**settings, **own, **changes})

    return config


def weights(result) -> torch.Tensor:
    return torch.cat([parameter.flatten() for parameter in result.model.policy.parameters()])


def curves(result) -> dict:
    return {tag: curve for tag, curve in read_curves(result.run.path).items() if tag != "time/fps"}


@pytest.mark.parametrize("algo", ["ppo_kl", "psi", "q"])
def test_a_resumed_training_equals_one_that_was_never_stopped(algo, config, human_tunes, monkeypatch):
    whole = train_run(config("whole", algo))
    presses = iter([signal.SIGINT])
    log = AdversaryCallback._on_step

    def interrupted(self):
        if self.num_timesteps >= 512:
            for press in presses:
                signal.raise_signal(press)
        return log(self)

    monkeypatch.setattr(AdversaryCallback, "_on_step", interrupted)
    stopped = train_run(config("stopped", algo))
    assert not stopped.completed
    np.random.seed(123)  # noqa: NPY002 (as if in another process)
    torch.manual_seed(123)
    resumed = train_run(TrainConfig.of(resume=stopped.run.path))
    assert resumed.completed
    assert weights(resumed).equal(weights(whole))
    assert curves(resumed) == curves(whole)


def test_each_discriminator_has_a_curve_of_its_mean_log_odds(config, human_tunes):
    """A point is the mean of the pieces that ended last."""
    ended = []
    log = AdversaryCallback._on_step

    def recorded(self):
        ended.extend(info["adversary"] for info in self.locals["infos"] if info)
        return log(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AdversaryCallback, "_on_step", recorded)
        found = curves(train_run(config("run", evaluations=2)))
    for name in ("features", "positions", "tokens"):
        means = np.array([each[name] for each in ended]).reshape(4, 16).mean(axis=1)
        assert found[f"adversary/{name}"].values == pytest.approx(means[[1, 3]].tolist(), rel=1e-5)


def test_the_weights_are_in_the_runs_record_and_decide_what_is_learned(config, human_tunes, tmp_path):
    with_it = train_run(config("run"))
    assert with_it.run.record().environment.profile["adversary"] == {"features": 1, "positions": 1, "tokens": 0.5}
    (tmp_path / "plain.yaml").write_text(PROFILE.partition("adversary")[0])
    without = train_run(config("plain", reward=str(tmp_path / "plain.yaml")))
    assert not weights(with_it).equal(weights(without))
    assert not any(tag.startswith("adversary") for tag in curves(without))


def test_without_the_tune_books_one_sentence_says_how_to_get_them(config):
    with pytest.raises(InputError, match=r"compares the agent's pieces with human tunes, .*corpus tune-books"):
        train_run(config("run"))
