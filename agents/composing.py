"""Composing: many pieces in lockstep by an agent, or by the Note RNN itself.

Shapes: N pieces, T steps, A = 38 tokens.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.save_util import load_from_zip_file

from agents.config import TrainConfig
from agents.objectives import FORBIDDEN
from agents.players import Player, player_of
from agents.ppo_kl import PPOKL
from agents.recurrent_dqn import RecurrentDQN
from agents.run_directory import RunDirectory
from agents.selection import Rows, best_of_each, good_and_various
from agents.settings import algorithm_class
from melody_env import FinishedPieces, MelodyEngine, Setting, load_profile, setting_of
from melody_env.observing import POSITION, kind_of
from note_rnn import CheckpointError, InputError, NoteRNN, Tokens, load_note_rnn, read_primer
from note_rnn.sampling import draw, log_softmax

Floats = npt.NDArray[np.floating]

_BATCH = 512
"""Pieces in lockstep: about where a step of the small networks is cheapest per piece."""


@dataclass(frozen=True)
class Pieces:
    """N finished pieces, what the environment says of them, and how sure their composer was."""

    finished: FinishedPieces
    """Melodies [N, T] and sums [N] of rules, r_MT, log p and reward."""
    primers: Tokens
    """[N]; the token heard before each piece, not part of it."""
    entropy: Floats
    """[N]; mean over a piece's steps of the policy's entropy, in nats."""
    kl: Floats
    """[N]; sum over a piece's steps of KL(policy || Note RNN), in nats."""
    probabilities: Floats
    """[K, T, A]; the policy at each step of the first K pieces."""
    setting: Setting
    """Key, mode, meter ... that they are in."""
    primer: Tokens
    """[P]; the primer of all pieces, empty where there was but a priming token."""

    def with_primer(self) -> Tokens:
        """Return the pieces with the primer before them [N, P + T]."""
        return np.concatenate([np.tile(self.primer, (len(self.melodies), 1)), self.melodies], axis=1)

    @property
    def melodies(self) -> Tokens:
        """The pieces [N, T]."""
        return self.finished.melodies


def compose_pieces(
    policy: BasePolicy | Player | None,
    n: int,
    seed: int,
    environment: dict[str, Any],
    temperature: float = 1.0,
    num_probabilities: int = 0,
    on_composed: Callable[[int], None] = lambda pieces: None,
    trained_in: Setting | None = None,
    strength: float = 1.0,
) -> Pieces:
    """Return `n` pieces drawn from softmax(scores / temperature) of `policy`; None lets the Note RNN compose.

    Of the tokens that are allowed, that is, by the range and the masks of the environment.

    `environment` holds the keyword arguments of the environment, `prior` a NoteRNN among them; the first
    `num_probabilities` pieces keep the policy's probabilities. `on_composed` is told how many pieces were finished.
    An agent that was `trained_in` another key is transposed; what it learned counts with `strength` (`player_of`). The
    same arguments give the same pieces. Raises InputError for pieces longer than an agent that observes its position
    was trained for.
    """
    rng = np.random.default_rng(seed)
    setting = setting_of(environment)
    if environment.get("primer") is not None:
        environment = {**environment, "primer": read_primer(environment["primer"], semitones=setting.transposition)}
    player = _player(policy, setting, trained_in, strength)
    parts = []
    for first in range(0, n, _BATCH):
        size = min(_BATCH, n - first)
        engine = MelodyEngine(size, **environment)
        engine.seed(rng.integers(2**31, size=size).tolist())
        kept = min(max(num_probabilities - first, 0), size)
        parts.append(_compose_batch(player, engine, rng, temperature, kept))
        on_composed(size)
    return _joined(parts)


