"""c follows its schedule, or the policy: up where there is too much KL or too little entropy, else down.

The prior here has its first 19 tokens twice as likely as its last 19, and the policies are uniform over some of either:
so KL and entropy are known exactly.
"""

from io import BytesIO
from math import exp, log

import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback, ConvertCallback

from agents.algorithms.objectives import MASKED_LOGIT
from agents.algorithms.ppo_kl import PPOKL
from agents.runs.config import TrainConfig
from agents.training.kl_control import AnnealCallback, EntropyFloorCallback, KLBudgetCallback, kl_control_callbacks
from melody_env import MelodyVecEnv
from note_rnn import InputError, NoteRNN

LENGTH, N_ENVS, C = 8, 3, 0.5
RATE = 0.1
"""The default of both callbacks."""


def kl_of(tokens: int) -> float:
    """Return the KL per step, from the prior, of a policy that is uniform over so many of the first or last tokens.

    Below 0 it is the last ones that are counted.
    """
    return log(57 / 2 / tokens) if tokens > 0 else log(57 / -tokens)


def agent(n_steps: int = LENGTH) -> PPOKL:
    """Return an agent that starts as the prior and never learns; a rollout has `n_steps` steps."""
    prior = NoteRNN(hidden_size=4).eval().requires_grad_(False)
    for parameter in prior.parameters():
        parameter.zero_()
    prior.head.bias[:19] = log(2)
    env = MelodyVecEnv(N_ENVS, prior=prior, length=LENGTH)
    return PPOKL(env=env, prior=prior, n_steps=n_steps, batch_size=2, seed=0, device="cpu", learning_rate=1e-12)


