"""A player in real time: one melody, token by token, its own tokens and those that somebody else plays.

Shapes: A = 38 tokens.
"""

from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.algorithms.objectives import MASKED_LOGIT
from agents.composing.composers import Composer, load_composer
from agents.composing.pieces import begin_pieces
from agents.composing.players import Floats32
from melody_env import EnvironmentSpec, MelodyEngine
from note_rnn import InputError, NoteRNN, Tokens, read_primer
from note_rnn.common.categorical import draw, log_softmax
from note_rnn.common.errors import check_seed, check_temperature
from note_rnn.vocabulary import check_tokens


class NextToken(NamedTuple):
    """A token, and what it was drawn from."""

    token: int
    log_probs: Floats32
    """Log-probabilities [A] of all tokens, at the temperature and over the tokens that are allowed."""


class LivePlayer:
    """One melody by an agent or a Note RNN; `load` makes it. A player may be shared by threads.

    Observations, keys and masks are taken care of; rules are not evaluated.
    """

    def __init__(
        self, composer: Composer, environment: EnvironmentSpec, strength: float, temperature: float, seed: int
    ):
        self._environment = environment.changed(reward=replace(environment.profile, rules=()))
        self._player = composer.player(self._environment, strength)
        self._temperature = check_temperature("temperature", temperature)
        self._rng = np.random.default_rng(check_seed("seed", seed))
        self._lock = RLock()
        self._begin(self._environment)

    def prime(self, primer: str | Path | npt.ArrayLike) -> None:
        """Begin another melody after `primer`: tokens, notes, or a file; it does not count towards the length.

        Raises PrimerError for what is none of these.
        """
        setting = self._environment.setting
        tokens = read_primer(primer, semitones=setting.transposition)
        with self._lock:
            self._begin(self._environment.changed(primer=tokens))

    def next(self) -> NextToken:
        """Draw the next token and play it; raises InputError at the end of the piece."""
        with self._lock:
            log_probs = self.log_probs
            token = self.play(int(draw(log_probs[None], self._rng)[0]))
            return NextToken(token, log_probs)

    def play(self, token: int) -> int:
        """Play a `token` of somebody else's, and return it; one that range or masks forbid becomes the nearest allowed.

        Raises VocabularyError for what is no token, InputError at the end of the piece.
        """
        checked = check_tokens([token], ndim=1)
        with self._lock:
            self._check_not_complete()
            self._engine.step(checked)
            played = int(self._engine.last_tokens[0])
            self._listen()
            return played

    @property
    def log_probs(self) -> Floats32:
        """Log-probabilities [A] of the next token; raises InputError at the end of the piece."""
        with self._lock:
            self._check_not_complete()
            return self._log_probs.copy()

    @property
    def melody(self) -> Tokens:
        """The tokens so far, without the primer."""
        with self._lock:
            return self._engine.melody(0)

    @property
    def remaining(self) -> int:
        """Steps to the end of the piece."""
        with self._lock:
            return self._engine.length - len(self._engine.melody(0))

    def _begin(self, environment: EnvironmentSpec) -> None:
        self._engine = MelodyEngine(1, environment)
        self._engine.seed([int(self._rng.integers(2**31))])
        begin_pieces(self._player, self._engine)
        self._listen()

    def _listen(self) -> None:
        """Work out the log-probabilities of the next token, which advances the player's state."""
        engine = self._engine
        if self.remaining == 0:
            return
        scores = self._player.scores(engine.observations(), engine.prior_log_probs)
        if engine.forbids:
            scores = np.where(engine.action_masks(), scores, np.float32(MASKED_LOGIT))
        self._log_probs: Floats32 = log_softmax(scores / np.float32(self._temperature))[0]

    def _check_not_complete(self) -> None:
        if self.remaining == 0:
            raise InputError("The piece is complete: begin another with prime, or load a player of greater length.")


def load(
    model: BaseAlgorithm | NoteRNN | str | Path,
    strength: float = 1.0,
    temperature: float = 1.0,
    seed: int = 0,
    trust_code: bool = False,
    **environment: Any,
) -> LivePlayer:
    """Return a player in real time of an agent, a run's newest agent (its folder), an agent's weights or a Note RNN.

    `environment` are keyword arguments of `MelodyComposition-v0` that differ from those of the training, such as key
    and length; `strength` 0 plays like the Note RNN, 1 like the agent. Errors are those of `agents.compose`.
    """
    composer = load_composer(model, trust_code)
    return LivePlayer(composer, composer.environment.changed(**environment), strength, temperature, seed)
