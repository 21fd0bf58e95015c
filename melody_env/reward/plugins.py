"""Rules and masks of one's own: decorated functions in a Python file that a reward profile names.

    @rule                                   what the newest token of one melody is worth
    @rule(per="piece")                      what a whole melody is worth, paid with its last token
    @mask                                   which tokens may come next in one melody
    ...(batched=True)                       the same of B melodies at once, given their `Composition`

What follows the first parameter are parameters that the profile can set. Shapes: B melodies, n tokens so far, A = 38
tokens.
"""

import importlib.util
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar, overload

import numpy as np
import numpy.typing as npt

from melody_env.reward.composition import Composition
from melody_env.setting import Setting
from note_rnn.common.errors import InputError
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, MIN_PITCH, VOCABULARY_SIZE, Tokens

F = TypeVar("F", bound=Callable[..., Any])
Per = Literal["step", "piece"]

_MARK = "melody_rule"


class RuleError(InputError):
    """A rule or mask that cannot be loaded, fails, or gives something else than it should."""


@dataclass(frozen=True)
class Melody:
    """One melody as far as it is composed: what a plain rule or mask is given."""

    tokens: Tokens
    """[n]: 0 note off, 1 no event, 2..37 a note of MIDI pitch 48..83; the newest is the last."""
    length: int
    """Tokens that it will have."""
    setting: Setting
    """Key, mode, meter ..."""

    @property
    def step(self) -> int:
        """Tokens so far; in a mask, the step, from 0, of the token to come."""
        return len(self.tokens)

    @property
    def newest(self) -> int:
        """The last token; in a mask at the start there is none."""
        return int(self.tokens[-1])

    @property
    def is_complete(self) -> bool:
        """Whether all of its tokens are there."""
        return len(self.tokens) == self.length

    @cached_property
    def onsets(self) -> npt.NDArray[np.int64]:
        """The steps, from 0, at which its N notes start."""
        return np.flatnonzero(self.tokens >= FIRST_PITCH_TOKEN)

    @cached_property
    def pitches(self) -> npt.NDArray[np.int64]:
        """The MIDI pitches of its N notes."""
        return self.tokens[self.onsets] - FIRST_PITCH_TOKEN + MIN_PITCH

    @cached_property
    def degrees(self) -> npt.NDArray[np.int64]:
        """The scale degrees of its N notes: 1 the tonic, 2 the next note of the scale ...; 0 outside the scale."""
        return self.setting.degrees[self.tokens[self.onsets]]


@dataclass(frozen=True)
class _Mark:
    is_mask: bool
    per: Per
    batched: bool


@overload
def rule(function: F, /) -> F: ...
@overload
def rule(*, per: Per = "step", batched: bool = False) -> Callable[[F], F]: ...
def rule(function: F | None = None, *, per: Per = "step", batched: bool = False) -> F | Callable[[F], F]:
    """Mark a function as a rule, per step or per piece, plain (one `Melody`) or `batched` (a `Composition`).

    A plain one returns a number, a batched one [B]. Raises RuleError for another `per`.
    """
    if per not in ("step", "piece"):
        raise RuleError(f"A rule is per 'step' or per 'piece', not per {per!r}.")
    return _marking(function, _Mark(False, per, batched))


@overload
def mask(function: F, /) -> F: ...
@overload
def mask(*, batched: bool = False) -> Callable[[F], F]: ...
def mask(function: F | None = None, *, batched: bool = False) -> F | Callable[[F], F]:
    """Mark a function as a mask: it returns which tokens may come next, [A], or [B, A] if `batched`; True may."""
    return _marking(function, _Mark(True, "step", batched))


def _marking(function: F | None, mark: _Mark) -> F | Callable[[F], F]:
    def marked(function: F) -> F:
        setattr(function, _MARK, mark)
        return function

    return marked if function is None else marked(function)


