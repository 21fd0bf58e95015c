"""PPO-KL, the critic-free policy gradient with KL to the prior, as a Stable-Baselines3 algorithm on whole episodes.

Shapes: T steps, B episodes, N environments, A actions.
"""

from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, Schedule
from stable_baselines3.common.vec_env import VecEnv

from agents.algorithms.episode_buffer import EpisodeBatch, EpisodeBuffer
from agents.algorithms.objectives import action_scores, policy_logits
from agents.algorithms.policies import RecurrentPolicy
from agents.algorithms.policy_gradient import (
    clipped_surrogate,
    deviation_by_step,
    discounted_returns,
    kl_cost,
    leave_one_out_advantages,
)
from agents.algorithms.ranges import check_arguments
from agents.algorithms.recurrent_acting import ActsWithMemory, prior_arguments
from note_rnn import InputError, NoteRNN
from note_rnn.common.categorical import draw_with_log_prob


class PPOKL(ActsWithMemory, OnPolicyAlgorithm):
    """Proximal policy optimisation of a recurrent network on whole episodes, for any environment with discrete actions.

    The objective is the reward minus `kl_weight` times log policy(a|s). `MelodyComposition-v0` has log p(a|s) in its
    reward, so with weight 1 this is r_MT / c minus the KL divergence from the Note RNN; with weight 0 it is the reward
    alone. Each round trains `n_epochs` times on the episodes that ended in it, unrolled from the zero state, in
    minibatches of whole episodes. The baseline is leave-one-out: the mean of the other episodes at the same step. With
    a `prior`, the first policy is that Note RNN. RLOO is the case of one epoch with one minibatch. A time limit counts
    as an end.

    :param n_steps: steps of each environment between rounds of updates.
    :param batch_size: whole episodes per update.
    :param n_epochs: passes over the episodes of a round.
    :param end_gamma: discount factor of an episode's last reward, which may value all of it; None is `gamma`.
    :param kl_weight: weight of -log policy(a|s) beside the reward.
    :param exact_kl: take log p(a|s) - `kl_weight` log policy(a|s) in expectation over all actions at each state that
        was reached (Amini et al. 2025, https://arxiv.org/abs/2504.10637), not of the action taken: the same in the
        mean, without the noise in which what is rare is lost. For environments with `prior_log_probs`.
    :param clip_range: clip range of the probability ratio.
    :param averaging: share of the training, at its end, over which the weights are averaged, once a round. The mean is
        the policy that is evaluated and saved, while the one that acts and learns goes on by itself. It is where a
        training settles that goes to and fro, as against a reward that learns along (Izmailov et al. 2018,
        https://arxiv.org/abs/1803.05407; Yazici et al. 2018, https://arxiv.org/abs/1806.04498). 0: no mean.
    :param history: steps of each environment that are stored; a longer episode is not trained on.
    :param prior: Note RNN to start from, in the key and meter of the environment (`env.engine.prior`); `policy_kwargs`
        take its size. It is not saved; the weights trained from it are.

    The other parameters are those of SB3's PPO. Raises InputError for an argument out of its range.
    """

    own_argument = "kl_weight"
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"MlpLstmPolicy": RecurrentPolicy}
    policy: RecurrentPolicy  # type: ignore[assignment]
    rollout_buffer: EpisodeBuffer | None  # type: ignore[assignment]
    exact_kl = False
    averaging = 0.0
    learner: RecurrentPolicy | None = None
    """The policy that acts and learns, if `policy` is a mean of its weights."""
    num_averaged = 0
    """Rounds whose weights `policy` is the mean of."""

    def __init__(
        self,
        policy: str | type[RecurrentPolicy] = "MlpLstmPolicy",
        env: GymEnv | str | None = None,
        learning_rate: float | Schedule = 3e-3,
        n_steps: int = 32,
        batch_size: int = 32,
        n_epochs: int = 4,
        gamma: float = 0.9,
        end_gamma: float | None = None,
        kl_weight: float = 1.0,
        exact_kl: bool = False,
        clip_range: float = 0.2,
        max_grad_norm: float = 5.0,
        averaging: float = 0.0,
        history: int = 1_024,
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
        super().__init__(
            policy,  # type: ignore[arg-type]
            env,  # type: ignore[arg-type]
            learning_rate,
            n_steps,
            gamma,
            gae_lambda=1.0,
            ent_coef=0.0,
            vf_coef=0.0,
            max_grad_norm=max_grad_norm,
            use_sde=False,
            sde_sample_freq=-1,
            policy_kwargs=prior_arguments(prior, False, policy_kwargs),
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            seed=seed,
            device=device,
            supported_action_spaces=(spaces.Discrete,),
            _init_setup_model=False,
        )
        self.batch_size = batch_size
        self.n_epochs = n_epochs
        self.end_gamma = end_gamma
        self.kl_weight = kl_weight
        self.exact_kl = exact_kl
        self.clip_range = clip_range
        self.averaging = averaging
        self.history = history
        self.rng = np.random.default_rng(seed)
        self.rollout_buffer = None
        self._n_updates = 0
        if _init_setup_model:
            self._setup_model()
            if prior is not None:
                self.policy.start_from(prior)
            if self.learner is not None:
                self.learner.load_state_dict(self.policy.state_dict())

    def _setup_model(self) -> None:
        self._setup_lr_schedule()
        self.set_random_seed(self.seed)
        if self.rollout_buffer is None:
            self.rollout_buffer = EpisodeBuffer(
                self.history * self.n_envs, self.observation_space, self.action_space, self.device, self.n_envs
            )
        self.policy = self._new_policy()
        if self.averaging:
            self.learner = self._new_policy()
            self.policy.set_training_mode(False)

    def _new_policy(self) -> RecurrentPolicy:
        policy = self.policy_class(self.observation_space, self.action_space, self.lr_schedule, **self.policy_kwargs)
        return policy.to(self.device)  # type: ignore[return-value]

    @property
    def episodes(self) -> EpisodeBuffer:
        """The episodes since the last round of updates."""
        assert self.rollout_buffer is not None
        return self.rollout_buffer

    @property
    def acting_policy(self) -> RecurrentPolicy:
        """The policy that the actions of the training are drawn from, and that learns."""
        return self.policy if self.learner is None else self.learner

    def collect_rollouts(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        """Take `n_rollout_steps` steps in each environment; return False if `callback` ends the training."""
        self.acting_policy.set_training_mode(False)
        callback.on_rollout_start()
        for _ in range(n_rollout_steps):
            logits, log_base = self._score()
            actions, self.log_policy = draw_with_log_prob(logits.cpu().numpy(), self.rng)
            if self.exact_kl:
                self._store_prior(logits)
            new_obs, rewards, dones, infos = env.step(actions)
            self.num_timesteps += env.num_envs
            callback.update_locals(locals())
            if not callback.on_step():
                return False
            self._update_info_buffer(infos, dones)
            self.episodes.store_policy(self.log_policy, log_base.cpu().numpy() if log_base.ndim else None)
            self.episodes.add(self._last_obs, new_obs, actions, rewards, dones, infos)  # type: ignore[arg-type]
            self._last_obs, self._last_episode_starts = new_obs, dones  # type: ignore[assignment]
        callback.on_rollout_end()
        return True

    def _store_prior(self, logits: torch.Tensor) -> None:
        """Store the prior's log p and the expected cost of a policy with these `logits` [N, A]; raises InputError."""
        log_prior = self._prior_log_probs()
        if log_prior is None:
            raise InputError("exact_kl needs an environment that evaluates a Note RNN: leave it off for this one.")
        cost = kl_cost(logits.log_softmax(-1), log_prior, self.kl_weight)
        self.episodes.store_prior(log_prior.cpu().numpy(), cost.cpu().numpy())

    def train(self) -> None:
        """Train `n_epochs` times on all episodes that have ended since the last call."""
        if not self.episodes.num_episodes:
            return
        self.acting_policy.set_training_mode(True)
        self._update_learning_rate(self.acting_policy.optimizer)
        batch = self.episodes.take_all()
        advantages = self._advantages(batch)
        deviations = deviation_by_step(advantages, batch.mask)
        advantages /= deviations
        losses = []
        for _ in range(self.n_epochs):
            order = torch.from_numpy(self.rng.permutation(batch.rewards.shape[1])).to(self.device)
            for rows in order.split(self.batch_size):
                losses.append(self._update(batch, advantages, deviations, rows))
        self._average()
        self._log_updates(losses)

    @torch.no_grad()
    def _average(self) -> None:
        """Take the learner's weights into the mean, which is of those since the averaging began, or of these alone."""
        if self.learner is None:
            return
        self.num_averaged = self.num_averaged + 1 if self._current_progress_remaining <= self.averaging else 0
        for mean, weights in zip(self.policy.parameters(), self.learner.parameters(), strict=True):
            mean.lerp_(weights, 1 / max(self.num_averaged, 1))

    def _advantages(self, batch: EpisodeBatch) -> torch.Tensor:
        """Return the advantages [T, B] of `batch` over the leave-one-out baseline."""
        if not self.exact_kl:
            costs = self.kl_weight * batch.log_policy
            returns = discounted_returns(batch.rewards, costs, batch.mask, self.gamma, self.end_gamma)
        else:
            rewards = batch.rewards - action_scores(batch.log_prior, batch.actions)
            returns = discounted_returns(rewards, batch.kl_cost, batch.mask, self.gamma, self.end_gamma)
            returns += batch.kl_cost  # what is expected at a step does not depend on its action
        return leave_one_out_advantages(returns, batch.mask)

    def _update(
        self, batch: EpisodeBatch, advantages: torch.Tensor, deviations: torch.Tensor, rows: torch.Tensor
    ) -> float:
        """Take one optimizer step on the episodes `rows` of `batch`; return the loss."""
        mask = batch.mask[:, rows]
        log_base = batch.log_base[:-1, rows] if batch.log_base.ndim else batch.log_base
        scores, _ = self.acting_policy.network(batch.observations[:-1, rows], log_base)
        log_probs = policy_logits(scores, log_base).log_softmax(-1)
        log_policy = action_scores(log_probs, batch.actions[:, rows])
        losses = clipped_surrogate(log_policy, batch.log_policy[:, rows], advantages[:, rows], self.clip_range)
        if self.exact_kl:
            losses = losses + kl_cost(log_probs, batch.log_prior[:, rows], self.kl_weight) / deviations
        return self._descend((losses * mask).sum() / mask.sum())

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "learner"]

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        modules, tensors = super()._get_torch_save_params()
        return [*modules, *(["learner", "learner.optimizer"] if self.learner is not None else [])], tensors
