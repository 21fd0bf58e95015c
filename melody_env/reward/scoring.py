"""Scores of whole melodies: every rule of a profile at every step.

Shapes: B melodies, T steps, R rules.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.profile import RewardProfile
from melody_env.reward.profile_yaml import load_profile
from melody_env.setting import PAPER_SETTING, Setting, SettingError
from note_rnn.vocabulary import Tokens, VocabularyError, check_tokens

_BLOCK = 2048
"""Melodies replayed at a time: as many as fit the processor's cache."""


@dataclass(frozen=True)
class MelodyScores:
    """The values of a profile's rules for B melodies."""

    rules: dict[str, Floats]
    """For each rule, the value [B, T] of every token given those before it, neither weighted nor divided by c."""
    music_theory: Floats
    """r_MT [B, T], the weighted sum of the rules (in the paper's profile all weights are 1)."""


def score_melodies(
    tokens: npt.ArrayLike,
    profile: str | Path | RewardProfile = "paper",
    setting: Setting | None = None,
    forms: Sequence[str] | None = None,
    chords: Sequence[str] | None = None,
) -> MelodyScores:
    """Score each token of `tokens` [B, T] with the rules of `profile` (a name, a YAML file or a RewardProfile).

    The musical `setting` defaults to that of the profile; every melody is scored as a complete piece. If the setting
    has several forms, `forms` [B] names that of each melody, as `FinishedPieces.forms` does, and `chords` [B] likewise;
    only rules of form and of chords need them. Raises VocabularyError for tokens outside 0..37 or another shape,
    ProfileError for an invalid profile, SettingError for unknown forms or chords, RuleError for a rule without its own.
    """
    profile = load_profile(profile)
    melodies = check_melodies(tokens)
    size, length = melodies.shape
    setting = setting or profile.setting
    rows_of_forms = None if forms is None else form_numbers(forms, size, setting)
    rows_of_chords = None if chords is None else progression_numbers(chords, size, setting)
    values = np.empty((len(profile.rules), length, size))
    music_theory = np.empty((length, size))
    for rows, composition in replay(melodies, setting, rows_of_forms, rows_of_chords):
        t = composition.position - 1
        values[:, t, rows] = scores = profile.score(composition)
        music_theory[t, rows] = profile.music_theory(scores)
    rules = {name: value.T for name, value in zip(profile.rule_names, values, strict=True)}
    return MelodyScores(rules, music_theory.T)


def form_numbers(forms: Sequence[str], size: int, setting: Setting) -> npt.NDArray[np.int64]:
    """Return the numbers [B] in `setting.forms` of the names `forms`, one for each of `size` melodies.

    Raises SettingError for another number of names, or one that the setting does not have.
    """
    return _numbers("forms", forms, [form.name for form in setting.forms], size)


def progression_numbers(chords: Sequence[str], size: int, setting: Setting) -> npt.NDArray[np.int64]:
    """Return the numbers [B] in `setting.progressions` of the texts `chords`, one for each of `size` melodies.

    Raises SettingError for another number of texts, or one that the setting does not have.
    """
    return _numbers("chords", chords, [progression.text for progression in setting.progressions], size)


def _numbers(argument: str, given: Sequence[str], names: list[str], size: int) -> npt.NDArray[np.int64]:
    if len(given) != size or not {*given} <= {*names}:
        raise SettingError(f"{argument} must name one of {', '.join(names) or 'none'} for each of {size} melodies.")
    return np.array([names.index(name) for name in given])


def replay(
    melodies: Tokens,
    setting: Setting = PAPER_SETTING,
    forms: npt.NDArray[np.int64] | None = None,
    progressions: npt.NDArray[np.int64] | None = None,
) -> Iterator[tuple[slice, Composition]]:
    """Compose `melodies` [B, T] again, in blocks of rows; yield rows and composition after every token.

    `forms` and `progressions` [B] are the numbers of those of each, if the setting has several.
    """
    size, length = melodies.shape
    for start in range(0, size, _BLOCK):
        rows = slice(start, min(start + _BLOCK, size))
        columns = np.ascontiguousarray(melodies[rows].T)
        of_block = [None if numbers is None else numbers[rows] for numbers in (forms, progressions)]
        composition = Composition(columns.shape[1], length, setting, None, *of_block)
        for column in columns:
            composition.append(column)
            yield rows, composition


def check_melodies(tokens: npt.ArrayLike) -> Tokens:
    """Return `tokens` as an int64 array [B, T] with at least one melody and one step; raises VocabularyError."""
    melodies = check_tokens(tokens, ndim=2)
    if melodies.size == 0:
        raise VocabularyError(f"Expected melodies [B, T] of at least one token, got shape {melodies.shape}.")
    return melodies