def marked_functions(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """Return the functions of a module that are marked as rules or masks, by name, in the order of its text."""
    return {
        name: function
        for name, function in vars(module).items()
        if inspect.isfunction(function) and isinstance(getattr(function, _MARK, None), _Mark)
    }


@dataclass(frozen=True)
class PlugIn:
    """A rule or mask that was found in a file, called as the built-in ones are and checked at every call."""

    name: str
    file: Path
    function: Callable[..., Any]
    is_mask: bool
    per: Per
    batched: bool

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.function)

    def __call__(self, composition: Composition, **parameters: Any) -> Any:
        """Return what a rule says of the newest tokens [B], or which tokens a mask lets come next [B, A].

        Raises RuleError naming file, rule and step.
        """
        size = composition.batch_size
        if self.is_mask:
            return self._answer(composition, composition.position, (size, VOCABULARY_SIZE), np.bool_, parameters)
        if self.per == "piece" and not composition.is_complete:
            return np.zeros(size)
        t = composition.position - 1
        values = self._answer(composition, t, (size,), np.float64, parameters)
        if not np.isfinite(values).all():
            melody = int(np.flatnonzero(~np.isfinite(values))[0])
            raise self._error(t, f"gave {values[melody]} for melody {melody}: it must give finite numbers")
        return values

    def _answer(
        self, composition: Composition, t: int, shape: tuple[int, ...], dtype: type[Any], parameters: Mapping[str, Any]
    ) -> Any:
        """Return the function's answer for all melodies as an array of `shape`, which it must have, and `dtype`."""
        try:
            if self.batched:
                answer = self.function(composition, **parameters)
            else:
                answer = [self.function(melody, **parameters) for melody in _melodies(composition)]
        except Exception as error:  # it is not our function
            raise self._error(t, f"failed: {_told(error)}") from error
        try:
            array = np.asarray(answer)
            suits = array.dtype.kind == "b" if dtype is np.bool_ else array.dtype.kind in "biuf"
        except ValueError:  # numbers of several shapes
            suits = False
        if not suits:
            kind = "True or False for each token" if dtype is np.bool_ else "numbers"
            raise self._error(t, f"must give {kind}, not {answer if self.batched else answer[0]!r}")
        if array.shape != shape:
            wanted, given = (shape, array.shape) if self.batched else (shape[1:], array.shape[1:])
            raise self._error(t, f"gave an array of shape {given} instead of {wanted}")
        return array.astype(dtype, copy=False)

    def _error(self, t: int, what: str) -> RuleError:
        kind = "Mask" if self.is_mask else "Rule"
        return RuleError(f"{kind} {self.name!r} in {self.file} {what} (step {t}, counted from 0).")


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _melodies(composition: Composition) -> list[Melody]:
    rows = np.ascontiguousarray(composition.tokens[: composition.position].T, np.int64)
    return [Melody(row, composition.length, composition.setting) for row in rows]


def find_plugin(file: Path, name: str, is_mask: bool) -> PlugIn:
    """Return the rule or mask `name` of a Python file; raises RuleError if the file cannot be loaded or has none."""
    try:
        stamp = file.stat().st_mtime_ns
    except OSError as error:
        raise RuleError(f"There is no rule file {file}.") from error
    functions = _load(file, stamp)
    if name not in functions:
        marked = f"it has {', '.join(functions)}" if functions else "put @rule or @mask above a function"
        raise RuleError(f"{file} has no rule or mask {name!r}: {marked}.")
    if functions[name].is_mask != is_mask:
        section = "rules" if is_mask else "masks"
        raise RuleError(f"{name!r} in {file} is one of the {section}: name it under {section!r}.")
    return functions[name]


@lru_cache
def _load(file: Path, stamp: int) -> dict[str, PlugIn]:
    """Return all rules and masks of a file, as it was at the time `stamp`."""
    spec = importlib.util.spec_from_file_location(f"melody_rules_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise RuleError(f"{file} is no Python file (.py).")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # it is not our file
        raise RuleError(f"Rule file {file} cannot be loaded: {_told(error)}.") from error
    return {name: _plug_in(name, file, function) for name, function in sorted(marked_functions(module).items())}


def _plug_in(name: str, file: Path, function: Callable[..., Any]) -> PlugIn:
    mark: _Mark = getattr(function, _MARK)
    return PlugIn(name, file, function, mark.is_mask, mark.per, mark.batched)
