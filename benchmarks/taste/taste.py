"""The loop of votes, learning and tuning, with simulated listeners in the place of humans.

Simulated listeners share a taste that the learner never sees; a fifth of their votes are by a coin, and a quarter of
them prefer the side that they hear first. From their votes a reward is learned and an agent is tuned with it, or one
learns from the votes directly (DPO). Fresh listeners of the same kind then choose between its pieces and the Note
RNN's.

    python benchmarks/taste/taste.py --out docs/results/taste.csv

Shapes: N melodies, T steps, V votes, R rules.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from page_votes import page_votes

from agents.algorithms.dpo import DPO, PreferencePairs
from agents.composing.composers import Agent
from agents.composing.pieces import compose_pieces
from agents.composing.players import NoteRNNPlayer
from agents.listening_study.learning import CANDIDATES, Taste, learn_taste, rule_sums
from agents.listening_study.pair_choice import pair_choice
from agents.listening_study.taste_files import write_taste
from agents.runs.config import TrainConfig
from agents.training.kl_control import KLBudgetCallback
from agents.votes.heard import HeardVotes
from melody_env import EnvironmentSpec, MelodyVecEnv, RewardProfile, Setting
from note_rnn import Progress, Tokens, load_note_rnn
from note_rnn.common.csv_tables import write_csv
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, VOCABULARY_SIZE

Floats = npt.NDArray[np.float64]
Utility = Callable[[Tokens], Floats]

SETTING = Setting()
STRENGTH = 2.0
"""Deviation of the utility among the Note RNN's pieces: the log-odds of two votes by the taste differ by as much."""
RANDOM_VOTES, BIASED, BIAS = 0.2, 0.25, 1.0
"""Share of votes by a coin, share of biased listeners, and their bias in log-odds."""
VOTES_EACH = 20
"""Votes of a listener."""
PIECES = 300
"""Pieces that a page chooses its pairs from."""
STEPS = 200_000
"""Steps of a training."""
KL_BUDGET = 12.0
"""KL to hold, in nats per piece, from c 1 on; a profile learned from noise is tuned with at c 1 throughout."""
PLANTED = 5
"""Rules of a planted taste."""
HIDDEN = 24
"""Units of the hidden network of a taste."""
WITH_TOKENS = "reward with tokens"
"""The method of `study learn --tokens`."""
FIT, FIT_WITH_TOKENS = "fit only", "fit only with tokens"
"""The methods without tuning."""


@dataclass(frozen=True)
class World:
    """The Note RNN, and a pool of its pieces to vote on."""

    environment: EnvironmentSpec
    pool: Tokens
    """[N, T]."""
    sums: Floats
    """[N, R]; of the rules."""

    @classmethod
    def of(cls, size: int) -> "World":
        """Return the world with `size` pieces."""
        environment = EnvironmentSpec(RewardProfile("none", ()), load_note_rnn(), "lookback")
        pool = compose_pieces(NoteRNNPlayer(), size, 1, environment).melodies
        return cls(environment, pool, rule_sums(pool, SETTING))


def linear_taste(world: World, seed: int) -> Utility:
    """Return a taste that is linear in a few rules, drawn by `seed`."""
    rng = np.random.default_rng(1_000 + seed)
    deviations = world.sums.std(axis=0)
    chosen = rng.choice(np.flatnonzero(deviations > 0.3), PLANTED, replace=False)
    weights = np.zeros(len(CANDIDATES))
    weights[chosen] = rng.normal(size=PLANTED) / deviations[chosen]
    weights *= STRENGTH / (world.sums @ weights).std()
    return lambda melodies: rule_sums(melodies, SETTING) @ weights


def outside_taste(world: World, seed: int) -> Utility:
    """Return a taste for a statistic that no rule computes: register, rise of the second half, or variety of pitch."""
    statistic = (register, rise, variety)[seed % 3]
    values = statistic(world.pool)
    return lambda melodies: STRENGTH * (statistic(melodies) - values.mean()) / values.std()


