"""User-defined rules and masks: decorated functions in a Python file that a reward profile names.

    @rule                                   the value of the newest token of one melody
    @rule(per="piece")                      the value of a whole melody, added to the reward of its last token
    @mask                                   the tokens allowed next in one melody
    ...(batched=True)                       the same for B melodies at once, given their `Composition`

The profile can set all parameters after the first. Beside them a weights file, which is no code, can hold a learned
rule, `token_taste`. Shapes: B melodies, n tokens so far, A = 38 tokens.
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

from melody_env.reward import token_taste
from melody_env.reward.composition import Composition
from melody_env.setting import Setting
from note_rnn.common.errors import InputError
from note_rnn.common.plain_text import shown
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, MIN_PITCH, VOCABULARY_SIZE, Tokens

F = TypeVar("F", bound=Callable[..., Any])
Per = Literal["step", "piece"]

LARGEST = 1e12
"""The largest value of a rule, and reward of a step: float32 has its square, summed over a piece."""

_MARK = "melody_rule"


class RuleError(InputError):
    """A rule or mask that cannot be loaded, fails, or returns an invalid value."""


@dataclass(frozen=True)
class Melody:
    """One melody so far: the argument of a plain rule or mask."""

    tokens: Tokens
    """[n]: 0 note off, 1 no event, 2..37 a note of MIDI pitch 48..83; the last is the newest."""
    length: int
    """Number of tokens of the complete melody."""
    setting: Setting
    """Key, mode, meter ..."""

    @property
    def step(self) -> int:
        """Number of tokens so far, as in error messages; in a mask, the step, from 0, of the next token."""
        return len(self.tokens)

    @property
    def newest(self) -> int:
        """The last token; in a mask, there is none at the start."""
        return int(self.tokens[-1])

    @property
    def is_complete(self) -> bool:
        """Whether the melody has all of its tokens."""
        return len(self.tokens) == self.length

    @cached_property
    def onsets(self) -> npt.NDArray[np.int64]:
        """The steps [N], from 0, at which its notes start."""
        return np.flatnonzero(self.tokens >= FIRST_PITCH_TOKEN)

    @cached_property
    def pitches(self) -> npt.NDArray[np.int64]:
        """The MIDI pitches [N] of its notes."""
        return self.tokens[self.onsets] - FIRST_PITCH_TOKEN + MIN_PITCH

    @cached_property
    def degrees(self) -> npt.NDArray[np.int64]:
        """The scale degrees [N] of its notes: 1 the tonic, 2 the next note of the scale ...; 0 outside the scale."""
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

    A plain rule returns a number, a batched one [B]. Raises RuleError for another `per`.
    """
    if per not in ("step", "piece"):
        raise RuleError(f"A rule is per 'step' or per 'piece', not per {per!r}.")
    return _marker(function, _Mark(False, per, batched))


@overload
def mask(function: F, /) -> F: ...
@overload
def mask(*, batched: bool = False) -> Callable[[F], F]: ...
def mask(function: F | None = None, *, batched: bool = False) -> F | Callable[[F], F]:
    """Mark a function as a mask: it returns True for each token allowed next, [A], or [B, A] if `batched`."""
    return _marker(function, _Mark(True, "step", batched))


def _marker(function: F | None, mark: _Mark) -> F | Callable[[F], F]:
    def apply(function: F) -> F:
        setattr(function, _MARK, mark)
        return function

    return apply if function is None else apply(function)


