"""Observations: the last token, the position, lookback features, the chords and the form of a piece.

Shapes: B pieces, T steps, L steps of the pieces that an agent was trained for.
"""

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from gymnasium import Space, spaces

from melody_env.chord_steps import NO_PITCH_CLASS, HarmonySteps
from melody_env.form_steps import NONE, FormSteps
from melody_env.reward.composition import Composition
from melody_env.reward.rules.human.sections import SectionMatches
from melody_env.reward.rules.paper.extremes import UniqueExtremes
from note_rnn.vocabulary import VOCABULARY_SIZE, Tokens

Observation = Literal["position", "token", "lookback"]
OBSERVATIONS: tuple[str, ...] = get_args(Observation)

POSITION = 1
"""The column of the position in observations of several columns."""

NOTHING = VOCABULARY_SIZE
"""Stands for a missing token."""

LOOKBACK_FEATURES = 4
"""Columns of "lookback" besides the last token and the position."""

LONGEST_REMAINING = 32
"""Steps to the next chord and to the end of a section are distinguished up to so many."""
OUTSIDE, TONE, STRONG_TONE = range(3)
"""A pitch class in the columns of chords: not of the chord, of the chord, of the chord and on a strong beat."""
_CHORD = NO_PITCH_CLASS + 1
_CHORDS = (_CHORD, *[STRONG_TONE + 1] * NO_PITCH_CLASS, _CHORD, *[TONE + 1] * NO_PITCH_CLASS, LONGEST_REMAINING + 1)
"""Sizes of the columns of chords, which precede those of form: the root, and the twelve pitch classes; the same of the
next chord; steps to that or to the end of the piece."""

FORM_TOKENS = 3
"""The columns of form that are tokens, before the others."""
LARGEST_BALANCE = 8
"""Events kept beyond what the form asks for, or missing from it, are distinguished up to so many."""
_FORM = (*[NOTHING + 1] * FORM_TOKENS, LONGEST_REMAINING + 1, LONGEST_REMAINING + 1, 2 * LARGEST_BALANCE + 1)
"""Sizes of the columns of form, which are the last: the token due in an exact repeat, that due in a varied repeat, the
token at the same place of the section before a new one; steps to the end of the section; the same if it ends as the
piece does, else 0; the balance of what it keeps so far."""


def space_of(
    observation: str, trained_length: int, observes_form: bool = False, observes_chords: bool = False
) -> Space[Any]:
    """Return the space of the `observation` of an agent that is trained for pieces of `trained_length` steps."""
    if observation == "token":
        return spaces.Discrete(VOCABULARY_SIZE)
    lookback = [NOTHING + 1] * (LOOKBACK_FEATURES if observation == "lookback" else 0)
    chords = _CHORDS if observes_chords else ()
    form = _FORM if observes_form else ()
    return spaces.MultiDiscrete([VOCABULARY_SIZE, trained_length + 1, *lookback, *chords, *form])


def kind_of(space: Space[Any]) -> Observation:
    """Return the name of the observation that has this `space`."""
    if isinstance(space, spaces.MultiDiscrete):
        of_piece = observes_chords(space) * len(_CHORDS) + observes_form(space) * len(_FORM)
        return "position" if len(space.nvec) - (POSITION + 1) - of_piece == 0 else "lookback"
    return "token"


def observes_form(space: Space[Any]) -> bool:
    """Return whether an observation of this `space` has the columns of form."""
    return isinstance(space, spaces.MultiDiscrete) and tuple(space.nvec[POSITION + 1 :][-len(_FORM) :]) == _FORM


def observes_chords(space: Space[Any]) -> bool:
    """Return whether an observation of this `space` has the columns of chords."""
    if not isinstance(space, spaces.MultiDiscrete):
        return False
    before_form = space.nvec[POSITION + 1 : len(space.nvec) - observes_form(space) * len(_FORM)]
    return tuple(before_form[-len(_CHORDS) :]) == _CHORDS


def due_columns(space: Space[Any]) -> list[int]:
    """Return the columns of an observation of this `space` that are the tokens of form."""
    if not observes_form(space):
        return []
    first = space.shape[0] - len(_FORM)  # type: ignore[index]
    return list(range(first, first + FORM_TOKENS))


def are_tokens(columns: int) -> npt.NDArray[np.bool_]:
    """Return which of the `columns` of an observation of several are tokens."""
    has_chords = columns > len(_CHORDS)
    others = columns - (POSITION + 1) - has_chords * len(_CHORDS)
    has_form = others not in (0, LOOKBACK_FEATURES)
    form = columns - has_form * len(_FORM)
    flags = np.arange(columns) != POSITION
    flags[form - has_chords * len(_CHORDS) : form] = False
    flags[form + has_form * FORM_TOKENS :] = False
    return flags


def length_of(space: Space[Any]) -> int | None:
    """Return the steps of the pieces that an agent with this `space` was trained for, None if that does not tell."""
    if isinstance(space, spaces.MultiDiscrete) and len(space.nvec) > POSITION:
        return int(space.nvec[POSITION]) - 1
    return None


