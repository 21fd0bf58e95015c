"""Recurrent deep Q-learning (Q, Psi, G) as a Stable-Baselines3 algorithm.

Shapes: T steps, B episodes of a minibatch, N environments, A actions.
"""

from typing import Any, ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3.common.noise import ActionNoise
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, Schedule
from stable_baselines3.common.utils import LinearSchedule
from torch import Tensor

from agents.algorithms.episode_buffer import EpisodeBatch, EpisodeBuffer
from agents.algorithms.objectives import (
    MASKED_LOGIT,
    action_scores,
    double_q_value,
    lambda_returns,
    max_q_value,
    soft_value,
    squared_loss,
    td_error,
)
from agents.algorithms.policies import RecurrentDQNPolicy
from agents.algorithms.ranges import check_arguments
from agents.algorithms.recurrent_acting import ActsWithMemory, prior_arguments
from note_rnn import NoteRNN
from note_rnn.common.categorical import draw
from note_rnn.common.errors import InputError, check_choice

Objective = Literal["q", "psi", "g"]
Exploration = Literal["epsilon_greedy", "boltzmann"]


class RecurrentDQN(ActsWithMemory, OffPolicyAlgorithm):
    """Q-learning of a recurrent network on whole episodes, for any environment with discrete actions.

    Each minibatch holds whole episodes, unrolled from the zero state by both networks, so that no recurrent state goes
    stale. With a `prior`, online and target network start as that Note RNN, and the first policy is the prior. These
    are two of its three copies in Jaques et al. 2017 (https://arxiv.org/abs/1611.02796), section 3; the third, fixed
    one is in the environment and gives the reward's log p(a|s).

    :param objective: meaning of the scores. "q": expected discounted reward (Eq. 4). "psi": the same with the policy's
        KL divergence from the prior as a cost (Eq. 11). "g": Psi without log p(a|s), which the policy adds again
        (Eq. 13, 14), and which is therefore subtracted from the reward. Without a prior "g" is "psi": both maximise
        reward and entropy.
    :param learning_starts: environment steps before the first update.
    :param batch_size: whole episodes per update.
    :param tau: fraction of the online weights that each update mixes into the target network (the paper's eta).
    :param return_lambda: lambda of the returns: 0 bootstraps from the value of the next state (the paper's), 1 takes
        the rewards that followed.
    :param train_freq: steps of each environment between rounds of updates.
    :param gradient_steps: updates per round.
    :param exploration: "epsilon_greedy": random with probability epsilon, independently in each environment, else the
        best action; "boltzmann": drawn from the policy, its logits divided by `temperature`.
    :param exploration_fraction: fraction of the training over which epsilon falls linearly from its initial to its
        final value.
    :param double_q: (Q) the online network chooses the next action, the target network scores it; else the target
        network does both.
    :param huber_delta: error beyond which the loss is linear (Huber); None: squared everywhere, as in the paper.
    :param prior: Note RNN to start from, in the key and meter of the environment (`env.engine.prior`); `policy_kwargs`
        take its size. It is not saved; the weights trained from it are, and for G its log p.

    The other parameters are those of SB3's DQN. Raises InputError for an argument out of its range.
    """

    own_argument = "objective"
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"MlpLstmPolicy": RecurrentDQNPolicy}
    policy: RecurrentDQNPolicy
    action_space: spaces.Discrete
    replay_buffer: EpisodeBuffer | None

    def __init__(
        self,
        policy: str | type[RecurrentDQNPolicy] = "MlpLstmPolicy",
        env: GymEnv | str | None = None,
        objective: Objective = "q",
        learning_rate: float | Schedule = 1e-3,
        buffer_size: int = 100_000,
        learning_starts: int = 1_000,
        batch_size: int = 32,
        tau: float = 0.01,
        gamma: float = 0.99,
        return_lambda: float = 0.0,
        train_freq: int | tuple[int, str] = 1,
        gradient_steps: int = 1,
        exploration: Exploration = "epsilon_greedy",
        exploration_fraction: float = 0.5,
        exploration_initial_eps: float = 1.0,
        exploration_final_eps: float = 0.01,
        temperature: float = 1.0,
        double_q: bool = True,
        huber_delta: float | None = None,
        max_grad_norm: float = 5.0,
        prior: NoteRNN | None = None,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: torch.device | str = "auto",
        _init_setup_model: bool = True,
    ):
        check_arguments(locals())
        check_choice("objective", objective, get_args(Objective))
        check_choice("exploration", exploration, get_args(Exploration))
        super().__init__(
            policy,
            env,  # type: ignore[arg-type]
            learning_rate,
            buffer_size,
            learning_starts,
            batch_size,
            tau,
            gamma,
            train_freq,
            gradient_steps,
            replay_buffer_class=EpisodeBuffer,
            policy_kwargs=prior_arguments(prior, objective == "g", policy_kwargs),
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            seed=seed,
            device=device,
            sde_support=False,
            supported_action_spaces=(spaces.Discrete,),
            support_multi_env=True,
        )
        self.objective = objective
        self.return_lambda = return_lambda
        self.exploration = exploration
        self.exploration_fraction = exploration_fraction
        self.exploration_initial_eps = exploration_initial_eps
        self.exploration_final_eps = exploration_final_eps
        self.temperature = temperature
        self.double_q = double_q
        self.huber_delta = huber_delta
        self.max_grad_norm = max_grad_norm
        self.exploration_rate = exploration_initial_eps
        self.rng = np.random.default_rng(seed)
        self._logged_at = -1
        if _init_setup_model:
            self._setup_model()
            if prior is not None:
                self.policy.start_from(prior)

    def _setup_model(self) -> None:
        super()._setup_model()
        self.exploration_schedule = LinearSchedule(
            self.exploration_initial_eps, self.exploration_final_eps, self.exploration_fraction
        )

    @property
    def episodes(self) -> EpisodeBuffer:
        """The replay buffer."""
        assert self.replay_buffer is not None
        return self.replay_buffer

    def _sample_action(
        self, learning_starts: int, action_noise: ActionNoise | None = None, n_envs: int = 1
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return the actions [N] to take and to store; advance the recurrent state whether they explore or not."""
        logits, log_base = self._score()
        actions = self._explore(logits.cpu().numpy())
        taken = action_scores(logits.log_softmax(-1), torch.as_tensor(actions, device=self.device))
        self.log_policy = taken.cpu().numpy()
        self.episodes.store_policy(self.log_policy, log_base.cpu().numpy() if log_base.ndim else None)
        return actions, actions

    def _explore(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
        """Return an action [N] for each row of the policy's `logits` [N, A], by the exploration rule."""
        if self.exploration == "boltzmann":
            return draw(logits / self.temperature, self.rng)
        if self.masked:
            random = draw(np.where(logits > MASKED_LOGIT / 2, np.float32(0), np.float32(MASKED_LOGIT)), self.rng)
        else:
            random = self.rng.integers(self.action_space.n, size=len(logits))
        return np.where(self.rng.random(len(logits)) < self.exploration_rate, random, logits.argmax(-1))

    def _store_transition(
        self,
        replay_buffer: Any,
        buffer_action: npt.NDArray[Any],
        new_obs: Any,
        reward: npt.NDArray[Any],
        dones: npt.NDArray[Any],
        infos: list[dict[str, Any]],
    ) -> None:
        super()._store_transition(replay_buffer, buffer_action, new_obs, reward, dones, infos)
        self._last_episode_starts = dones

    def _on_step(self) -> None:
        self.exploration_rate = self.exploration_schedule(self._current_progress_remaining)
        if self.exploration == "epsilon_greedy":
            self.logger.record("rollout/exploration_rate", self.exploration_rate)
        else:
            self.logger.record("rollout/temperature", self.temperature)

    def train(self, gradient_steps: int, batch_size: int) -> None:
        """Make `gradient_steps` updates, each on `batch_size` whole episodes; none until an episode has ended.

        Raises InputError if the buffer is full and contains no whole episode.
        """
        if not self.episodes.num_episodes:
            if self.episodes.full:
                raise InputError(
                    f"No whole episode fits in the replay buffer, which holds {self.episodes.buffer_size} steps of "
                    f"each of {self.n_envs} environments: raise buffer_size, or lower the number of environments."
                )
            return
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        losses = []
        for _ in range(gradient_steps):
            loss = self.loss(self.episodes.sample_episodes(batch_size, self.rng, self._vec_normalize_env))
            losses.append(self._descend(loss))
            if self.tau < 1:
                self.policy.move_target(self.tau)
        if self.tau == 1:  # until then the target network is not used
            self.policy.copy_to_target()
        self._log_updates(losses)

    def loss(self, batch: EpisodeBatch) -> Tensor:
        """Return the mean squared temporal-difference error (Eq. 4, 11, 13) over the steps of `batch`."""
        scores, _ = self.policy.network(batch.observations, batch.log_base)
        with torch.no_grad():
            target_scores = scores  # with tau 1 the target network equals the online one
            if self.tau < 1:
                target_scores, _ = self.policy.target_network(batch.observations, batch.log_base)
            returns = self._returns(batch, scores, target_scores)
        errors = td_error(scores[:-1], batch.actions, returns)
        losses = squared_loss(errors, self.huber_delta)
        return (losses * batch.mask).sum() / batch.mask.sum()

    def _returns(self, batch: EpisodeBatch, scores: Tensor, target_scores: Tensor) -> Tensor:
        """Return the targets [T, B] of the actions' scores, given the scores [T + 1, B, A] of both networks."""
        rewards, cost = batch.rewards, torch.zeros_like(batch.rewards)
        log_base = batch.log_base.expand_as(scores)
        if self.objective != "q":
            log_base_of_action = action_scores(log_base[:-1], batch.actions)
            values = soft_value(target_scores[1:], log_base[1:])
            rewards = rewards - log_base_of_action
            cost = batch.log_policy - log_base_of_action
        elif self.double_q:
            values = double_q_value(target_scores[1:], (scores + log_base)[1:])
        else:
            values = max_q_value((target_scores + log_base)[1:])
        discount = self.gamma * (1 - batch.terminated)
        continues = torch.cat([batch.mask[1:], torch.zeros_like(batch.mask[:1])])
        return lambda_returns(rewards, discount, values, cost, self.return_lambda * continues)

    def dump_logs(self) -> None:
        """Write the log once per step: parallel environments end many episodes at the same step."""
        if self._logged_at != self.num_timesteps:
            self._logged_at = self.num_timesteps
            super().dump_logs()
