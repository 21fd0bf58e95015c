"""c follows its schedule, or the policy: up where there is too much KL or too little entropy, else down."""

import numpy as np
import pytest

from agents.config import TrainConfig
from agents.control import AnnealCallback, EntropyFloorCallback, KLBudgetCallback, controls
from agents.ppo_kl import PPOKL
from melody_env import MelodyVecEnv
from note_rnn import InputError


@pytest.fixture
def model(small_prior) -> PPOKL:
    env = MelodyVecEnv(16, prior=small_prior, length=8)
    return PPOKL(env=env, prior=small_prior, n_steps=8, seed=0, device="cpu", learning_rate=1e-9)


def c_after(model, callback, rounds=4) -> float:
    model.learn(16 * 8 * rounds, callback)
    return model.get_env().get_attr("c")[0]


def test_c_goes_in_equal_ratios_from_first_to_last(model):
    seen = []
    callback = AnnealCallback(4.0, 0.5, fraction=0.5)
    set_c = callback.set_c
    callback.set_c = lambda c: (seen.append(c), set_c(c))
    assert c_after(model, callback, rounds=8) == pytest.approx(0.5)
    assert seen == pytest.approx([4 * 8 ** -(step / 4) for step in (0, 1, 2, 3, 4)] + [0.5] * 3)


def test_a_kl_below_its_budget_lets_the_rules_count_more(model):
    # The policy is the prior, so its KL is 0 on average: each round is a step of the whole rate.
    c = c_after(model, KLBudgetCallback(budget=1e6, rate=0.1))
    assert c == pytest.approx(0.5 * np.exp(-0.1 * 4), rel=1e-3)


def test_a_kl_above_its_budget_lets_them_count_less(model, small_prior):
    model.policy.network.head.logits.bias.data[14] += 5.0
    assert c_after(model, KLBudgetCallback(budget=0.1)) > 0.5


def test_an_entropy_below_its_floor_raises_c_and_above_it_c_stays(small_prior, model):
    assert c_after(model, EntropyFloorCallback(floor=0.1, c=0.5, length=8)) == 0.5
    assert c_after(model, EntropyFloorCallback(floor=100.0, c=0.5, length=8)) > 0.6


def test_configuration_chooses_the_control():
    kinds = {"kl_budget": KLBudgetCallback, "entropy_floor": EntropyFloorCallback, "final_c": AnnealCallback}
    for name, kind in kinds.items():
        (control,) = controls(TrainConfig.of("ppo_kl", **{name: 2.0}))
        assert type(control) is kind
    assert controls(TrainConfig.of("ppo_kl")) == []


@pytest.mark.parametrize(
    ("algo", "changes", "sentence"),
    [
        ("q", {"kl_budget": 30.0}, "--kl-budget needs an algorithm that KL is a cost to: --algo ppo_kl, psi, g"),
        ("psi", {"entropy_floor": -1.0}, "--entropy-floor must be a number above 0, not -1.0"),
        ("psi", {"kl_budget": 30.0, "final_c": 1.0}, "--final-c and --kl-budget all set c"),
    ],
)
def test_impossible_wishes_are_refused(algo, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        TrainConfig.of(algo, **changes).check()