class Tokens(BaseCallback):
    """Makes the policy uniform over `numbers[step]` tokens, as `kl_of` counts them, from that step on; notes each c."""

    def __init__(self, numbers: dict[int, int]):
        super().__init__()
        self.numbers = numbers
        self.c: list[float] = []
        """At the start of each rollout."""
        self.logged: list[dict[str, float]] = []
        """At the start of each rollout but the first."""

    def _choose(self) -> None:
        number = self.numbers.get(self.model.num_timesteps // N_ENVS)
        if number is not None:
            bias = torch.full((38,), float(MASKED_LOGIT))
            bias[slice(number) if number > 0 else slice(number, None)] = 0
            self.model.policy.network.head.logits.bias.data[:] = bias

    def _on_rollout_start(self) -> None:
        self._choose()
        self.c.append(self.training_env.get_attr("c")[0])
        self.logged.append(dict(self.logger.name_to_value))

    def _on_step(self) -> bool:
        self._choose()
        return True


def c_of_rounds(model: PPOKL, control: BaseCallback, numbers: dict[int, int], rounds: int) -> list[float]:
    """Return c at first and after each of the rounds, whose policy is that of `Tokens`."""
    tokens = Tokens(numbers)
    model.learn(N_ENVS * model.n_steps * rounds, [control, tokens])
    return [*tokens.c, model.get_env().get_attr("c")[0]]


def c_after(sizes: list[float]) -> list[float]:
    """Return c at first and after each step of these `sizes` on log c."""
    return [C * exp(sum(sizes[:number])) for number in range(len(sizes) + 1)]


@pytest.mark.parametrize(("share", "size"), [(0.5, RATE), (2.0, -RATE / 2), (1.0, 0.0), (0.2, 0.25)])
def test_each_round_is_a_step_by_how_far_the_kl_of_a_piece_is_from_its_budget(share, size):
    # A KL of twice the budget is a step of the whole rate, one of half of it of minus half the rate; 1/4 at the most.
    budget = share * LENGTH * kl_of(19)
    seen = c_of_rounds(agent(), KLBudgetCallback(budget), {0: 19}, rounds=4)
    assert seen == pytest.approx(c_after([size] * 4), rel=1e-4)


def test_a_round_counts_the_mean_of_its_own_pieces_alone():
    numbers = {0: 19, 8: 2, 16: -19, 24: -4, 32: 19}  # two pieces of each environment in a round
    kl = [LENGTH * (kl_of(one) + kl_of(other)) / 2 for one, other in ((19, 2), (-19, -4), (19, 19))]
    seen = c_of_rounds(agent(2 * LENGTH), KLBudgetCallback(20.0), numbers, rounds=3)
    assert seen == pytest.approx(c_after([RATE * (each / 20 - 1) for each in kl]), rel=1e-4)


def test_a_piece_counts_whole_in_the_round_that_it_ends_in():
    # Of rounds of half a piece only every second one ends a piece.
    seen = c_of_rounds(agent(LENGTH // 2), KLBudgetCallback(10.0), {0: 19, 4: -2, 8: 19}, rounds=4)
    halves = LENGTH / 2 * kl_of(19), LENGTH / 2 * kl_of(-2)
    first, second = (RATE * (kl / 10 - 1) for kl in (sum(halves), 2 * halves[0]))
    assert seen == pytest.approx(c_after([0.0, first, 0.0, second]), rel=1e-4)


def test_every_piece_counts_with_its_own_log_p():
    model, log_p = agent(), []
    model.policy.network.head.logits.bias.data[:] = 0  # uniform over all tokens, which the prior is not

    def end_of_pieces(locals_: dict, globals_: dict) -> bool:
        log_p.extend(info["log_prob"] for info in locals_["infos"] if "log_prob" in info)
        return True

    model.learn(N_ENVS * LENGTH, [KLBudgetCallback(10.0), ConvertCallback(end_of_pieces)])
    assert len(log_p) == N_ENVS
    assert len(set(log_p)) > 1
    kl = -LENGTH * log(38) - sum(log_p) / N_ENVS
    assert model.get_env().get_attr("c")[0] == pytest.approx(C * exp(RATE * (kl / 10 - 1)), rel=1e-4)


def test_kl_entropy_and_c_are_logged():
    tokens = Tokens({0: 19})
    agent().learn(2 * N_ENVS * LENGTH, [KLBudgetCallback(1e6), tokens], log_interval=None)
    assert tokens.logged[1]["train/kl"] == pytest.approx(LENGTH * log(1.5), rel=1e-4)
    assert tokens.logged[1]["train/c"] == pytest.approx(tokens.c[1]) == pytest.approx(C * exp(-RATE), rel=1e-4)
    agent().learn(2 * N_ENVS * LENGTH, [EntropyFloorCallback(2.0, C, LENGTH), tokens], log_interval=None)
    assert tokens.logged[-1]["train/entropy"] == pytest.approx(log(19), rel=1e-4)


def test_an_entropy_per_step_below_its_floor_raises_c_and_above_it_lets_c_fall_back_but_no_further():
    # Three rounds at half the floor, each a step of half the rate; then it is twice the floor, a step of the rate down.
    floor = 2 * log(2)
    control = EntropyFloorCallback(floor, C, LENGTH)
    seen = c_of_rounds(agent(), control, {0: 2, 24: 16}, rounds=6)
    assert seen == pytest.approx(c_after([RATE / 2] * 3 + [-RATE, -RATE / 2, 0.0]), rel=1e-4)


def test_c_stays_within_bounds():
    for budget, first, bound in ((1e6, 0.0101, 0.01), (1e-3, 99.0, 100.0)):
        model = agent()
        model.get_env().set_attr("c", first)
        assert c_of_rounds(model, KLBudgetCallback(budget), {0: 19}, rounds=2)[1:] == [bound] * 2
    model = agent()
    model.get_env().set_attr("c", 99.0)
    assert c_of_rounds(model, EntropyFloorCallback(100.0, C, LENGTH, rate=1.0), {0: 19}, rounds=2)[1:] == [100.0] * 2


def test_a_piece_in_progress_is_saved_with_the_agent_and_forgotten_with_the_environments_reset():
    budget = 10.0
    half, whole = LENGTH // 2, RATE * (LENGTH * kl_of(2) / budget - 1)
    model = agent(half)
    c_of_rounds(model, KLBudgetCallback(budget), {0: 2}, rounds=1)
    model.save(file := BytesIO())
    resumed = PPOKL.load(BytesIO(file.getvalue()), env=model.get_env(), force_reset=False)
    resumed.learn(half * N_ENVS, KLBudgetCallback(budget), reset_num_timesteps=False)
    assert resumed.get_env().get_attr("c")[0] == pytest.approx(C * exp(whole), rel=1e-4)
    resumed.get_env().set_attr("c", C)
    resumed.learn(half * N_ENVS, KLBudgetCallback(budget), reset_num_timesteps=False)  # half of the next piece
    resumed.learn(2 * half * N_ENVS, KLBudgetCallback(budget))  # starts anew
    assert resumed.get_env().get_attr("c")[0] == pytest.approx(C * exp(whole), rel=1e-4)


def test_c_goes_in_equal_ratios_from_first_to_last():
    model, seen = agent(), []
    callback = AnnealCallback(4.0, 0.5, fraction=0.5)
    set_c = callback.set_c
    callback.set_c = lambda c: (seen.append(c), set_c(c))
    assert c_of_rounds(model, callback, {}, rounds=8)[-1] == pytest.approx(0.5)
    assert seen == pytest.approx([4 * 8 ** -(step / 4) for step in (0, 1, 2, 3, 4)] + [0.5] * 3)


def controls_of(algo, **changes):
    """Return the controls of a run that is configured so."""
    config = TrainConfig.of(algo, **changes)
    return kl_control_callbacks(config, config.environment().profile)


def test_configuration_chooses_the_control_and_what_it_holds():
    (control,) = controls_of("ppo_kl", kl_budget=12.5)
    assert (type(control), control.budget, control.rate) == (KLBudgetCallback, 12.5, RATE)
    (control,) = controls_of("psi", entropy_floor=1.5, c=0.7, length="3 bars", meter="3/4")
    assert type(control) is EntropyFloorCallback
    assert controls_of("psi", entropy_floor=1.5)[0].minimum == 1.0  # that of its reward, varied
    assert (control.floor, control.minimum, control.length, control.rate) == (1.5, 0.7, 36, RATE)
    (control,) = controls_of("q", c=3.0, final_c=0.3, c_fraction=0.25)
    assert type(control) is AnnealCallback
    assert (control.first, control.ratio, control.fraction) == (3.0, pytest.approx(0.1), 0.25)
    assert controls_of("ppo_kl") == []


@pytest.mark.parametrize(
    ("algo", "changes", "sentence"),
    [
        (
            "q",
            {"kl_budget": 30.0},
            "--kl-budget needs an algorithm with KL as a cost: --algo ppo_kl, psi, g",
        ),
        ("psi", {"entropy_floor": -1.0}, "--entropy-floor must be a number above 0, not -1.0"),
        ("ppo_kl", {"kl_budget": 0.0}, "--kl-budget must be a number above 0, not 0.0"),
        ("psi", {"kl_budget": 30.0, "final_c": 1.0}, "--final-c and --kl-budget all set c"),
        ("g", {"kl_budget": 30.0, "entropy_floor": 1.0}, "--kl-budget and --entropy-floor all set c"),
        ("q", {"final_c": 1.0, "c_fraction": 0.0}, "--c-fraction must be a number above 0, not 0.0"),
    ],
)
def test_impossible_wishes_are_refused(algo, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        TrainConfig.of(algo, **changes).environment()