def observed_position(position: int, length: int, trained_length: int, bar: int) -> int:
    """Return what is observed as the position 0..L after `position` of `length` steps, of which a bar has `bar`.

    It is `position` in pieces of at most L = `trained_length` steps. A longer piece begins and ends like one of L; the
    middle half of that, in whole bars, is repeated between them (docs/experiments/longer-pieces.md).
    """
    if length <= trained_length:
        return position
    repeated = max(trained_length // 2 // bar, 1) * bar
    if repeated >= trained_length:
        repeated = max(trained_length // 2, 1)
    beginning = (trained_length - repeated) // 2
    end = trained_length - repeated - beginning
    if length - position <= end:
        return trained_length - (length - position)
    return position if position < beginning else beginning + (position - beginning) % repeated


def observe(
    observation: str,
    observes_form: bool,
    observes_chords: bool,
    last_tokens: Tokens,
    composition: Composition | None,
    trained_length: int,
) -> npt.NDArray[np.int64]:
    """Return the `observation` [B, ...] of pieces whose last tokens are `last_tokens` [B].

    "token" is these tokens alone; "position" adds the number of tokens so far, as `observed_position` counts them for
    an agent trained for pieces of `trained_length`. "lookback" also has the tokens half a bar and one bar before the
    next token, and the highest and the lowest note so far, `NOTHING` where missing: an agent can then repeat earlier
    tokens and keep track of the range without memory.

    With `observes_chords` there are 27 more, of the chord at the next step: its root, as a pitch class above that to
    which the Note RNN's C is transposed, and whether each of the twelve, from there up, is one of its tones (2 on a
    strong beat); the same of the next chord; the steps to that, up to 32. Root 12 is no chord.

    With `observes_form` there are six more: the token to be repeated exactly, the one to be repeated or varied, and in
    a new section the one at the same place of the section before; the steps to the end of the section, up to 32;
    the same if it ends as the piece does, else 0; and 8 plus the balance of the section so far, the events that it has
    kept beyond what human tunes keep, up to 8 either way. Without a `composition`, no token has been composed.
    """
    if observation == "token":
        return last_tokens.copy()
    has_lookback = observation == "lookback"
    chords = POSITION + 1 + has_lookback * LOOKBACK_FEATURES
    form = chords + observes_chords * len(_CHORDS)
    observations = np.zeros((len(last_tokens), form + observes_form * len(_FORM)), np.int64)
    observations[:, 0] = last_tokens
    observations[:, POSITION + 1 : chords] = NOTHING
    observations[:, form : form + FORM_TOKENS] = NOTHING
    if observes_chords:
        observations[:, [chords, chords + _CHORD]] = NO_PITCH_CLASS
    if composition is not None:
        sizes = composition.length, trained_length, composition.setting.steps_per_bar
        observations[:, POSITION] = observed_position(composition.position, *sizes)
        if has_lookback:
            _write_lookback(composition, observations[:, POSITION + 1 : chords])
        if observes_chords and composition.harmony is not None and not composition.is_complete:
            _write_chords(composition, composition.harmony, observations[:, chords:form])
        if observes_form and composition.form is not None and not composition.is_complete:
            _write_form(composition, composition.form, observations[:, form:])
    return observations


def _write_chords(composition: Composition, harmony: HarmonySteps, features: npt.NDArray[np.int64]) -> None:
    """Write what the `harmony` of `composition` says of the next token to `features` [B, 27]."""
    t, tones = composition.position, slice(1, _CHORD)
    home = composition.setting.transposition % 12
    for columns, numbers in ((features, harmony.chord[t]), (features[:, _CHORD:], harmony.following[t])):
        roots = harmony.table.roots[numbers]
        columns[:, 0] = np.where(roots == NO_PITCH_CLASS, NO_PITCH_CLASS, (roots - home) % 12)
        columns[:, tones] = np.roll(harmony.table.tones[numbers, :NO_PITCH_CLASS], -home, axis=1)
    features[:, tones] *= np.where(harmony.is_strong[t], STRONG_TONE, TONE)[:, None]
    features[:, -1] = np.minimum(harmony.remaining[t], LONGEST_REMAINING)


def _write_form(composition: Composition, form: FormSteps, features: npt.NDArray[np.int64]) -> None:
    """Write what the `form` of `composition` says of the next token to `features` [B, 6], NOTHING and 0."""
    t = composition.position
    repeated, is_varied = form.repeated[t], form.is_varied[t]
    exact, varied = np.where(is_varied, NONE, repeated), np.where(is_varied, repeated, NONE)
    for column, places in enumerate((exact, varied, form.earlier[0, t])):
        due = np.take_along_axis(composition.tokens, np.maximum(places, 0)[None], axis=0)[0]
        np.copyto(features[:, column], due, where=places != NONE)
    remaining = np.minimum(form.remaining[t], LONGEST_REMAINING)
    features[:, FORM_TOKENS] = remaining
    features[:, FORM_TOKENS + 1] = np.where(form.closes[t], remaining, 0)
    balance = np.rint(composition.memory(SectionMatches).balance(t)).astype(np.int64)
    features[:, FORM_TOKENS + 2] = balance.clip(-LARGEST_BALANCE, LARGEST_BALANCE) + LARGEST_BALANCE


def _write_lookback(composition: Composition, features: npt.NDArray[np.int64]) -> None:
    """Write the lookback features of `composition` to `features` [B, 4], which are `NOTHING`."""
    bar = composition.setting.steps_per_bar
    for column, lag in enumerate((-(-bar // 2), bar)):
        if composition.position >= lag:
            features[:, column] = composition.tokens[composition.position - lag]
    extremes = composition.memory(UniqueExtremes)
    np.copyto(features[:, 2], extremes.highest, where=extremes.highest > 0)
    features[:, 3] = extremes.lowest