def _player(
    policy: BasePolicy | Player | None, setting: Setting, trained_in: Setting | None, strength: float = 1.0
) -> Player:
    space = getattr(policy, "observation_space", None)
    if isinstance(space, spaces.MultiDiscrete) and setting.steps >= space.nvec[POSITION]:
        raise InputError(
            f"The agent was trained for pieces of at most {space.nvec[POSITION] - 1} steps and cannot compose "
            f"{setting.steps}: give a shorter length, or train an agent for the longer one."
        )
    return player_of(policy, setting.transposition - (trained_in or setting).transposition, strength)


def _compose_batch(
    player: Player, engine: MelodyEngine, rng: np.random.Generator, temperature: float, kept: int
) -> Pieces:
    engine.reset()
    player.begin(engine.num_pieces)
    for token in () if engine.primer is None else engine.primer[:-1]:
        player.scores(engine.observations_of(token), engine.prior_log_probs)  # it hears, and what it says is not asked
    primer = np.zeros(0, np.int64) if engine.primer is None else engine.primer
    primers = engine.last_tokens
    entropy, kl = np.zeros((2, engine.num_pieces))
    probabilities = []
    for _ in range(engine.length):
        scores = player.scores(engine.observations(), engine.prior_log_probs)
        if engine.forbids:
            scores = np.where(engine.action_masks(), scores, FORBIDDEN)
        log_policy = log_softmax(scores / temperature)
        policy_probabilities = np.exp(log_policy)
        entropy -= (policy_probabilities * log_policy).sum(-1)
        kl += (policy_probabilities * (log_policy - engine.prior_log_probs)).sum(-1)
        probabilities.append(policy_probabilities[:kept])
        _, finished = engine.step(draw(log_policy, rng))
    assert finished is not None
    return Pieces(
        finished, primers, entropy / engine.length, kl, np.stack(probabilities, axis=1), engine.setting, primer
    )


def log_likelihood(
    policy: BasePolicy | Player | None, melodies: Tokens, environment: dict[str, Any], trained_in: Setting | None = None
) -> float:
    """Return the mean over all steps of log policy of `melodies` [N, T], in nats, when nothing was heard before them.

    The Note RNN is the policy None. Tunes of people that neither has seen tell whether the agent still knows music.
    """
    count, length = melodies.shape
    profile = replace(load_profile(environment.get("reward", "paper")), rules=(), masks=())  # people obey no masks
    changes = {"reward": profile, "length": length, "priming": "none", "primer": None, "fixed": None}
    engine = MelodyEngine(count, **{**environment, **changes})
    engine.reset()
    player = _player(policy, engine.setting, trained_in)
    player.begin(count)
    total = 0.0
    for tokens in melodies.T:
        log_policy = log_softmax(player.scores(engine.observations(), engine.prior_log_probs))
        total += float(log_policy[np.arange(count), tokens].sum())
        engine.step(tokens)
    return total / melodies.size


def _joined(parts: list[Pieces]) -> Pieces:
    """Return the pieces of all `parts` as one."""

    def join(values: Iterable[npt.NDArray[Any]]) -> Any:
        return np.concatenate(list(values))

    finished = [part.finished for part in parts]
    return Pieces(
        FinishedPieces(
            join(part.melodies for part in finished),
            {name: join(part.rules[name] for part in finished) for name in finished[0].rules},
            join(part.music_theory for part in finished),
            join(part.log_prob for part in finished),
            join(part.returns for part in finished),
        ),
        join(part.primers for part in parts),
        join(part.entropy for part in parts),
        join(part.kl for part in parts),
        join(part.probabilities for part in parts),
        parts[0].setting,
        parts[0].primer,
    )


