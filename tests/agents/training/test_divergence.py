"""A training whose numbers are no longer finite ends in one sentence, with every algorithm of SB3's own."""

import pytest
import torch

from agents.runs.config import TrainConfig
from agents.runs.divergence import divergence_in_words
from agents.runs.run_directory import RunDirectory
from agents.training.trainer import train_run
from note_rnn import InputError


@pytest.mark.parametrize(
    ("algo", "found", "rates"),
    [
        ("ppo", "a probability", {"n_steps": 32, "batch_size": 64}),
        ("a2c", "a probability", {"n_steps": 8}),
        ("recurrent_ppo", "a probability", {"n_steps": 32, "batch_size": 64}),
        ("dqn", "a weight", {"learning_starts": 8}),
    ],
)
def test_a_training_that_diverges_says_so_and_saves_nothing_of_it(algo, found, rates, small_prior_file, tmp_path):
    config = TrainConfig.of(
        algo,
        prior=str(small_prior_file),
        run_dir=tmp_path / "run",
        length=8,
        n_envs=4,
        total_timesteps=512,
        learning_rate=1e30,
        evaluations=1,
        checkpoints=1,
        threads=1,
        **rates,
    )
    with pytest.raises(
        InputError,
        match=rf"^The training diverged: {found} of the agent is not a finite number after \d+ steps\. Lower the "
        r"learning rate, or what the rewards are worth\.$",
    ):
        train_run(config)
    assert not RunDirectory.open(tmp_path / "run").saved()


def test_other_errors_stay_what_they_are():
    for error in (ValueError("another"), InputError("The rule x fails to satisfy the constraint.")):
        with pytest.raises(ValueError, match=str(error)) as raised, divergence_in_words(None):
            raise error
        assert raised.value is error


def test_pytorch_still_says_it_in_the_words_that_are_known():
    """Libraries switch its check of arguments off, for the whole process."""
    logits = torch.full((2,), torch.nan)
    with pytest.raises(ValueError, match="to satisfy the constraint"):
        torch.distributions.Categorical(logits=logits, validate_args=True)
    with pytest.raises(RuntimeError, match="probability tensor contains"):
        torch.distributions.Categorical(logits=logits, validate_args=False).sample()