def marked_functions(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """Return the functions of a module that are marked as rules or masks, by name, in source order."""
    return {
        name: function
        for name, function in vars(module).items()
        if inspect.isfunction(function) and isinstance(getattr(function, _MARK, None), _Mark)
    }


@dataclass(frozen=True)
class PlugIn:
    """A rule or mask from a file, called like a built-in one; every return value is checked."""

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
        """Return a rule's values for the newest tokens [B], or the tokens that a mask allows next [B, A].

        Raises RuleError, which names the file, the rule and `melody.step`.
        """
        size = composition.batch_size
        if self.is_mask:
            return self._evaluate(composition, (size, VOCABULARY_SIZE), np.bool_, parameters)
        if self.per == "piece" and not composition.is_complete:
            return np.zeros(size)
        values = self._evaluate(composition, (size,), np.float64, parameters)
        valid = np.abs(values) <= LARGEST
        if not valid.all():
            melody = int(np.flatnonzero(~valid)[0])
            expected = f"finite numbers of at most {LARGEST:.0e}"
            raise self._error(
                composition, f"returned {values[melody]:g} for melody {melody}: values must be {expected}"
            )
        return values

    def _evaluate(
        self, composition: Composition, shape: tuple[int, ...], dtype: type[Any], parameters: Mapping[str, Any]
    ) -> Any:
        """Return the function's values for all melodies as an array of `dtype`; raises RuleError for another shape."""
        try:
            if self.batched:
                result = self.function(composition, **parameters)
            else:
                result = [self.function(melody, **parameters) for melody in _melodies(composition)]
        except (Exception, SystemExit) as error:  # a user's function can raise anything
            raise self._error(composition, f"failed: {_summary(error)}") from error
        try:
            array = np.asarray(result)
            is_valid = array.dtype.kind == "b" if dtype is np.bool_ else array.dtype.kind in "biuf"
        except Exception:  # numbers of several shapes, or an object that cannot be an array
            is_valid = False
        if not is_valid:
            kind = "True or False for each token" if dtype is np.bool_ else "numbers"
            raise self._error(composition, f"must return {kind}, not {shown(result if self.batched else result[0])}")
        if array.shape != shape:
            expected, actual = (shape, array.shape) if self.batched else (shape[1:], array.shape[1:])
            raise self._error(composition, f"returned an array of shape {actual} instead of {expected}")
        return array.astype(dtype, copy=False)

    def _error(self, composition: Composition, problem: str) -> RuleError:
        kind = "Mask" if self.is_mask else "Rule"
        return RuleError(f"{kind} {self.name!r} in {self.file} {problem} (melody.step {composition.position}).")


def _summary(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _melodies(composition: Composition) -> list[Melody]:
    rows = np.ascontiguousarray(composition.tokens[: composition.position].T, np.int64)
    return [Melody(row, composition.length, composition.setting) for row in rows]


def find_plugin(file: Path, name: str, is_mask: bool) -> PlugIn:
    """Return the rule or mask `name` of a Python file; raises RuleError if the file cannot be loaded or has none."""
    functions = _load(file, time_of_change(file))
    if name not in functions:
        hint = f"it has {', '.join(functions)}" if functions else "decorate a function with @rule or @mask"
        raise RuleError(f"{file} has no rule or mask {name!r}: {hint}.")
    if functions[name].is_mask != is_mask:
        kind = "rule" if is_mask else "mask"
        raise RuleError(f"{name!r} in {file} is a {kind}: list it under '{kind}s'.")
    return functions[name]


def time_of_change(file: Path) -> int:
    """Return when a rule file was last changed, in nanoseconds; raises RuleError if there is no such file."""
    try:
        return file.stat().st_mtime_ns
    except (OSError, ValueError) as error:
        raise RuleError(f"Rule file {file} does not exist: correct its path in the reward profile.") from error


def is_code(file: Path) -> bool:
    """Return whether a rule file would be executed, and does not hold numbers alone."""
    return file.suffix != token_taste.SUFFIX


@lru_cache
def _load(file: Path, stamp: int) -> dict[str, PlugIn]:
    """Return all rules and masks of a file, by name; a new `stamp` loads it again."""
    if not is_code(file):
        return {token_taste.NAME: _learned(file)}
    spec = importlib.util.spec_from_file_location(f"melody_rules_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise RuleError(f"Rule file {file} is not a Python file (.py).")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a user's file can raise anything
        raise RuleError(f"Rule file {file} cannot be loaded: {_summary(error)}.") from error
    return {name: _plug_in(name, file, function) for name, function in sorted(marked_functions(module).items())}


def _learned(file: Path) -> PlugIn:
    """Return the rule in a weights file."""
    try:
        function = token_taste.read_token_taste(file)
    except token_taste.TokenTasteError as error:
        raise RuleError(f"Rule file {error}.") from error
    return PlugIn(token_taste.NAME, file, function, is_mask=False, per="piece", batched=True)


def _plug_in(name: str, file: Path, function: Callable[..., Any]) -> PlugIn:
    mark: _Mark = getattr(function, _MARK)
    return PlugIn(name, file, function, mark.is_mask, mark.per, mark.batched)
