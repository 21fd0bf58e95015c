"""The engine under the environment's three faces: B pieces in lockstep, rewarded by rules and Note RNN.

Shapes: B pieces, T steps, A = 38 tokens, R rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import Space, spaces
from gymnasium.error import ResetNeeded
from gymnasium.utils.seeding import np_random

from melody_env.envs.masking import nearest_allowed
from melody_env.envs.observations import observe, space_of
from melody_env.envs.specification import EnvironmentSpec
from melody_env.reward.composition import Composition, Floats
from melody_env.setting import Flags, Setting
from note_rnn import State
from note_rnn.common.errors import check_count
from note_rnn.vocabulary import NO_EVENT, VOCABULARY_SIZE, Tokens, VocabularyError, check_tokens

Floats32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FinishedPieces:
    """B whole pieces and what they earned, summed over their T steps."""

    melodies: Tokens
    """[B, T]; without the priming note."""
    rules: dict[str, Floats]
    """Per rule the sum [B] of its values, unscaled."""
    music_theory: Floats
    """Sum of r_MT [B], the weighted rules, not yet divided by c."""
    log_prob: Floats
    """Sum of log p(a|s) [B] of the Note RNN."""
    returns: Floats
    """Sum of the rewards [B], undiscounted."""

    def infos(self) -> list[dict[str, Any]]:
        """Return for each piece the `info` of its last step."""
        sums = np.array(list(self.rules.values())).reshape(len(self.rules), len(self.melodies)).T.tolist()
        return [
            {
                "melody": melody,
                "rules": dict(zip(self.rules, values, strict=True)),
                "music_theory": music_theory,
                "log_prob": log_prob,
            }
            for melody, values, music_theory, log_prob in zip(
                self.melodies.copy(), sums, self.music_theory.tolist(), self.log_prob.tolist(), strict=True
            )
        ]


class MelodyEngine:
    """B pieces of T steps, all at the same step; the Note RNN is evaluated once per step for all of them.

    The reward of token a is log p(a|s) + r_MT(s, a) / c (paper, equation 3). The Note RNN is conditioned on the priming
    token and the piece so far; the rules see the piece alone. Raises InputError for a number of pieces below 1.
    """

    def __init__(self, num_pieces: int, environment: EnvironmentSpec):
        self.num_pieces = check_count("num_envs", num_pieces)
        self.environment = environment
        self.profile = environment.profile
        """Of the environment, but for c, which can be changed between steps."""
        self.length = environment.setting.steps
        self.prior = environment.prior_in_key
        """The Note RNN in the key of the setting."""
        self._first_state = self._heard_by_all(() if self.primer is None else self.primer[:-1])
        self.rngs: list[np.random.Generator] = []
        """One generator for each piece, made when first needed; it draws the priming tokens."""
        self.composition: Composition | None = None
        """The pieces so far; None before the first reset."""
        self.last_tokens: Tokens
        """What was heard last [B]: the priming tokens at the start, then the newest tokens."""
        self.prior_log_probs: Floats32
        """log p [B, A] of each token that could come next."""
        self.log_prob: Floats32
        """log p(a|s) [B] of the newest tokens."""
        self.rule_values: Floats
        """What each rule says of the newest tokens [R, B], unscaled."""
        self.music_theory: Floats
        """r_MT [B] of the newest tokens."""
        self.finished: FinishedPieces | None = None
        """The pieces that were completed last; a reset leaves them."""

    @property
    def setting(self) -> Setting:
        """Key, mode, meter, length, range and tempo."""
        return self.environment.setting

    @property
    def primer(self) -> Tokens | None:
        """The tokens [P] that precede every piece, if not a priming token."""
        return self.environment.primer

    @property
    def observation_space(self) -> Space[Any]:
        """The space of one piece's observation."""
        return space_of(self.environment.observation, self.length)

    @property
    def action_space(self) -> spaces.Discrete:
        """The space of one piece's action."""
        return spaces.Discrete(VOCABULARY_SIZE)

    def seed(self, seeds: Sequence[int | None]) -> None:
        """Seed the generator of piece i with `seeds[i]`, as Gymnasium seeds an environment; None leaves it as it is."""
        rngs: Sequence[np.random.Generator | None] = self.rngs or [None] * self.num_pieces
        self.rngs = [
            np_random(seed)[0] if rng is None or seed is not None else rng
            for rng, seed in zip(rngs, seeds, strict=True)
        ]

    def reset(self) -> None:
        """Start B new pieces: draw the priming tokens and let the Note RNN hear them."""
        if self.primer is not None:
            primers = np.full(self.num_pieces, self.primer[-1])
        elif self.environment.priming == "random_note":
            if not self.rngs:
                self.seed([None] * self.num_pieces)
            primers = np.array([rng.integers(VOCABULARY_SIZE) for rng in self.rngs])
        else:
            primers = np.full(self.num_pieces, NO_EVENT)
        self.composition = Composition(self.num_pieces, self.length, self.setting, primers)
        self._rule_sums = np.zeros((len(self.profile.rules), self.num_pieces))
        self._sums = np.zeros((3, self.num_pieces))
        self._state = self._first_state
        self._hear(primers)

    def step(self, actions: npt.ArrayLike) -> tuple[Floats32, FinishedPieces | None]:
        """Append `actions` [B] to the pieces; return the rewards [B] and, after the last step, the whole pieces.

        A forbidden token is not played: the nearest allowed one is, and is rewarded. Raises VocabularyError if the
        actions are not B tokens, ResetNeeded if there are no pieces to go on with, RuleError for a rule that fails.
        """
        if self.composition is None or self.composition.is_complete:
            raise ResetNeeded("There is no piece to go on with: call reset() to start one.")
        tokens = check_tokens(actions, ndim=1)
        if len(tokens) != self.num_pieces:
            raise VocabularyError(f"Expected one token for each of {self.num_pieces} pieces, got {len(tokens)}.")
        if self.forbids:
            tokens = nearest_allowed(tokens, self._allowed)
        self.log_prob = self.prior_log_probs[np.arange(self.num_pieces), tokens]
        self.composition.append(tokens)
        self.rule_values = self.profile.score(self.composition)
        self.music_theory = self.profile.music_theory(self.rule_values)
        total = self.music_theory / self.profile.c
        if self.profile.log_prior:
            total += self.log_prob
        rewards = total.astype(np.float32)
        self._rule_sums += self.rule_values
        self._sums += (self.music_theory, self.log_prob, rewards)
        if self.composition.is_complete:
            self.last_tokens = tokens
            self.finished = self._whole_pieces(self.composition)
            return rewards, self.finished
        self._hear(tokens)
        return rewards, None

    @property
    def forbids(self) -> bool:
        """Whether there is any token that may not always come."""
        return self.profile.forbids or bool(self.environment.fixed)

    def action_masks(self) -> Flags:
        """Return which tokens may come next [B, A]: a fixed one, else those in range and masks; all at the end."""
        if not self.forbids or self.composition is None or self.composition.is_complete:
            return np.ones((self.num_pieces, VOCABULARY_SIZE), np.bool_)
        return self._allowed.copy()

    def observations(self) -> npt.NDArray[np.int64]:
        """Return what is seen of each piece [B, ...]."""
        return observe(self.environment.observation, self.last_tokens, self.composition)

    def observations_of(self, token: int) -> npt.NDArray[np.int64]:
        """Return what is seen [B, ...] of a `token` of the primer, before the first step."""
        return observe(self.environment.observation, np.full(self.num_pieces, token), None)

    def melody(self, piece: int) -> Tokens:
        """Return the tokens that one piece has so far."""
        if self.composition is None:
            return np.zeros(0, np.int64)
        return self.composition.tokens[: self.composition.position, piece].astype(np.int64)

    @torch.inference_mode()
    def _hear(self, tokens: Tokens) -> None:
        """Let the Note RNN hear `tokens` [B] and say what it expects next; ask the masks what may come."""
        device = self.prior.head.weight.device
        log_probs, self._state = self.prior.step(torch.from_numpy(tokens).to(device), self._state)
        self.last_tokens = tokens
        self.prior_log_probs = log_probs.cpu().numpy()
        if self.forbids:
            self._allowed = self._allowed_next()

    def _allowed_next(self) -> Flags:
        assert self.composition is not None
        token = self.environment.fixed.get(self.composition.position)
        if token is None:
            return self.profile.allowed(self.composition)
        return np.tile(np.arange(VOCABULARY_SIZE) == token, (self.num_pieces, 1))

    @torch.inference_mode()
    def _heard_by_all(self, tokens: npt.ArrayLike) -> State:
        """Return what the Note RNN remembers when all pieces have begun with `tokens` [P]."""
        state = self.prior.zero_state(1)
        heard = torch.as_tensor(np.asarray(tokens, np.int64)[:, None], device=state[0].device)
        if len(heard):
            _, state = self.prior(heard, state)
        return tuple(part.repeat(1, self.num_pieces, 1) for part in state)

    def _whole_pieces(self, composition: Composition) -> FinishedPieces:
        rules = dict(zip(self.profile.rule_names, self._rule_sums, strict=True))
        return FinishedPieces(composition.tokens.T.astype(np.int64), rules, *self._sums)
