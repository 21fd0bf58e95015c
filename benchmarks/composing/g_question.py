"""G with the paper preset, with the prior fixed or trained: a possible cause of the paper's weak results for G.

In the original the target of G contains the Reward RNN's log p without a stopped gradient, so each update also trains
the Reward RNN, which the paper describes as fixed. `--moving-prior` reproduces this, for comparison only: one network,
which is trained, gives log p in the target, in the policy and in the reward.

    python benchmarks/composing/g_question.py --seed 0
    python benchmarks/composing/g_question.py --seed 0 --moving-prior
"""

import argparse
import json
import time
from dataclasses import replace

import torch
from torch import Tensor

from agents import RecurrentDQN, compose_pieces
from agents.algorithms.episode_buffer import EpisodeBatch
from agents.algorithms.objectives import soft_value, squared_loss, td_error
from agents.composing.composers import Agent
from agents.evaluation.metrics import table_metrics
from agents.evaluation.table import ROWS
from agents.runs.config import TrainConfig
from melody_env import MelodyVecEnv
from note_rnn import NoteRNN


class MovingPriorG(RecurrentDQN):
    """G as in the original: the prior receives the gradient of the target and is optimised with the agent."""

    def _setup_model(self) -> None:
        super()._setup_model()
        self.moving_prior.requires_grad_(True)
        self.policy.optimizer.add_param_group({"params": list(self.moving_prior.parameters())})

    @property
    def moving_prior(self) -> NoteRNN:
        """The prior that is trained with the agent."""
        assert self.policy.prior is not None
        return self.policy.prior

    def loss(self, batch: EpisodeBatch) -> Tensor:
        """Return the mean squared error of Eq. 13, with a target differentiable in the prior."""
        logits, _ = self.moving_prior(batch.observations.long())
        log_base = logits.log_softmax(-1)
        scores, _ = self.policy.network(batch.observations, batch.log_base)
        with torch.no_grad():
            target_scores, _ = self.policy.target_network(batch.observations, batch.log_base)
            log_p = batch.log_base[:-1].gather(-1, batch.actions[..., None]).squeeze(-1)
        values = soft_value(target_scores[1:], log_base[1:])
        returns = batch.rewards - log_p + self.gamma * (1 - batch.terminated) * values
        return squared_loss(td_error(scores[:-1], batch.actions, returns), None).mean()


def main() -> None:
    """Train one seed and print the metrics of the table as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--moving-prior", action="store_true", help="train the prior too")
    parser.add_argument("--steps", type=int, default=3_000_000, help="environment steps (default: the paper's)")
    parser.add_argument("--compositions", type=int, default=10_000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    config = TrainConfig.of("g", "paper", seed=arguments.seed, total_timesteps=arguments.steps)
    environment = config.environment()
    env = MelodyVecEnv(config.n_envs, **environment.arguments)
    original = environment.prior
    kind = MovingPriorG if arguments.moving_prior else RecurrentDQN
    model = kind(env=env, prior=original, **config.agent.keywords("g", env, config.seed, "cpu"))
    if isinstance(model, MovingPriorG):
        env.engine.prior = model.moving_prior
        environment = replace(environment, prior=model.moving_prior)
    started = time.process_time()
    model.learn(config.total_timesteps, log_interval=None)  # type: ignore[arg-type]  # SB3 takes None for never
    seconds = time.process_time() - started
    pieces = compose_pieces(Agent(model.policy, environment).player(), arguments.compositions, config.seed, environment)
    metrics = table_metrics(pieces)
    record = {row.metric: round(metrics[row.metric], 4) for row in ROWS if row.metric in metrics}
    record["log_prob_under_the_original_prior"] = float(
        original.log_prob(pieces.melodies, pieces.priming_tokens).mean()
    )
    print(json.dumps({"seed": config.seed, "moving_prior": arguments.moving_prior, "cpu_seconds": seconds, **record}))


if __name__ == "__main__":
    main()
