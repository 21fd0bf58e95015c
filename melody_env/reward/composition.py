"""The state of B melodies composed in lockstep, and the memories that rules share.

Shapes: B melodies, T steps, t the step of a token (0-based). Arrays are time-major, [T, B], so that a step is a row.
"""

from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar, cast

import numpy as np
import numpy.typing as npt

from melody_env.chord_steps import HarmonySteps
from melody_env.form_steps import FormSteps
from melody_env.setting import PAPER_SETTING, Setting
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, NO_EVENT, VOCABULARY_SIZE

Tokens8 = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]
Integer = TypeVar("Integer", bound=np.signedinteger)

_tokens = np.arange(VOCABULARY_SIZE)
_FIRST_PAIR = _tokens * VOCABULARY_SIZE
"""[38]; the first of the pairs of a previous pitch."""
_LAST_PITCH = np.where(_tokens < FIRST_PITCH_TOKEN, _tokens[:, None], _tokens).astype(np.int8).ravel()
"""[38 * 38]; the last pitch after each pair."""


class Memory(Protocol):
    """State that rules need from step to step, updated token by token with O(1) or O(T) array work.

    Built as `kind(composition, *parameters)`, in the state of an empty composition.
    """

    def update(self, composition: "Composition", t: int) -> None:
        """Take in token `t` of every melody; later tokens may exist and must not be read."""


M = TypeVar("M", bound=Memory)


class Composition:
    """The tokens so far of B melodies of T steps, all at the same step."""

    def __init__(
        self,
        batch_size: int,
        length: int,
        setting: Setting = PAPER_SETTING,
        priming_tokens: npt.NDArray[np.integer] | None = None,
        forms: npt.NDArray[np.integer] | None = None,
        progressions: npt.NDArray[np.integer] | None = None,
    ):
        self.batch_size = batch_size
        self.length = length
        self.setting = setting
        """Key, mode, meter ...; its `length` is that of whole pieces, while T is that of these melodies."""
        self.priming_tokens: npt.NDArray[np.integer] = (
            np.full(batch_size, NO_EVENT, np.int8) if priming_tokens is None else priming_tokens
        )
        """[B]; the token that precedes each melody without being part of it."""
        form = _known(len(setting.forms), setting, batch_size, length, forms)
        self.form: FormSteps | None = None if form is None else setting.form_steps.of(form)
        """What the form of each melody, given by its number in `forms` [B], says of each step [T, B]; None without
        form, and where it is not known which of several it is or the melodies are not as long as whole pieces."""
        harmony = _known(len(setting.progressions), setting, batch_size, length, progressions)
        self.harmony: HarmonySteps | None = None if harmony is None else setting.harmony_steps.of(harmony)
        """The same of the chords of each melody, given by the numbers of `progressions` [B]."""
        self.position = 0
        """Number of tokens so far, 0..T; the newest token is that of step t = position - 1."""
        self.tokens: Tokens8 = np.zeros((length, batch_size), np.int8)
        """[T, B]; rows from `position` on are not filled yet."""
        self.tokens_in_c = self.tokens if setting.semitones_from_c == 0 else np.zeros_like(self.tokens)
        """[T, B]; the tokens transposed as if the tonic were C, not limited to 2..37."""
        self.previous_pitches: Tokens8 = np.zeros((length + 1, batch_size), np.int8)
        """[T + 1, B]; row t is the last pitch token (2..37) before step t, 0 if there is none."""
        self.pitch_pairs: npt.NDArray[np.intp] = np.zeros((length, batch_size), np.intp)
        """[T, B]; 38 * previous pitch + token, an index into tables over pairs."""
        self._memories: dict[tuple[object, ...], Memory] = {}

    @property
    def newest(self) -> Tokens8:
        """The tokens [B] appended last."""
        return cast(Tokens8, self.tokens[self.position - 1])

    @property
    def is_complete(self) -> bool:
        """Whether all T steps are composed."""
        return self.position == self.length

    def append(self, tokens: npt.NDArray[np.integer]) -> None:
        """Append one token (0..37, unchecked) to each melody: `tokens` [B]."""
        t = self.position
        self.tokens[t] = tokens
        if self.tokens_in_c is not self.tokens:
            self.tokens_in_c[t] = in_c(self.tokens[t], self.setting)
        pairs = self.pitch_pairs[t]
        np.add(_FIRST_PAIR.take(self.previous_pitches[t]), tokens, out=pairs)
        self.previous_pitches[t + 1] = _LAST_PITCH.take(pairs)
        self.position = t + 1
        for memory in self._memories.values():
            memory.update(self, t)

    def select(self, rows: npt.NDArray[np.integer]) -> None:
        """Go on with the melodies `rows` [B] of the B, some of them several times, others not at all."""
        shared = self.tokens_in_c is self.tokens
        self.tokens = self.tokens.take(rows, axis=1)
        self.tokens_in_c = self.tokens if shared else self.tokens_in_c.take(rows, axis=1)
        self.previous_pitches = self.previous_pitches.take(rows, axis=1)
        self.pitch_pairs = self.pitch_pairs.take(rows, axis=1)
        self.priming_tokens = self.priming_tokens[rows]
        self.form = None if self.form is None else self.form.of(rows)
        self.harmony = None if self.harmony is None else self.harmony.of(rows)
        self._memories = {}  # rebuilt on request

    def memory(self, kind: Callable[..., M], *parameters: Hashable) -> M:
        """Return the up-to-date memory of this kind with these parameters, built when first requested."""
        key = (kind, *parameters)
        memory = self._memories.get(key)
        if memory is None:
            memory = self._memories[key] = kind(self, *parameters)
            for t in range(self.position):
                memory.update(self, t)
        return cast(M, memory)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_memories": {}}  # rebuilt on request


def in_c(tokens: npt.NDArray[Integer], setting: Setting) -> npt.NDArray[Integer]:
    """Return `tokens` with pitches transposed as if the tonic were C, so that they do not depend on the key."""
    if setting.semitones_from_c == 0:
        return tokens
    return tokens - np.multiply(tokens >= FIRST_PITCH_TOKEN, setting.semitones_from_c, dtype=tokens.dtype)


def _known(
    number: int, setting: Setting, batch_size: int, length: int, given: npt.NDArray[np.integer] | None
) -> npt.NDArray[np.integer] | None:
    """Return which of `number` forms or progressions each melody has [B], as `given`; None if that is not known."""
    if number == 0 or length != setting.steps or (given is None and number > 1):
        return None
    return np.zeros(batch_size, np.int64) if given is None else given
