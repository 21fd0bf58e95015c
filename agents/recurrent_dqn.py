"""Deep Q-learning with memory, as a Stable-Baselines3 algorithm.

Shapes: T steps, B episodes of a minibatch, N environments, A actions.
"""

from typing import Any, ClassVar, Literal, Self, get_args

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3.common.noise import ActionNoise
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback, Schedule
from stable_baselines3.common.utils import LinearSchedule, polyak_update
from torch import Tensor

from agents.episode_buffer import EpisodeBatch, EpisodeBuffer
from agents.objectives import bootstrapped_return, double_q_value, max_q_value, squared_td_error
from agents.policies import MlpLstmPolicy, RecurrentDQNPolicy
from note_rnn import InputError, LSTMState, NoteRNN

Objective = Literal["q"]
Exploration = Literal["epsilon_greedy", "boltzmann"]


class RecurrentDQN(OffPolicyAlgorithm):
    """Q-learning of a recurrent network on whole episodes, for any environment with discrete actions.

    Each minibatch holds whole episodes, unrolled from the zero state by both networks, so that no stored state is
    ever stale. With a `prior`, online and target network start as that Note RNN: the three-fold use of Jaques et al.
    2017 (https://arxiv.org/abs/1611.02796), section 3; the third, fixed copy is the reward's and lives in the
    environment.

    :param objective: what the scores mean; "q": expected discounted reward (Eq. 4).
    :param learning_starts: environment steps before the first update.
    :param batch_size: whole episodes per update.
    :param tau: share of the online weights that each update mixes into the target (the paper's eta).
    :param train_freq: steps of every environment between trainings.
    :param gradient_steps: updates per training.
    :param exploration: "epsilon_greedy": random with probability epsilon, drawn for each environment by itself, else
        the best; "boltzmann": drawn with probability softmax(scores / temperature).
    :param exploration_fraction: share of the training over which epsilon falls linearly from its initial to its
        final value.
    :param double_q: the online network chooses the next action, the target network scores it; else the target does
        both.
    :param prior: start as this Note RNN; `policy_kwargs` take over its size. Not saved: the weights that grew out of
        it are.

    The other parameters are those of SB3's DQN.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"MlpLstmPolicy": MlpLstmPolicy}
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
        train_freq: int | tuple[int, str] = 1,
        gradient_steps: int = 1,
        exploration: Exploration = "epsilon_greedy",
        exploration_fraction: float = 0.5,
        exploration_initial_eps: float = 1.0,
        exploration_final_eps: float = 0.01,
        temperature: float = 1.0,
        double_q: bool = True,
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
        _require("objective", objective, get_args(Objective))
        _require("exploration", exploration, get_args(Exploration))
        if prior is not None:
            size = {"lstm_hidden_size": prior.hidden_size, "n_lstm_layers": prior.num_layers}
            policy_kwargs = {**size, **(policy_kwargs or {})}
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
            policy_kwargs=policy_kwargs,
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
        self.exploration = exploration
        self.exploration_fraction = exploration_fraction
        self.exploration_initial_eps = exploration_initial_eps
        self.exploration_final_eps = exploration_final_eps
        self.temperature = temperature
        self.double_q = double_q
        self.max_grad_norm = max_grad_norm
        self.exploration_rate = exploration_initial_eps
        self.rng = np.random.default_rng(seed)
        self._logged_at = -1
        if _init_setup_model:
            self._setup_model()
            if prior is not None:
                self.policy.q_net.start_from(prior)
                self.policy.copy_to_target()

    def _setup_model(self) -> None:
        super()._setup_model()
        self.exploration_schedule = LinearSchedule(
            self.exploration_initial_eps, self.exploration_final_eps, self.exploration_fraction
        )
        self._acting_state: LSTMState | None = None

    def _sample_action(
        self, learning_starts: int, action_noise: ActionNoise | None = None, n_envs: int = 1
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return the actions [N] to take and to store; the memory advances whether they explore or not."""
        observation, _ = self.policy.obs_to_tensor(self._last_obs)  # type: ignore[arg-type]
        assert isinstance(observation, Tensor)
        if self._acting_state is None:
            self._acting_state = self.policy.q_net.zero_state(n_envs)
        start = torch.as_tensor(self._last_episode_starts, device=self.device)
        scores, self._acting_state = self.policy.step(observation, self._acting_state, start)
        actions = self._explore(scores.cpu().numpy())
        return actions, actions

    def _explore(self, scores: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
        """Return an action [N] for each row of `scores` [N, A] by the exploration rule."""
        if self.exploration == "boltzmann":
            noise = self.rng.gumbel(size=scores.shape)
            return (scores / self.temperature + noise).argmax(-1)
        random = self.rng.integers(self.action_space.n, size=len(scores))
        return np.where(self.rng.random(len(scores)) < self.exploration_rate, random, scores.argmax(-1))

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
        """Make `gradient_steps` updates, each on `batch_size` whole episodes; none as long as no episode has ended."""
        assert self.replay_buffer is not None
        if not self.replay_buffer.num_episodes:
            return
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        losses = []
        for _ in range(gradient_steps):
            loss = self.loss(self.replay_buffer.sample_episodes(batch_size, self.rng, self._vec_normalize_env))
            self.policy.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.policy.q_net.parameters(), self.max_grad_norm)
            self.policy.optimizer.step()
            polyak_update(self.policy.q_net.parameters(), self.policy.q_net_target.parameters(), self.tau)
            losses.append(loss.item())
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", float(np.mean(losses)))

    def loss(self, batch: EpisodeBatch) -> Tensor:
        """Return the mean squared temporal-difference error (Eq. 4) over the steps of `batch`."""
        scores, _ = self.policy.q_net(batch.observations)
        with torch.no_grad():
            target_scores, _ = self.policy.q_net_target(batch.observations)
            q_target_t, q_online_t = target_scores[1:], scores[1:]
            v_t = double_q_value(q_target_t, q_online_t) if self.double_q else max_q_value(q_target_t)
            return_t = bootstrapped_return(batch.rewards, self.gamma * (1 - batch.terminated), v_t)
        errors = squared_td_error(scores[:-1], batch.actions, return_t)
        return (errors * batch.mask).sum() / batch.mask.sum()

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int | None = 4,
        tb_log_name: str = "RecurrentDQN",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> Self:
        """Train for `total_timesteps` environment steps; arguments as in SB3. `log_interval` counts episodes.

        None leaves logging to the callbacks.
        """
        if (reset_num_timesteps or self._last_obs is None) and self.replay_buffer is not None:
            self.replay_buffer.abandon_open_episodes()
            self._acting_state = None
        return super().learn(
            total_timesteps,
            callback,
            log_interval,  # type: ignore[arg-type]
            tb_log_name,
            reset_num_timesteps,
            progress_bar,
        )

    def dump_logs(self) -> None:
        """Write the log, once a step: environments in lockstep end many episodes at the same step."""
        if self._logged_at != self.num_timesteps:
            self._logged_at = self.num_timesteps
            super().dump_logs()

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_acting_state"]

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        return ["policy", "policy.optimizer"], []


def _require(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f"Unknown {name} {value!r}: choose one of {', '.join(map(repr, known))}.")
