"""Hyperparameters of each algorithm, under the names of its arguments, and the agents built from them."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from agents import algorithms

if TYPE_CHECKING:  # importing them takes seconds, which the help of a command does without
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv

    from note_rnn import NoteRNN


@dataclass(frozen=True)
class Hyperparameters:
    """Hyperparameters common to all algorithms."""

    learning_rate: float = 1e-3
    """Learning rate, the step size of the updates, at the start."""
    final_learning_rate: float = 0.0
    """Learning rate at the end; it changes linearly."""

    def arguments(self, seed: int, device: str) -> dict[str, Any]:
        """Return keyword arguments for an SB3 algorithm."""
        arguments = asdict(self)
        rate = algorithms.linear_schedule(arguments["learning_rate"], arguments.pop("final_learning_rate"))
        return {**arguments, "learning_rate": rate, "seed": seed, "device": device}

    def build(self, algo: str, env: "VecEnv", prior: "NoteRNN", seed: int, device: str) -> "BaseAlgorithm":
        """Return an agent that learns `algo` in `env`, started from `prior` where the algorithm can."""
        raise NotImplementedError


@dataclass(frozen=True)
class _FromRewards(Hyperparameters):
    """Hyperparameters of reinforcement learning."""

    gamma: float = 0.9
    """Discount factor: 0 counts only the next reward, 1 all rewards to come alike."""


@dataclass(frozen=True)
class _QLearning:
    """Hyperparameters of Q-learning from a replay buffer, with a target network and epsilon-greedy exploration."""

    max_grad_norm: float = 5.0
    """Largest L2 norm of the gradient; a larger gradient is scaled down to it."""
    learning_starts: int = 2_048
    """Environment steps before the first update."""
    gradient_steps: int = 1
    """Updates per round."""
    tau: float = 0.01
    """Fraction of the network's weights mixed into the target network at a time; 1 copies them. The target network
    scores what follows a step."""
    exploration_fraction: float = 0.5
    """Fraction of the training over which epsilon falls."""
    exploration_initial_eps: float = 1.0
    """Epsilon, the probability of a random token, at the start (epsilon-greedy exploration)."""
    exploration_final_eps: float = 0.01
    """Epsilon after that fraction of the training."""


@dataclass(frozen=True)
class RecurrentDQNHyperparameters(_QLearning, _FromRewards):
    """Hyperparameters of Q, Psi, G and RL-only."""

    buffer_size: int | None = 100_000
    """Size of the replay buffer in steps, all environments together; if no default is shown, one piece of each."""
    train_freq: int | None = 1
    """Steps of each environment between rounds of updates; if no default is shown, one piece."""
    gamma: float = 0.5
    """Discount factor: 0 counts only the next reward, 1 all rewards to come alike."""
    return_lambda: float = 0.0
    """Lambda of the returns: 0 estimates what follows a step by the target network, 1 takes the rewards that
    followed."""
    batch_size: int = 32
    """Whole pieces per update."""
    exploration: Literal["epsilon_greedy", "boltzmann"] = "boltzmann"
    """Tokens in training: the best or, with probability epsilon, a random one (epsilon_greedy); or drawn from
    softmax(scores / temperature) (boltzmann)."""
    temperature: float = 1.0
    """(boltzmann) Temperature: the higher, the more random."""
    double_q: bool = True
    """Double Q-learning, against overestimated values: the network chooses the next token, the target network scores
    it."""
    dueling: bool = False
    """Separate outputs of the network for the value of a state and for the policy."""
    value_scale: float = 1.0
    """(dueling) Factor of the value output: larger where returns are larger."""
    huber_delta: float | None = None
    """Huber delta: error beyond which the loss is linear, so that rare large penalties do not dominate; if no
    default is shown, it is squared everywhere."""

    def build(self, algo: str, env: "VecEnv", prior: "NoteRNN", seed: int, device: str) -> "algorithms.RecurrentDQN":
        """Return a recurrent Q-network with the objective `algo`, started as `prior`."""
        return algorithms.RecurrentDQN("MlpLstmPolicy", env, prior=prior, **self.keywords(algo, env, seed, device))

    def keywords(self, algo: str, env: "VecEnv", seed: int, device: str) -> dict[str, Any]:
        """Return the keyword arguments of a `RecurrentDQN` that learns `algo` in `env`, without its prior."""
        arguments = self.arguments(seed, device)
        network = {name: arguments.pop(name) for name in ("dueling", "value_scale")}
        steps = env.get_attr("setting")[0].steps
        arguments["train_freq"] = self.train_freq or steps
        arguments["buffer_size"] = self.buffer_size or env.num_envs * steps
        return {**arguments, "objective": "q" if algo == "rl_only" else algo, "policy_kwargs": network}


@dataclass(frozen=True)
class PPOKLHyperparameters(_FromRewards):
    """Hyperparameters of the policy gradient with KL to the prior."""

    learning_rate: float = 3e-3
    """Learning rate, the step size of the updates, at the start."""
    n_steps: int = 32
    """Steps of each environment between rounds of updates."""
    batch_size: int = 32
    """Whole pieces per update."""
    n_epochs: int = 4
    """Passes over the pieces of a round."""
    end_gamma: float | None = None
    """Discount factor of a piece's last reward, which may value all of it; if no default is shown, it is --gamma."""
    exact_kl: bool = False
    """Count the KL from the Note RNN over all tokens at each step, not by the token taken: rare ones are kept."""
    clip_range: float = 0.2
    """Clip range of the ratio of new to old probability: how far a round may change the policy."""
    max_grad_norm: float = 5.0
    """Largest L2 norm of the gradient; a larger gradient is scaled down to it."""
    averaging: float = 0.0
    """Share of the training, at its end, over which the policy is averaged: for rewards that learn along."""
    skip_connection: bool = False
    """Connect the observation directly to the scores, beside the recurrent layers."""

    def build(self, algo: str, env: "VecEnv", prior: "NoteRNN", seed: int, device: str) -> "algorithms.PPOKL":
        """Return a policy-gradient agent, started as `prior`."""
        arguments = self.arguments(seed, device)
        network = {"skip_connection": arguments.pop("skip_connection")}
        return algorithms.PPOKL("MlpLstmPolicy", env, prior=prior, policy_kwargs=network, **arguments)


