"""DPO, direct preference optimization of a recurrent network, as a Stable-Baselines3 algorithm on pairs of melodies.

Shapes: N pairs, T steps, K numbers of an observation.
"""

from dataclasses import replace
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback, Schedule
from torch import Tensor

from agents.algorithms.objectives import policy_logits
from agents.algorithms.policies import RecurrentPolicy
from agents.algorithms.preference_loss import preference_log_odds, preference_loss, sequence_log_prob
from agents.algorithms.ranges import check_arguments
from agents.algorithms.recurrent_acting import ActsWithMemory, prior_arguments
from melody_env import EnvironmentSpec, MelodyEngine
from note_rnn import InputError, NoteRNN, Tokens


class PreferencePairs(NamedTuple):
    """N pairs of melodies, and which of the two was preferred."""

    first: Tokens
    """[N, T]."""
    second: Tokens
    """[N, T]."""
    outcomes: npt.NDArray[np.float64]
    """[N]; 1: the first was preferred, 0: the second, 0.5: neither."""


class Unrolled(NamedTuple):
    """N melodies as a network sees them."""

    observations: Tensor
    """[T, N, K]: before each token."""
    actions: Tensor
    """[T, N]: the tokens."""
    log_prior: Tensor
    """[N]; log p of each melody by the frozen prior."""