def compose(
    model: BaseAlgorithm | NoteRNN | str | Path,
    n: int,
    seed: int = 0,
    temperature: float = 1.0,
    keep_primer: bool = False,
    strength: float = 1.0,
    best_of: int = 1,
    diverse: bool = False,
    **environment: Any,
) -> Tokens:
    """Return `n` melodies [n, T] by an agent, a run's newest agent (its folder), a saved agent (.zip) or a Note RNN.

    `environment` are keyword arguments of `MelodyComposition-v0` that differ from those the agent was trained with.
    `primer` is what the melodies start from (see `note_rnn.read_primer`): all that compose have heard it; with
    `keep_primer` it is part of what is returned, [n, P + T]. `fixed` gives tokens by their steps, counted without the
    primer. An agent's `strength` is 0 as the Note RNN, 1 as it learned to be, or beyond. `best_of` times as many are
    composed and those with the highest rewards kept; if `diverse`, such as are unlike each other. The same arguments
    give the same melodies. Raises RunError or CheckpointError where there is nothing to load.
    """
    policy, trained_with = composer(model)
    environment, trained_in = {**trained_with, **environment}, setting_of(trained_with)
    pieces = compose_pieces(
        policy, n * best_of, seed, environment, temperature, trained_in=trained_in, strength=strength
    )
    kept = choose(pieces, n, diverse)
    return (pieces.with_primer() if keep_primer else pieces.melodies)[kept]


def choose(pieces: Pieces, n: int, diverse: bool) -> Rows:
    """Return which [n] of `pieces` to keep: the best of `n` equal groups or, if `diverse`, good ones of all kinds."""
    rewards = pieces.finished.returns
    return good_and_various(pieces.melodies, rewards, n) if diverse else best_of_each(rewards, n)


def composer(model: BaseAlgorithm | NoteRNN | str | Path) -> tuple[BasePolicy | None, dict[str, Any]]:
    """Return the policy of `model` (None for a Note RNN) and the environment it belongs to."""
    if isinstance(model, NoteRNN):
        return None, {"prior": model}
    if isinstance(model, BaseAlgorithm):
        return model.policy, _environment_of(model)
    if Path(model).is_dir():
        return load_run(model)
    if Path(model).suffix == ".zip":
        return composer(load_agent(model))
    try:
        return None, {"prior": load_note_rnn(model)}
    except CheckpointError as error:
        raise CheckpointError(f"{model} is no run's folder, no saved agent (.zip) and no Note RNN: {error}") from error


def load_run(path: str | Path) -> tuple[BasePolicy, dict[str, Any]]:
    """Return the newest policy of the run in the folder `path`, and the environment it was trained in."""
    run = RunDirectory.open(path)
    config = TrainConfig.saved(run.read_json("config.json"))
    return load_agent(run.newest_checkpoint(), algorithm_class(config.algo)).policy, config.environment()


def load_agent(path: str | Path, kind: type[BaseAlgorithm] | None = None, **arguments: Any) -> BaseAlgorithm:
    """Return the agent saved in the file `path`, given further `arguments` of its `load`.

    `kind` is the algorithm that saved it, None one of ours. Raises CheckpointError if the file is missing or damaged.
    """
    try:
        return (kind or _saved_kind(path)).load(path, **arguments)
    except Exception as error:  # unpickling a damaged file can raise anything
        raise CheckpointError(f"{path} holds no agent that can be loaded: {error}") from error


def _saved_kind(path: str | Path) -> type[BaseAlgorithm]:
    """Return the algorithm of ours that saved the file `path`, as its policy tells."""
    data, _, _ = load_from_zip_file(path)
    policy = data["policy_class"] if data else None
    return PPOKL if policy in PPOKL.policy_aliases.values() else RecurrentDQN


def _environment_of(model: BaseAlgorithm) -> dict[str, Any]:
    """Return the arguments of the environment that can be read off `model`: observation, setting, prior."""
    setting: Setting = getattr(model, "setting", None) or Setting()
    own_prior = getattr(model.policy, "prior", None)
    prior = load_note_rnn() if own_prior is None else own_prior.transposed(-setting.transposition)
    space = model.observation_space
    arguments = {**setting.as_dict(), "prior": prior, "observation": kind_of(space)}
    if isinstance(space, spaces.MultiDiscrete):
        arguments["length"] = int(space.nvec[POSITION]) - 1
    return arguments
