"""Every hyperparameter of every algorithm arrives where it takes effect, and presets are what is documented of them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any, get_args

import pytest
from sb3_contrib import RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO

from agents.algorithms.dpo import DPO
from agents.algorithms.networks import DuelingHead, PlainHead
from agents.algorithms.ppo_kl import PPOKL
from agents.algorithms.recurrent_dqn import RecurrentDQN
from agents.runs.config import TrainConfig
from agents.runs.presets import PRESETS, Algorithm, algorithm_class
from melody_env import MelodyVecEnv

N_ENVS, LENGTH = 8, 24

OTHERS: Mapping[str, Any] = {
    "learning_rate": 0.5,
    "final_learning_rate": 0.25,
    "gamma": 0.75,
    "end_gamma": 0.4,
    "averaging": 0.3,
    "max_grad_norm": 1.5,
    "learning_starts": 77,
    "gradient_steps": 5,
    "tau": 0.125,
    "exploration_fraction": 0.4,
    "exploration_initial_eps": 0.8,
    "exploration_final_eps": 0.2,
    "buffer_size": 480,
    "train_freq": 6,
    "return_lambda": 0.3,
    "batch_size": 16,
    "exploration": "epsilon_greedy",
    "temperature": 1.75,
    "value_scale": 7.0,
    "huber_delta": 2.5,
    "n_steps": 64,
    "n_epochs": 3,
    "clip_range": 0.35,
    "gae_lambda": 0.6,
    "ent_coef": 0.07,
    "vf_coef": 0.9,
    "target_update_interval": 40,
    "beta": 0.6,
}
"""Of each hyperparameter, if it is no flag, a value that no algorithm has by default."""

FOUND: Mapping[str, Callable[[Any], Any]] = {
    "learning_rate": lambda model: model.lr_schedule(1),
    "final_learning_rate": lambda model: model.lr_schedule(0),
    "exploration_initial_eps": lambda model: model.exploration_schedule(1),
    "exploration_final_eps": lambda model: model.exploration_schedule(0),
    "exploration_fraction": lambda model: 1 - first_above(model.exploration_schedule),
    "buffer_size": lambda model: model.replay_buffer.buffer_size * model.n_envs,
    "train_freq": lambda model: model.train_freq.frequency,
    "clip_range": lambda model: model.clip_range(1) if callable(model.clip_range) else model.clip_range,
    "dueling": lambda model: isinstance(model.policy.network.head, DuelingHead),
    "value_scale": lambda model: model.policy.network.head.value_scale,
    "skip_connection": lambda model: model.policy.network.head.skip is not None,
}
"""Where a model has a hyperparameter, if it is no attribute of the same name."""


def first_above(schedule: Callable[[float], float]) -> float:
    """Return the share of the training that is left when `schedule` stops falling."""
    return min(left / 100 for left in range(101) if schedule(left / 100) > schedule(0) + 1e-9) - 0.01


@pytest.fixture(scope="module")
def env(small_prior, tmp_path_factory) -> MelodyVecEnv:
    env = MelodyVecEnv(N_ENVS, prior=small_prior, length=LENGTH)
    melodies = {"left_melody": [14] * LENGTH, "right_melody": [16] * LENGTH, "setting": env.setting.as_dict()}
    vote = {"left": "Q", "right": "Q", "preference": 1, **melodies}
    env.votes = tmp_path_factory.mktemp("votes") / "votes.json"
    env.votes.write_text(json.dumps({"study": "abc", "session": "s", "models": ["Q"], "votes": [vote]}))
    return env


def built(algo: Algorithm, env: MelodyVecEnv, **changes: Any) -> Any:
    return built_on("cpu", algo, env, **changes)


def built_on(device: str, algo: Algorithm, env: MelodyVecEnv, **changes: Any) -> Any:
    needed = {"votes": (env.votes,)} if algo == "dpo" else {}
    return TrainConfig.of(algo, **needed, **changes).agent.build(algo, env, env.engine.prior, 3, device)


EVERY_HYPERPARAMETER = [
    (algo, field.name)
    for algo in get_args(Algorithm)
    for field in fields(PRESETS[algo, "default"].agent)
    if field.name != "votes"
]


@pytest.mark.parametrize(("algo", "name"), EVERY_HYPERPARAMETER)
def test_every_hyperparameter_of_every_algorithm_arrives(algo, name, env):
    usual = getattr(TrainConfig.of(algo).agent, name)
    value = not usual if isinstance(usual, bool) else OTHERS[name]
    assert value != usual
    needed = {"dueling": True} if name == "value_scale" else {}
    model = built(algo, env, **{name: value}, **needed)
    assert FOUND.get(name, lambda model: getattr(model, name))(model) == pytest.approx(value)


CLASSES = {
    **dict.fromkeys(("q", "psi", "g", "rl_only"), RecurrentDQN),
    **{"ppo_kl": PPOKL, "dpo": DPO, "ppo": PPO, "a2c": A2C, "dqn": DQN, "recurrent_ppo": RecurrentPPO},
}


@pytest.mark.parametrize("algo", get_args(Algorithm))
def test_every_algorithm_is_of_its_class_with_seed_device_and_environment(algo, env):
    model = built(algo, env)
    assert type(model) is CLASSES[algo] is algorithm_class(algo)
    assert (model.seed, str(model.device), model.get_env()) == (3, "cpu", env)
    if CLASSES[algo] is RecurrentDQN:
        assert model.objective == {"rl_only": "q"}.get(algo, algo)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("algo", get_args(Algorithm))
def test_every_algorithm_is_on_the_device_that_is_requested(algo, env):
    assert built_on("meta", algo, env).device.type == "meta"


@pytest.mark.parametrize("algo", ["q", "psi", "g", "ppo_kl", "dpo"])
def test_ours_start_as_the_prior(algo, env):
    model = built(algo, env)
    assert model.policy.network.cell.input_weights[:, :38].equal(env.engine.prior.layers.input_weights)
    assert (model.policy.prior is not None) == (algo == "g")


def test_without_numbers_of_steps_a_round_is_a_piece_of_every_environment(env):
    model = built("psi", env)
    assert (model.train_freq.frequency, model.replay_buffer.buffer_size) == (LENGTH, LENGTH)  # of each environment
    assert type(built("q", env).policy.network.head) is PlainHead


PAPER = {
    # Section 4 of Jaques et al. 2017, and for what it leaves open: Adam's default in TensorFlow, a plain network.
    "learning_rate": 1e-3,
    "final_learning_rate": 1e-3,
    "gamma": 0.5,
    "max_grad_norm": 5.0,
    "learning_starts": 2_048,
    "gradient_steps": 1,
    "tau": 0.01,
    "exploration_fraction": 0.5,  # 1,500,000 of 3,000,000 steps
    "exploration_initial_eps": 1.0,
    "exploration_final_eps": 0.01,
    "buffer_size": 100_000,
    "train_freq": 1,  # of 160 environments: 32 whole pieces an update, as many transitions a step as 32 every 5
    "return_lambda": 0.0,
    "batch_size": 32,
    "exploration": "epsilon_greedy",
    "temperature": 1.0,
    "double_q": True,
    "dueling": False,
    "value_scale": 1.0,
    "huber_delta": None,
}


@pytest.mark.parametrize("algo", ["q", "psi", "g", "rl_only"])
def test_paper_preset_is_section_4_of_the_paper(algo):
    config = TrainConfig.of(algo, "paper")
    assert asdict(config.agent) == PAPER
    assert (config.total_timesteps, config.n_envs, config.observation) == (3_000_000, 160, "token")
    assert (config.reward, config.priming, config.prior) == ("paper", "random_note", "default")
    assert config.environment().profile.c == 0.5
    assert (config.final_c, config.kl_budget, config.entropy_floor) == (None, None, None)


@pytest.mark.parametrize(
    ("algo", "preset", "steps", "prior", "reward", "c", "observation", "n_envs"),
    [
        ("q", "default", 200_000, "default", "paper", 0.6, "position", 64),
        ("rl_only", "default", 200_000, "default", "paper", 0.5, "position", 64),
        ("psi", "default", 640_000, "default", "varied", 1.0, "position", 128),
        ("g", "default", 640_000, "default", "varied", 0.8, "position", 128),
        ("ppo_kl", "default", 400_000, "default", "varied", 1.1, "lookback", 128),
        ("dpo", "default", 256_000, "default", "varied", 1.0, "lookback", 64),
        ("ppo_kl", "lookback", 800_000, "default", "varied", 1.2, "lookback", 128),
        ("psi", "people", 800_000, "lookback", "matched", 1.0, "lookback", 128),
        ("ppo_kl", "people", 1_310_720, "lookback", "adversarial", 1.0, "position", 128),
        ("ppo_kl", "tune", 2_400_000, "lookback", "tune", 1.0, "position", 128),
        ("ppo", "default", 300_000, "default", "paper", 0.5, "position", 64),
    ],
)
def test_presets_are_what_the_documentation_says(algo, preset, steps, prior, reward, c, observation, n_envs):
    config = TrainConfig.of(algo, preset)
    assert (config.total_timesteps, config.prior, config.reward) == (steps, prior, reward)
    assert (config.environment().profile.c, config.observation, config.n_envs) == (c, observation, n_envs)
    assert (config.evaluations, config.compositions) == ((10, 500) if preset == "tune" else (20, 2_000))


USUAL = {"learning_rate": 3e-4, "final_learning_rate": 0.0, "gamma": 0.9, "max_grad_norm": 0.5}
"""Of the algorithms to compare with."""
ACTOR_CRITIC = {**USUAL, "ent_coef": 0.01, "vf_coef": 0.5}
CLIPPED = {**ACTOR_CRITIC, "n_steps": 32, "batch_size": 256, "n_epochs": 4, "gae_lambda": 0.95, "clip_range": 0.2}


def test_defaults_of_the_algorithms_to_compare_with():
    assert asdict(TrainConfig.of("ppo").agent) == CLIPPED
    assert asdict(TrainConfig.of("recurrent_ppo").agent) == CLIPPED
    others = {"learning_rate": 7e-4, "n_steps": 8, "gae_lambda": 1.0}
    assert asdict(TrainConfig.of("a2c").agent) == {**ACTOR_CRITIC, **others}
    exploration = {name: value for name, value in PAPER.items() if name.startswith("exploration_")}
    replay = {"buffer_size": 100_000, "train_freq": 1, "batch_size": 256, "target_update_interval": 64}
    learning = {"learning_starts": 2_048, "gradient_steps": 1, "tau": 0.01, "max_grad_norm": 5.0}
    assert asdict(TrainConfig.of("dqn").agent) == {**USUAL, **exploration, **replay, **learning}


@pytest.mark.parametrize("algo", ["q", "rl_only"])
def test_strong_q_learning_differs_from_the_papers_in_rate_and_exploration(algo):
    others = {"learning_rate": 4e-3, "final_learning_rate": 0.0, "exploration": "boltzmann"}
    assert asdict(TrainConfig.of(algo).agent) == {**PAPER, **others}


def test_what_the_soft_presets_differ_in():
    own = {
        ("psi", "default"): (5e-3, 0.9, 0.9, 200.0, 32, 12),
        ("g", "default"): (7e-3, 0.9, 0.9, 200.0, 32, 12),
        ("psi", "people"): (1e-3, 1.0, 0.95, 10.0, 128, 4),
    }
    names = ("learning_rate", "gamma", "return_lambda", "value_scale", "batch_size", "gradient_steps")
    shared = {"tau": 1.0, "huber_delta": 10.0, "dueling": True, "learning_starts": 0}
    for (algo, preset), values in own.items():
        agent = asdict(TrainConfig.of(algo, preset).agent)
        assert tuple(agent[name] for name in names) == values
        assert {name: agent[name] for name in shared} == shared


def test_what_the_policy_gradients_presets_differ_in():
    presets = {"default": (4e-3, 0.9, 64), "lookback": (5e-3, 0.9, 128), "people": (1e-3, 0.95, 64)}
    presets["tune"] = (1e-3, 0.95, 32)
    for preset, values in presets.items():
        agent = TrainConfig.of("ppo_kl", preset).agent
        assert (agent.learning_rate, agent.gamma, agent.batch_size) == values
        assert (agent.n_steps, agent.n_epochs, agent.clip_range) == (32, 4, 0.2)
        assert (agent.end_gamma, agent.exact_kl) == ((1.0, True) if preset in ("tune", "people") else (None, False))
        assert agent.skip_connection == (preset not in ("tune", "people"))  # their Note RNN has one
        assert agent.averaging == (0.6 if preset == "people" else 0.0)