@dataclass(frozen=True)
class DPOHyperparameters(Hyperparameters):
    """Hyperparameters of direct preference optimization, which learns from votes and not from rewards."""

    votes: tuple[Path, ...] = ()
    """Files of votes that listeners downloaded, from studies or from the studio."""
    beta: float = 0.25
    """Cost of leaving the Note RNN (KL), in log-odds of being preferred per nat: the smaller, the further the agent
    goes for the votes."""
    batch_size: int = 32
    """Pairs of pieces per update."""
    max_grad_norm: float = 5.0
    """Largest L2 norm of the gradient; a larger gradient is scaled down to it."""
    skip_connection: bool = False
    """Connect the observation directly to the scores, beside the recurrent layers."""

    def build(self, algo: str, env: "VecEnv", prior: "NoteRNN", seed: int, device: str) -> "algorithms.DPO":
        """Return an agent that starts as `prior`, with the votes; raises VotesError for votes that it cannot use."""
        from agents.votes.heard import heard_votes, in_setting

        heard = in_setting(heard_votes(self.votes), env.get_attr("setting")[0])
        arguments = self.arguments(seed, device)
        del arguments["votes"]
        network = {"skip_connection": arguments.pop("skip_connection")}
        pairs = algorithms.PreferencePairs(heard.first, heard.second, heard.outcomes)
        return algorithms.DPO("MlpLstmPolicy", env, pairs, prior=prior, policy_kwargs=network, **arguments)


@dataclass(frozen=True)
class _Baseline(_FromRewards):
    learning_rate: float = 3e-4
    """Learning rate, the step size of the updates, at the start."""
    max_grad_norm: float = 0.5
    """Largest L2 norm of the gradient; a larger gradient is scaled down to it."""

    def build(self, algo: str, env: "VecEnv", prior: "NoteRNN", seed: int, device: str) -> "BaseAlgorithm":
        """Return an agent of Stable-Baselines3 or sb3-contrib, which starts from random weights."""
        return algorithms.baseline(algo, env, **self.arguments(seed, device))


@dataclass(frozen=True)
class PPOHyperparameters(_Baseline):
    """Hyperparameters of SB3's PPO and sb3-contrib's RecurrentPPO."""

    n_steps: int = 32
    """Steps of each environment between rounds of updates."""
    batch_size: int = 256
    """Steps per update."""
    n_epochs: int = 4
    """Passes over the steps of a round."""
    gae_lambda: float = 0.95
    """Lambda of the advantages: 0 estimates what follows a step by the critic, 1 takes the rewards that followed."""
    clip_range: float = 0.2
    """Clip range of the ratio of new to old probability: how far a round may change the policy."""
    ent_coef: float = 0.01
    """Weight of the policy's entropy, which keeps its choices varied."""
    vf_coef: float = 0.5
    """Weight of the critic's error in the loss."""


@dataclass(frozen=True)
class A2CHyperparameters(_Baseline):
    """Hyperparameters of SB3's A2C."""

    learning_rate: float = 7e-4
    """Learning rate, the step size of the updates, at the start."""
    n_steps: int = 8
    """Steps of each environment between rounds of updates."""
    gae_lambda: float = 1.0
    """Lambda of the advantages: 0 estimates what follows a step by the critic, 1 takes the rewards that followed."""
    ent_coef: float = 0.01
    """Weight of the policy's entropy, which keeps its choices varied."""
    vf_coef: float = 0.5
    """Weight of the critic's error in the loss."""


@dataclass(frozen=True)
class DQNHyperparameters(_QLearning, _Baseline):
    """Hyperparameters of SB3's DQN."""

    buffer_size: int = 100_000
    """Size of the replay buffer in steps, all environments together."""
    train_freq: int = 1
    """Steps of each environment between rounds of updates."""
    batch_size: int = 256
    """Steps per update."""
    target_update_interval: int = 64
    """Steps between updates of the target network, all environments together."""
