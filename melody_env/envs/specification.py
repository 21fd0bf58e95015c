"""The environment specification: everything that determines rewards, masks and observations.

Shapes: P steps of a primer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypedDict, get_args

import numpy as np
import numpy.typing as npt
from gymnasium import Space

from melody_env.envs.observations import OBSERVATIONS, space_of
from melody_env.reward.profile import ProfileError, RewardProfile
from melody_env.reward.profile_yaml import load_profile
from melody_env.setting import Setting
from note_rnn.common.errors import InputError, check_choice, check_count
from note_rnn.network.checkpoint import load_note_rnn
from note_rnn.network.generation import Priming
from note_rnn.network.model import NoteRNN
from note_rnn.primers import read_primer
from note_rnn.vocabulary import Tokens, check_tokens

PRIMINGS: tuple[str, ...] = get_args(Priming)

_SETTING = tuple(each.name for each in fields(Setting))


class UnknownArgumentError(InputError, TypeError):
    """A keyword argument that the environment does not have."""


class EnvironmentArguments(TypedDict, total=False):
    """The keyword arguments of an environment; `MelodyCompositionEnv` documents them."""

    observation: str
    reward: str | Path | RewardProfile
    prior: str | Path | NoteRNN
    priming: str
    key: str | None
    mode: str | Sequence[int] | None
    meter: str | None
    length: int | str | None
    pitch_range: Sequence[int] | None
    tempo: float | None
    primer: str | Path | npt.ArrayLike | None
    fixed: Mapping[int, int] | None
    form: str | None
    chords: str | None
    trained_length: int | None
    observes_form: bool | None
    observes_chords: bool | None


@dataclass(frozen=True, eq=False)
class EnvironmentSpec:
    """A checked environment specification, built once per run and shared by training, composing and evaluation.

    Raises InputError for an unknown observation or priming, an invalid fixed token, a form or chords that the
    observation cannot show, or a Note RNN with weights that are not finite, ProfileError for the rule `form` without a
    form, and for rules and masks of chords without chords.
    """

    profile: RewardProfile
    """Rules, weights, c and masks, and the musical setting."""
    prior: NoteRNN
    """The Note RNN in the keys of its training, C major and A minor."""
    observation: str = "position"
    """The kind of observation; a name in OBSERVATIONS."""
    priming: str = "random_note"
    """The kind of priming token if there is no primer; a name in PRIMINGS."""
    primer: Tokens | None = None
    """The tokens [P] that precede every piece, in the key of the setting."""
    fixed: Mapping[int, int] = field(default_factory=dict)
    """Given tokens, by step."""
    trained_length: int | None = None
    """Steps of the pieces that the agent was trained for: it observes the positions of those. None: the setting's."""
    observes_form: bool | None = None
    """Whether the observation has the columns of form. None: if the setting has one."""
    observes_chords: bool | None = None
    """Whether the observation has the columns of chords. None: if the setting has chords."""

    def __post_init__(self) -> None:
        check_choice("observation", self.observation, OBSERVATIONS)
        check_choice("priming", self.priming, PRIMINGS)
        if not self.prior.is_finite:
            raise InputError("The prior has weights that are not finite numbers: it cannot reward anything.")
        if self.primer is not None:
            object.__setattr__(self, "primer", check_tokens(self.primer, ndim=1))
        object.__setattr__(self, "fixed", _check_fixed(self.fixed, self.setting.steps))
        if self.trained_length is not None:
            check_count("trained_length", self.trained_length)
        self._check_form()
        self._check_chords()

    def _check_form(self) -> None:
        if self.shows_form and self.observation == "token":
            raise InputError("observation 'token' does not show the form: choose 'position' or 'lookback'.")
        if self.profile.needs_form and not self.setting.forms:
            raise ProfileError(
                f"Reward profile {self.profile.name} has the rule 'form', which needs a form: set one, such as AABA, "
                "by --form or under 'setting'."
            )

    def _check_chords(self) -> None:
        if self.shows_chords and self.observation == "token":
            raise InputError("observation 'token' does not show the chords: choose 'position' or 'lookback'.")
        names = self.profile.names_of_chords
        if names and not self.setting.progressions:
            raise ProfileError(
                f"Reward profile {self.profile.name} has {names[0]!r}, which needs chords: set some, such as C | Am | "
                "F G | C, by --chords or under 'setting'."
            )

    @classmethod
    def of(
        cls,
        *,
        observation: str = "position",
        reward: str | Path | RewardProfile = "paper",
        prior: str | Path | NoteRNN = "default",
        priming: str = "random_note",
        primer: str | Path | npt.ArrayLike | None = None,
        fixed: Mapping[int, int] | None = None,
        trained_length: int | None = None,
        observes_form: bool | None = None,
        observes_chords: bool | None = None,
        **setting: Any,
    ) -> Self:
        """Return the specification for the keyword arguments of an environment; `setting` are fields of a `Setting`.

        Raises ProfileError, SettingError, CheckpointError, PrimerError or another InputError for invalid arguments,
        UnknownArgumentError for unknown ones.
        """
        for name in setting.keys() - {*_SETTING}:
            valid = ", ".join(EnvironmentArguments.__annotations__)
            hint = " (pieces end after 'length' steps)" if name == "max_episode_steps" else ""
            raise UnknownArgumentError(f"The environment has no argument {name!r}{hint}; it can be one of: {valid}.")
        profile = load_profile(reward).with_setting(**setting)
        prior = prior if isinstance(prior, NoteRNN) else load_note_rnn(prior)
        shown = trained_length, observes_form, observes_chords
        spec = cls(profile, prior, observation, priming, None, fixed or {}, *shown)
        return spec if primer is None else replace(spec, primer=spec._read_primer(primer))

    def changed(self, **changes: Any) -> Self:
        """Return the specification with `changes` to the keyword arguments of an environment; errors as in `of`.

        Another `reward` is used in the same musical setting. A primer that is already there is not transposed. What is
        observed has the same space as before, whatever the `length`, the `form` and the `chords`, so that an agent of
        this environment can compose in the changed one. Raises InputError for a form or chords where none is observed.
        """
        setting = {name: changes.pop(name) for name in _SETTING if name in changes}
        if not self.shows_form and setting.get("form", "") not in (None, "", self.setting.form):
            raise InputError("form is for agents that were trained with one: leave it out, or train with --form.")
        if not self.shows_chords and setting.get("chords", "") not in (None, "", self.setting.chords):
            raise InputError(
                "chords are for agents that were trained with them: leave them out, or train with --chords."
            )
        profile = load_profile(changes.pop("reward", self.profile))
        profile = replace(profile, setting=self.setting).with_setting(**setting)
        current: dict[str, Any] = {"observation": self.observation, "prior": self.prior, "priming": self.priming}
        current |= {"primer": self.primer, "fixed": self.fixed, "trained_length": self.observed_length}
        current |= {"observes_form": self.shows_form, "observes_chords": self.shows_chords}
        return type(self).of(reward=profile, **current | changes)

    @property
    def arguments(self) -> EnvironmentArguments:
        """The keyword arguments of this environment for `gym.make` and the environment classes."""
        return {
            "observation": self.observation,
            "reward": self.profile,
            "prior": self.prior,
            "priming": self.priming,
            "primer": self.primer,
            "fixed": self.fixed,
            "trained_length": self.trained_length,
            "observes_form": self.observes_form,
            "observes_chords": self.observes_chords,
        }

    @property
    def setting(self) -> Setting:
        """Key, mode, meter, length, range, tempo, form and chords."""
        return self.profile.setting

    @property
    def observed_length(self) -> int:
        """Steps of the pieces whose positions are observed."""
        return self.trained_length or self.setting.steps

    @property
    def shows_form(self) -> bool:
        """Whether the observation has the columns of form."""
        return bool(self.setting.forms) if self.observes_form is None else self.observes_form

    @property
    def shows_chords(self) -> bool:
        """Whether the observation has the columns of chords."""
        return bool(self.setting.progressions) if self.observes_chords is None else self.observes_chords

    @property
    def observation_space(self) -> Space[Any]:
        """The space of one piece's observation."""
        return space_of(self.observation, self.observed_length, self.shows_form, self.shows_chords)

    @cached_property
    def prior_in_key(self) -> NoteRNN:
        """The Note RNN in the key and meter of the setting."""
        return self.setting.adapted(self.prior)

    def as_record(self) -> dict[str, Any]:
        """Return the specification as a JSON object, without the weights of the Note RNN."""
        return {
            "profile": self.profile.as_record(),
            "setting": self.setting.as_dict(),
            "observation": self.observation,
            "priming": self.priming,
            "primer": None if self.primer is None else self.primer.tolist(),
            "fixed": {str(step): token for step, token in self.fixed.items()},
            "trained_length": self.trained_length,
            "observes_form": self.observes_form,
            "observes_chords": self.observes_chords,
        }

    def _read_primer(self, source: str | Path | npt.ArrayLike) -> Tokens:
        return read_primer(source, semitones=self.setting.transposition)


def _check_fixed(fixed: Mapping[int, int], length: int) -> dict[int, int]:
    """Return `fixed`, tokens by their steps 0..length - 1; raises InputError for an invalid step or token."""
    if not isinstance(fixed, Mapping):
        raise InputError(f"fixed must map steps to tokens, as in {{0: 14, 16: 21}}, not {fixed!r}.")
    for step, token in fixed.items():
        if isinstance(step, bool) or not isinstance(step, int | np.integer) or not 0 <= step < length:
            raise InputError(f"A fixed token must be at a step 0..{length - 1} of the piece, not at {step!r}.")
        check_tokens(token, ndim=0)
    return {int(step): int(token) for step, token in fixed.items()}