class DPO(ActsWithMemory):
    """Direct preference optimization: a network learns from votes between pairs of melodies, without a reward.

    The loss is that of Bradley-Terry votes by beta * (log policy - log p) of whole melodies, with log p of the frozen
    prior. The environment gives key, meter, observations and priming tokens, which are drawn once; its reward is not
    used. A step, in `total_timesteps`, is a token learned from. With a `prior`, the first policy is that Note RNN.

    :param pairs: the votes; a loaded model has those it was saved with.
    :param batch_size: pairs per update.
    :param beta: cost of a nat of KL divergence from the prior, in log-odds of being preferred. The smaller,
        the further the agent goes.
    :param prior: Note RNN to start from, and the reference, in the key and meter of the environment.

    The other parameters are those of SB3. Raises InputError for an argument out of its range, or pairs of another
    length.
    """

    own_argument = "beta"
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"MlpLstmPolicy": RecurrentPolicy}
    policy: RecurrentPolicy

    def __init__(
        self,
        policy: str | type[RecurrentPolicy] = "MlpLstmPolicy",
        env: GymEnv | str | None = None,
        pairs: PreferencePairs | None = None,
        learning_rate: float | Schedule = 1e-3,
        batch_size: int = 32,
        beta: float = 0.25,
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
        super().__init__(
            policy,
            env,
            learning_rate,
            policy_kwargs=prior_arguments(prior, False, policy_kwargs),
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            device=device,
            seed=seed,
            support_multi_env=True,
            supported_action_spaces=(spaces.Discrete,),
        )
        self.batch_size = batch_size
        self.beta = beta
        self.max_grad_norm = max_grad_norm
        self.rng = np.random.default_rng(seed)
        self._n_updates = 0
        self.sides: tuple[Unrolled, Unrolled] | None = None
        self.outcomes: Tensor | None = None
        if _init_setup_model:
            self._setup_model()
            if prior is not None:
                self.policy.start_from(prior)
            if pairs is not None:
                self._take(pairs)

    def _setup_model(self) -> None:
        self._setup_lr_schedule()
        self.set_random_seed(self.seed)
        policy = self.policy_class(self.observation_space, self.action_space, self.lr_schedule, **self.policy_kwargs)
        self.policy = policy.to(self.device)  # type: ignore[assignment]

    def _take(self, pairs: PreferencePairs) -> None:
        engine = getattr(self.env.unwrapped, "engine", None) if self.env is not None else None
        if not isinstance(engine, MelodyEngine):
            raise InputError("DPO compares melodies: give it a MelodyVecEnv as its environment.")
        if pairs.first.shape[1] != engine.length:
            raise InputError(
                f"The melodies of the votes have {pairs.first.shape[1]} steps, and the environment's {engine.length}: "
                "train at their length."
            )
        seeds = self.rng.integers(2**31, size=(2, len(pairs.first)))
        first, second = (
            unrolled(melodies, engine.environment, seed.tolist(), self.device)
            for melodies, seed in zip((pairs.first, pairs.second), seeds, strict=True)
        )
        self.sides = first, second
        self.outcomes = torch.as_tensor(pairs.outcomes, dtype=torch.float32, device=self.device)

    def _abandon_open_episodes(self) -> None:
        """Do nothing: it acts in no environment."""

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int | None = None,
        tb_log_name: str = "DPO",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> Self:
        """Learn from `total_timesteps` tokens of randomly drawn pairs; raises InputError without pairs."""
        if self.outcomes is None:
            raise InputError("There are no votes to learn from: give DPO pairs.")
        total, callbacks = self._setup_learn(total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar)
        callbacks.on_training_start(locals(), globals())
        while self.num_timesteps < total:
            callbacks.on_rollout_start()
            rows = torch.from_numpy(self.rng.integers(len(self.outcomes), size=self.batch_size)).to(self.device)
            self.num_timesteps += 2 * len(rows) * self._length
            callbacks.update_locals(locals())
            if not callbacks.on_step():
                break
            callbacks.on_rollout_end()
            self._update_current_progress_remaining(self.num_timesteps, total)
            self.train(rows)
        callbacks.on_training_end()
        return self

    def dump_logs(self) -> None:
        """Write what was logged since the last call."""
        self.logger.record("time/total_timesteps", self.num_timesteps, exclude="tensorboard")
        self.logger.dump(self.num_timesteps)

    @property
    def _length(self) -> int:
        assert self.sides is not None
        return len(self.sides[0].actions)

    def train(self, rows: Tensor) -> None:
        """Take one optimizer step on the pairs `rows`."""
        assert self.outcomes is not None
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        log_odds, outcomes = self.log_odds(rows), self.outcomes[rows]
        loss = self._descend(preference_loss(log_odds, outcomes).mean())
        self._log_updates([loss])
        ranked = ((log_odds > 0) == (outcomes > 0.5))[outcomes != 0.5]
        if len(ranked):
            self.logger.record("train/accuracy", ranked.float().mean().item())

    def log_odds(self, rows: Tensor) -> Tensor:
        """Return the log-odds that the first of the pairs `rows` is preferred, by the policy's gain on the prior."""
        assert self.sides is not None
        first, second = (self._gain(side, rows) for side in self.sides)
        return preference_log_odds(first, second, self.beta)

    def _gain(self, side: Unrolled, rows: Tensor) -> Tensor:
        """Return log policy - log p of the melodies `rows` of a side."""
        no_base = torch.zeros((), device=self.device)
        scores, _ = self.policy.network(side.observations[:, rows], no_base)
        return sequence_log_prob(policy_logits(scores, no_base), side.actions[:, rows]) - side.log_prior[rows]


def unrolled(melodies: Tokens, environment: EnvironmentSpec, seeds: list[int], device: torch.device | str) -> Unrolled:
    """Return the `melodies` [N, T] as a network sees them in `environment`, after priming tokens drawn by `seeds`."""
    profile = replace(environment.profile, rules=(), masks=())  # human melodies may break masks
    engine = MelodyEngine(len(melodies), environment.changed(reward=profile, fixed=None))
    engine.seed(seeds)
    engine.reset()
    observations, log_prior = [], np.zeros(len(melodies))
    for tokens in melodies.T:
        observations.append(engine.observations())
        engine.step(tokens, enforces_masks=False)
        log_prior += engine.log_prob
    return Unrolled(
        torch.as_tensor(np.stack(observations), device=device),
        torch.as_tensor(melodies.T.copy(), device=device),
        torch.as_tensor(log_prior, dtype=torch.float32, device=device),
    )
