"""The engine of all environment interfaces: B pieces in lockstep, rewarded by the rules and the Note RNN.

Shapes: B pieces, T steps, A = 38 tokens, R rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import Space, spaces
from gymnasium.error import ResetNeeded
from gymnasium.utils.seeding import np_random

from melody_env.envs.masking import nearest_allowed
from melody_env.envs.observations import observe
from melody_env.envs.specification import EnvironmentSpec
from melody_env.reward.composition import Composition, Floats
from melody_env.setting import Flags, Setting
from note_rnn.common.errors import check_count
from note_rnn.network.inference import inference, rows_of
from note_rnn.vocabulary import NO_EVENT, VOCABULARY_SIZE, Tokens, VocabularyError, check_tokens

Floats32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FinishedPieces:
    """B complete pieces and their rewards, summed over the T steps."""

    melodies: Tokens
    """[B, T]; without the priming token."""
    rules: dict[str, Floats]
    """For each rule, the sum [B] of its values, unscaled."""
    music_theory: Floats
    """Sum [B] of r_MT, the weighted rules, not divided by c."""
    log_prob: Floats
    """Sum [B] of the Note RNN's log p(a|s)."""
    returns: Floats
    """Sum [B] of the rewards, undiscounted."""
    forms: tuple[str, ...] = ()
    """The name [B] of each piece's form; empty without form."""
    chords: tuple[str, ...] = ()
    """The chords [B] of each piece as text, "C | Am | F G | C"; empty without chords."""

    def infos(self) -> list[dict[str, Any]]:
        """Return for each piece the `info` of its last step."""
        sums = np.array(list(self.rules.values())).reshape(len(self.rules), len(self.melodies)).T.tolist()
        infos: list[dict[str, Any]] = [
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
        for name, values in (("form", self.forms), ("chords", self.chords)):
            for info, value in zip(infos, values, strict=False):
                info[name] = value
        return infos


class MelodyEngine:
    """B pieces of T steps, all at the same step, with one evaluation of the Note RNN per step for all of them.

    The reward of token a is log p(a|s) + r_MT(s, a) / c (paper, equation 3). The Note RNN is conditioned on the priming
    token and the piece so far; the paper's rules depend on the piece alone. Raises InputError for fewer than one piece.
    """

    def __init__(self, num_pieces: int, environment: EnvironmentSpec):
        self.num_pieces = check_count("num_envs", num_pieces)
        self.environment = environment
        self.profile = environment.profile
        """The environment's profile, except for c, which can be changed between steps."""
        self.length = environment.setting.steps
        self.prior = environment.prior_in_key
        """The Note RNN in the key of the setting."""
        self._inference = inference(self.prior, self.num_pieces)
        self._first_state = self._inference.state_after(
            np.zeros(0, np.int64) if self.primer is None else self.primer[:-1]
        )
        self._rows = np.arange(self.num_pieces) * VOCABULARY_SIZE
        self.rngs: list[np.random.Generator] = []
        """One generator per piece, which draws its priming tokens; created when first needed."""
        self.composition: Composition | None = None
        """The pieces so far; None before the first reset."""
        self.last_tokens: Tokens
        """The last tokens [B]: the newest of the pieces, or at the start the priming tokens."""
        self.prior_log_probs: Floats32
        """log p [B, A] of every possible next token."""
        self.log_prob: Floats32
        """log p(a|s) [B] of the newest tokens."""
        self.rule_values: Floats
        """Each rule's values for the newest tokens [R, B], unscaled."""
        self.music_theory: Floats
        """r_MT [B] of the newest tokens."""
        self._allowed: Flags
        self.finished: FinishedPieces | None = None
        """The pieces completed last; a reset keeps them."""

    @property
    def setting(self) -> Setting:
        """Key, mode, meter, length, range, tempo, form and chords."""
        return self.environment.setting

    @property
    def primer(self) -> Tokens | None:
        """The tokens [P] that precede every piece in place of a priming token, or None."""
        return self.environment.primer

    @property
    def observation_space(self) -> Space[Any]:
        """The space of one piece's observation."""
        return self.environment.observation_space

    @property
    def action_space(self) -> spaces.Discrete:
        """The space of one piece's action."""
        return spaces.Discrete(VOCABULARY_SIZE)

    def seed(self, seeds: Sequence[int | None]) -> None:
        """Seed the generator of piece i with `seeds[i]`, as Gymnasium seeds an environment; None keeps its state.

        Raises InputError for a seed that is not a whole number of at least 0.
        """
        for seed in seeds:
            if seed is not None:
                check_count("seed", seed, minimum=0)
        rngs: Sequence[np.random.Generator | None] = self.rngs or [None] * self.num_pieces
        self.rngs = [
            np_random(None if seed is None else int(seed))[0] if rng is None or seed is not None else rng
            for rng, seed in zip(rngs, seeds, strict=True)
        ]

    def reset(self) -> None:
        """Start B new pieces: draw priming tokens, forms and chords, and condition the Note RNN on the tokens."""
        if self.primer is not None:
            primers = np.full(self.num_pieces, self.primer[-1])
        elif self.environment.priming == "random_note":
            primers = self._drawn(VOCABULARY_SIZE)
        else:
            primers = np.full(self.num_pieces, NO_EVENT)
        forms = self._drawn_of(len(self.setting.forms))
        progressions = self._drawn_of(len(self.setting.progressions))
        self._forms = () if forms is None else tuple(self.setting.forms[form].name for form in forms)
        texts = [progression.text for progression in self.setting.progressions]
        self._chords = () if progressions is None else tuple(texts[number] for number in progressions)
        self.composition = Composition(self.num_pieces, self.length, self.setting, primers, forms, progressions)
        self._rule_sums = np.zeros((len(self.profile.rules), self.num_pieces))
        self._music_theory_sums, self._log_prob_sums, self._returns = np.zeros((3, self.num_pieces))
        self._state = self._first_state
        self._advance(primers)

    def _drawn_of(self, number: int) -> Tokens | None:
        """Return for each piece [B] one of `number` forms or progressions, drawn where there are several; None of 0."""
        if number > 1:
            return self._drawn(number)
        return np.zeros(self.num_pieces, np.int64) if number else None

    def _drawn(self, number: int) -> Tokens:
        """Return a number from 0 to `number` - 1 for each piece [B], drawn by its generator."""
        if not self.rngs:
            self.seed([None] * self.num_pieces)
        return np.array([rng.integers(number) for rng in self.rngs])

    def step(self, actions: npt.ArrayLike, enforces_masks: bool = True) -> tuple[Floats32, FinishedPieces | None]:
        """Append `actions` [B] to the pieces; return the rewards [B] and, after the last step, the complete pieces.

        With `enforces_masks` a forbidden token is replaced by the nearest allowed one. Raises VocabularyError if
        `actions` are not B tokens, ResetNeeded if no piece is in progress, RuleError for a rule that fails.
        """
        if self.composition is None or self.composition.is_complete:
            raise ResetNeeded("No piece is in progress: call reset() to start one.")
        tokens = check_tokens(actions, ndim=1)
        if len(tokens) != self.num_pieces:
            raise VocabularyError(f"Expected one token for each of {self.num_pieces} pieces, got {len(tokens)}.")
        if self.forbids and enforces_masks:
            tokens = nearest_allowed(tokens, self._allowed)
        self.log_prob = self.prior_log_probs.take(self._rows + tokens)
        self.composition.append(tokens)
        self.rule_values = self.profile.score(self.composition)
        self.music_theory = self.profile.music_theory(self.rule_values)
        reward = self.music_theory / self.profile.c
        if self.profile.log_prior:
            reward += self.log_prob
        rewards = reward.astype(np.float32)
        self._rule_sums += self.rule_values
        self._music_theory_sums += self.music_theory
        self._log_prob_sums += self.log_prob
        self._returns += rewards
        if self.composition.is_complete:
            self.last_tokens = tokens
            self.finished = self._finished_pieces(self.composition)
            return rewards, self.finished
        self._advance(tokens)
        return rewards, None

    def select(self, rows: npt.NDArray[np.int64]) -> None:
        """Go on with the pieces `rows` [B] of the B in progress, some of them several times, others not at all.

        Their priming tokens, forms, chords, states and rewards so far go with them; the generators stay.
        """
        if self.composition is None or self.composition.is_complete:
            raise ResetNeeded("No piece is in progress: call reset() to start one.")
        self.composition.select(rows)
        self._forms = tuple(self._forms[row] for row in rows) if self._forms else ()
        self._chords = tuple(self._chords[row] for row in rows) if self._chords else ()
        self._rule_sums = self._rule_sums[:, rows]
        self._music_theory_sums, self._log_prob_sums, self._returns = (
            sums[rows] for sums in (self._music_theory_sums, self._log_prob_sums, self._returns)
        )
        self._state = rows_of(self._state, rows)
        self.prior_log_probs, self.last_tokens = self.prior_log_probs[rows], self.last_tokens[rows]
        if self.forbids:
            self._allowed = self._allowed[rows]

    @property
    def forbids(self) -> bool:
        """Whether any token can be forbidden."""
        return self.profile.forbids or bool(self.environment.fixed)

    def action_masks(self) -> Flags:
        """Return the tokens allowed next [B, A]: the fixed one, or those within range and masks; at the end, all."""
        if not self.forbids or self.composition is None or self.composition.is_complete:
            return np.ones((self.num_pieces, VOCABULARY_SIZE), np.bool_)
        return self._allowed.copy()

    def observations(self) -> npt.NDArray[np.int64]:
        """Return the observation [B, ...] of each piece."""
        return self._observed(self.last_tokens, self.composition)

    def observations_of(self, token: int) -> npt.NDArray[np.int64]:
        """Return the observations [B, ...] of a `token` of the primer, before the first step."""
        return self._observed(np.full(self.num_pieces, token), None)

    def _observed(self, last_tokens: Tokens, composition: Composition | None) -> npt.NDArray[np.int64]:
        environment = self.environment
        shown = environment.observation, environment.shows_form, environment.shows_chords
        return observe(*shown, last_tokens, composition, environment.observed_length)

    def melody(self, piece: int) -> Tokens:
        """Return the tokens of one piece so far."""
        if self.composition is None:
            return np.zeros(0, np.int64)
        return self.composition.tokens[: self.composition.position, piece].astype(np.int64)

    def _advance(self, tokens: Tokens) -> None:
        """Condition the Note RNN on `tokens` [B]; update log p and the allowed tokens of the next step."""
        self.prior_log_probs, self._state = self._inference.step(tokens, self._state)
        self.last_tokens = tokens
        if self.forbids:
            self._allowed = self._allowed_next()

    def _allowed_next(self) -> Flags:
        assert self.composition is not None
        token = self.environment.fixed.get(self.composition.position)
        if token is None:
            return self.profile.allowed(self.composition)
        return np.tile(np.arange(VOCABULARY_SIZE) == token, (self.num_pieces, 1))

    def _finished_pieces(self, composition: Composition) -> FinishedPieces:
        rules = dict(zip(self.profile.rule_names, self._rule_sums, strict=True))
        sums = self._music_theory_sums, self._log_prob_sums, self._returns
        return FinishedPieces(composition.tokens.T.astype(np.int64), rules, *sums, self._forms, self._chords)
