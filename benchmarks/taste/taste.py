"""The loop of votes, learning and tuning, with simulated listeners in the place of humans.

Simulated listeners share a taste that the learner never sees; a fifth of their votes are by a coin, and a quarter of
them prefer the side that they hear first. From their votes a reward is learned and an agent is tuned with it, or one
learns from the votes directly (DPO). Fresh listeners of the same kind then choose between its pieces and the Note
RNN's.

    python benchmarks/taste/taste.py --out docs/results/taste.csv

Shapes: N melodies.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from simulated_tastes import SETTING, TASTES, Floats, Utility, World
from simulated_votes import BIAS, BIASED, RANDOM_VOTES, chosen_votes, random_votes, sigmoid

from agents.algorithms.dpo import DPO, PreferencePairs
from agents.composing.composers import Agent
from agents.composing.pieces import compose_pieces
from agents.listening_study.learning import CANDIDATES, Taste, learn_taste
from agents.listening_study.taste_files import write_taste
from agents.runs.config import TrainConfig
from agents.training.kl_control import KLBudgetCallback
from agents.votes.heard import HeardVotes
from melody_env import MelodyVecEnv, RewardProfile
from note_rnn import Progress
from note_rnn.common.csv_tables import write_csv

STEPS = 200_000
"""Steps of a training."""
KL_BUDGET = 12.0
"""KL to hold, in nats per piece, from c 1 on; a profile learned from noise is tuned with at c 1 throughout."""
WITH_TOKENS = "reward with tokens"
"""The method of `study learn --tokens`."""
FIT, FIT_WITH_TOKENS = "fit only", "fit only with tokens"
"""The methods without tuning."""


def tuned(world: World, profile: RewardProfile, is_noise: bool, seed: int, steps: int, budget: float) -> Agent:
    """Return an agent tuned by the policy gradient, as by the command that `study learn` recommends."""
    environment = replace(world.environment, profile=profile)
    control = [] if is_noise else [KLBudgetCallback(budget)]
    config = TrainConfig.of("ppo_kl", total_timesteps=steps, gamma=1.0)
    env = MelodyVecEnv(config.n_envs, **environment.arguments)
    model = config.agent.build("ppo_kl", env, environment.prior_in_key, seed, "cpu").learn(steps, control)
    return Agent(model.policy, environment)


def directly(world: World, heard: HeardVotes, seed: int) -> Agent:
    """Return an agent that learned from the votes, as `train --algo dpo` does."""
    config = TrainConfig.of("dpo")
    env = MelodyVecEnv(1, **world.environment.arguments)
    arguments = config.agent.arguments(seed, "cpu")
    rate, beta = arguments["learning_rate"], arguments["beta"]
    pairs = PreferencePairs(heard.first, heard.second, heard.outcomes)
    model = DPO("MlpLstmPolicy", env, pairs, rate, beta=beta, prior=env.engine.prior, seed=seed, device="cpu")
    return Agent(model.learn(config.total_timesteps).policy, world.environment)


def judged(world: World, agent: Agent, utility: Utility, size: int) -> dict[str, float]:
    """Return how often fresh listeners prefer the agent's pieces to the Note RNN's, and how far it went."""
    pieces = compose_pieces(agent.player(), size, 5, agent.environment)
    lead = utility(pieces.melodies)[:, None] - utility(world.pool[:size])[None]
    biased = (sigmoid(lead + BIAS) + sigmoid(lead - BIAS)) / 2
    attentive = float(((1 - BIASED) * sigmoid(lead) + BIASED * biased).mean())
    return {
        "preferred": (1 - RANDOM_VOTES) * attentive + RANDOM_VOTES / 2,
        "preferred_by_attentive": attentive,
        "kl": float(pieces.kl.mean()),
        "distinct": len(np.unique(pieces.melodies, axis=0)) / size,
    }


@dataclass(frozen=True)
class Case:
    """One loop: from votes to an agent."""

    taste: str
    method: str
    pairs: str
    votes: int
    seed: int


def cases(seeds: Sequence[int]) -> Iterator[Case]:
    """Yield the cases of the table."""
    for seed in seeds:
        yield Case("linear in the rules", "reward", "random", 200, seed)
        yield Case("linear in the rules", "dpo", "random", 200, seed)
        yield Case("linear in the rules", "reward", "chosen", 120, seed)
        yield Case("linear in the rules", "reward", "random", 1_000, seed)
        yield Case("outside the rules", "reward", "random", 500, seed)
        yield Case("outside the rules", WITH_TOKENS, "random", 500, seed)
        yield Case("outside the rules", "dpo", "random", 500, seed)
        yield Case("linear in the rules", "reward", "random", 50, seed)
        yield Case("linear in the rules", "dpo", "random", 50, seed)
        yield Case("linear in the rules", "dpo", "random", 1_000, seed)
        yield Case("noise", "reward", "random", 200, seed)
        yield Case("hidden network", WITH_TOKENS, "random", 500, seed)
        yield Case("linear in the rules", WITH_TOKENS, "random", 500, seed)
        yield Case("noise", WITH_TOKENS, "random", 500, seed)


def measured(world: World, case: Case, steps: int, size: int, budget: float, folder: Path) -> dict[str, Any]:
    """Return the row of `case`; its profile is written into `folder`."""
    utility = TASTES[case.taste](world, case.seed)
    ask = chosen_votes if case.pairs == "chosen" else random_votes
    began = time.process_time()
    heard = ask(world, utility, case.votes, np.random.default_rng(case.seed))
    taste = learn_taste(heard, tokens=case.method == WITH_TOKENS)
    tuning = time.process_time()
    if case.method == "dpo":
        agent = directly(world, heard, case.seed)
    else:
        profile = write_taste(heard, taste, folder / "taste.yaml", "benchmarks/taste/taste.py")
        agent = tuned(world, profile, taste.is_noise, case.seed, steps, budget)
    seconds = {"learn_seconds": tuning - began, "tune_seconds": time.process_time() - tuning}
    found = {"p_noise": taste.noise, "predicted": taste.predicted[0]}
    figures = {**found, **judged(world, agent, utility, size), **seconds}
    held = budget if case.method != "dpo" and not taste.is_noise else None
    return {**vars(case), "kl_budget": held, **{name: round(value, 3) for name, value in figures.items()}}


def fits(seeds: Sequence[int]) -> Iterator[Case]:
    """Yield what is learned without tuning an agent."""
    for seed in seeds:
        yield from (Case("linear in the rules", FIT, "random", votes, seed) for votes in (50, 120, 200))
        yield from (Case("linear in the rules", FIT, "chosen", votes, seed) for votes in (60, 120))
        yield from (Case("noise", FIT, "random", votes, seed) for votes in (50, 200))
        yield from (Case("hidden network", method, "random", 500, seed) for method in (FIT, FIT_WITH_TOKENS))
        yield Case("noise", FIT_WITH_TOKENS, "random", 500, seed)


def fitted(world: World, case: Case) -> dict[str, Any]:
    """Return the row of `case`: how the learned log-odds of the pool agree with the planted taste, if there is one."""
    utility = TASTES[case.taste](world, case.seed)
    ask = chosen_votes if case.pairs == "chosen" else random_votes
    heard = ask(world, utility, case.votes, np.random.default_rng(case.seed))
    return {**vars(case), **learned(world, utility, heard, tokens=case.method == FIT_WITH_TOKENS)}


def learned(world: World, utility: Utility, heard: HeardVotes, tokens: bool = False) -> dict[str, float]:
    """Return what the votes `heard` teach, and how it correlates with `utility` in the pool, if that varies."""
    taste = learn_taste(heard, tokens=tokens)
    found = {"p_noise": taste.noise, "predicted": taste.predicted[0]}
    planted, log_odds = utility(world.pool), learned_log_odds(world, taste)
    if planted.std() > 0:
        found["correlation"] = float(np.corrcoef(log_odds, planted)[0, 1]) if log_odds.std() > 0 else 0.0
    return {name: round(value, 3) for name, value in found.items()}


def learned_log_odds(world: World, taste: Taste) -> Floats:
    """Return the log-odds [N] of the pool by the learned `taste`."""
    weights = np.divide(taste.fitted.weights, taste.scales, out=np.zeros(len(CANDIDATES)), where=taste.scales > 0)
    of_tokens = 0.0 if taste.tokens is None else taste.tokens.log_odds(world.pool, SETTING)
    return world.sums @ weights + of_tokens


def main() -> None:
    """Run all cases, and write the table after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2], help="tastes of each kind to tune for")
    parser.add_argument("--fits", type=int, default=20, help="tastes to learn without tuning")
    parser.add_argument("--votes", type=int, nargs="+", help="only the cases with as many votes (default: all)")
    parser.add_argument("--methods", nargs="+", help="only the cases of these methods (default: all)")
    parser.add_argument("--kl-budget", type=float, default=KL_BUDGET, help="KL to hold, in nats per piece")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of a training")
    parser.add_argument("--pieces", type=int, default=1_000, help="pieces of each model that listeners judge")
    parser.add_argument("--out", type=Path, default=Path("taste.csv"), help="CSV file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    world = World.of(max(20 * arguments.pieces // 2, 40))
    rows: list[dict[str, Any]] = []
    all_cases = [*fits(range(arguments.fits)), *cases(arguments.seeds)]
    todo = [case for case in all_cases if not arguments.votes or case.votes in arguments.votes]
    todo = [case for case in todo if not arguments.methods or case.method in arguments.methods]
    with TemporaryDirectory() as folder, Progress(len(todo), "simulating", "cases") as progress:
        for case in todo:
            if case.method in (FIT, FIT_WITH_TOKENS):
                rows.append(fitted(world, case))
            else:
                rows.append(measured(world, case, arguments.steps, arguments.pieces, arguments.kl_budget, Path(folder)))
            print(*rows[-1].values(), flush=True)
            write_csv(arguments.out, rows)
            progress.advance()


if __name__ == "__main__":
    main()