def network_taste(world: World, seed: int) -> Utility:
    """Return a taste by a hidden network, an LSTM whose weights are drawn by `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2_000 + seed)
        lstm, readout = torch.nn.LSTM(VOCABULARY_SIZE, HIDDEN), torch.randn(HIDDEN)
    for weights in lstm.parameters():
        weights.data *= 3  # far from linear

    @torch.no_grad()
    def output(melodies: Tokens) -> Floats:
        ones = torch.nn.functional.one_hot(torch.from_numpy(melodies.T.copy()), VOCABULARY_SIZE).float()
        return (lstm(ones)[0].mean(0) @ readout).double().numpy()

    values = output(world.pool)
    return lambda melodies: STRENGTH * (output(melodies) - values.mean()) / values.std()


def no_taste(world: World, seed: int) -> Utility:
    """Return no taste: every vote is by a coin."""
    return lambda melodies: np.zeros(len(melodies))


TASTES = {
    "linear in the rules": linear_taste,
    "outside the rules": outside_taste,
    "hidden network": network_taste,
    "noise": no_taste,
}


def register(melodies: Tokens) -> Floats:
    """Return the mean token [N] of the notes of `melodies` [N, T]."""
    notes = melodies >= FIRST_PITCH_TOKEN
    return (melodies * notes).sum(axis=1) / np.maximum(notes.sum(axis=1), 1)


def rise(melodies: Tokens) -> Floats:
    """Return by how much [N] the second half of `melodies` [N, T] is higher than the first."""
    half = melodies.shape[1] // 2
    return register(melodies[:, half:]) - register(melodies[:, :half])


def variety(melodies: Tokens) -> Floats:
    """Return the number [N] of different pitches in `melodies` [N, T]."""
    return np.array([len(np.unique(row[row >= FIRST_PITCH_TOKEN])) for row in melodies], np.float64)


def voted(utility: Utility, first: Tokens, second: Tokens, listener: int, rng: np.random.Generator) -> HeardVotes:
    """Return the votes of simulated listeners, numbered from `listener`, on pairs of melodies [V, T]."""
    own = np.arange(len(first)) // VOTES_EACH
    bias = np.where(rng.random(own.max() + 1) < BIASED, BIAS, 0.0)[own]
    chances = sigmoid(utility(first) - utility(second) + bias)
    chances = np.where(rng.random(len(first)) < RANDOM_VOTES, 0.5, chances)
    outcomes = (rng.random(len(first)) < chances).astype(np.float64)
    return HeardVotes(first, second, outcomes, own + listener, SETTING, {})


def random_votes(world: World, utility: Utility, number: int, rng: np.random.Generator) -> HeardVotes:
    """Return `number` votes on random pairs of the pool."""
    first, second = world.pool[rng.integers(len(world.pool), size=(2, number))]
    return voted(utility, first, second, 0, rng)


def chosen_votes(
    world: World, utility: Utility, number: int, rng: np.random.Generator, each: int = VOTES_EACH
) -> HeardVotes:
    """Return `number` votes on pairs that the pages of listeners choose, who give `each` of them.

    A page begins with the votes of the listeners before, as in a round of its own.
    """
    heard: HeardVotes | None = None
    for listener in range(number // each):
        pool = world.pool[rng.choice(len(world.pool), min(PIECES, len(world.pool)), replace=False)]
        choice = pair_choice(pool, SETTING, heard, each, 0)
        bias = BIAS if rng.random() < BIASED else 0.0
        pairs, outcomes = page_votes(choice, utility(pool), bias, RANDOM_VOTES, rng)
        first, second = pool[pairs.T]
        heard = together(heard, HeardVotes(first, second, outcomes, np.full(each, listener), SETTING, {}))
    assert heard is not None
    return heard


def together(some: HeardVotes | None, more: HeardVotes) -> HeardVotes:
    """Return the votes of both."""
    if some is None:
        return more
    return HeardVotes(
        np.concatenate([some.first, more.first]),
        np.concatenate([some.second, more.second]),
        np.concatenate([some.outcomes, more.outcomes]),
        np.concatenate([some.listener, more.listener]),
        SETTING,
        {},
    )


def sigmoid(log_odds: Floats) -> Floats:
    """Return the probability with these `log_odds`."""
    return 1 / (1 + np.exp(-log_odds))


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
