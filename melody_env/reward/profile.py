"""Reward profiles: weighted rules, masks, c, whether log p counts, and the musical setting.

Shapes: B melodies, R rules, A = 38 tokens.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import LARGEST, RuleError, find_plugin
from melody_env.reward.rules import (
    CHORD_MASKS,
    CHORD_RULES,
    FORM_RULES,
    HUMAN_RULES,
    MASKS,
    REWARD_MODE_RULES,
    RULES,
    SHAPED_RULES,
)
from melody_env.setting import PAPER_SETTING, Flags, Setting
from note_rnn.common.errors import InputError, is_number
from note_rnn.common.plain_text import shown

BUILT_IN_RULES = {**RULES, **REWARD_MODE_RULES, **SHAPED_RULES, **HUMAN_RULES, **FORM_RULES, **CHORD_RULES}
_LARGEST_BUILT_IN = 100
"""The largest value of built-in rules, but for their parameters."""
DISCRIMINATORS = ("features", "positions", "tokens")
"""Discriminators that can learn along."""
_RENAMED = {"most": "cap"}
"""Parameters of built-in rules by their name in version 0.1."""

MAX_WHOLE = 1_000_000
"""The highest whole number that a parameter can be."""


class ProfileError(InputError):
    """A missing or invalid reward profile."""


@dataclass(frozen=True)
class WeightedRule:
    """A rule's name, weight, and parameters that differ from their defaults."""

    name: str
    weight: float = 1.0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    file: Path | None = None
    """The Python file that has it; None for a built-in one."""

    def function(self) -> Callable[..., Floats]:
        """Return the rule; raises RuleError if its file has no rule of that name."""
        if self.file is None:
            return BUILT_IN_RULES[self.name]
        return find_plugin(self.file, self.name, is_mask=False)


@dataclass(frozen=True)
class NamedMask:
    """A mask's name, and parameters that differ from their defaults."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    file: Path | None = None
    """The Python file that has it; None for a built-in one."""

    def function(self) -> Callable[..., Flags]:
        """Return the mask; raises RuleError if its file has no mask of that name."""
        if self.file is None:
            return MASKS[self.name]
        return find_plugin(self.file, self.name, is_mask=True)


@dataclass(frozen=True)
class RewardProfile:
    """The total reward r = log p(a|s) + r_MT / c, with r_MT the weighted sum of rules (paper, equation 3).

    Raises ProfileError for an unknown rule or parameter, an invalid number, or rewards too large to learn from.
    """

    name: str
    """The name of a shipped profile, or a file; error messages quote it."""
    rules: tuple[WeightedRule, ...]
    c: float = 0.5
    """Divides the music-theory reward: the smaller, the more the rules count."""
    log_prior: bool = True
    """Whether log p(a|s) of the Note RNN is part of the reward."""
    setting: Setting = PAPER_SETTING
    """Key, mode, meter, length, range, tempo, form and chords; arguments of the environment take precedence."""
    adversary: Mapping[str, float] = field(default_factory=dict)
    """Weights of the discriminators that learn along in training, by name (`melody_env.adversary`): what they pay is
    divided by c as the rules are, and is no part of the environment's own reward."""
    masks: tuple[NamedMask, ...] = ()
    """Masks of the tokens allowed next; notes outside the setting's range are never allowed."""

    def __post_init__(self) -> None:
        if not is_number(self.c) or self.c <= 0:
            raise ProfileError(f"Reward profile {self.name}: c must be a number above 0, not {shown(self.c)}.")
        if not isinstance(self.log_prior, bool):
            raise ProfileError(
                f"Reward profile {self.name}: log_prior must be true or false, not {shown(self.log_prior)}."
            )
        for rule in self.rules:
            if not is_number(rule.weight):
                raise ProfileError(
                    f"Reward profile {self.name}: the weight of {rule.name!r} must be a number, not "
                    f"{shown(rule.weight)}."
                )
            _check(rule, BUILT_IN_RULES, ("weight", "file"), self.name)
            self._check_size(rule)
        for mask in self.masks:
            _check(mask, MASKS, ("file",), self.name)
        self._check_adversary()

    def _check_adversary(self) -> None:
        for name, weight in check_keys(self.adversary, DISCRIMINATORS, self.name, "under 'adversary'").items():
            if not is_number(weight) or weight <= 0:
                raise ProfileError(
                    f"Reward profile {self.name}: the weight of {name!r} under 'adversary' must be a number above 0, "
                    f"not {shown(weight)}."
                )
            self._check_worth(name, weight * _LARGEST_BUILT_IN)

    def _check_size(self, rule: WeightedRule) -> None:
        """Raise ProfileError if `rule` could reward a step with more than `LARGEST`."""
        self._check_worth(rule.name, abs(rule.weight) * max(_LARGEST_BUILT_IN, *map(abs, _numbers(rule.parameters))))

    def _check_worth(self, name: str, worth: float) -> None:
        if worth / self.c > LARGEST:
            raise ProfileError(
                f"Reward profile {self.name}: {name!r} could reward a step with {worth:.3g} / c = "
                f"{worth / self.c:.3g}, and learning has numbers up to {LARGEST:.0e}: raise c, now {self.c!r}, or "
                "lower weight and parameters."
            )

    def __getstate__(self) -> dict[str, Any]:
        # Without cached functions: those of a user's file cannot be pickled and are loaded again.
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def with_setting(self, **changes: Any) -> "RewardProfile":
        """Return the profile with `changes` to fields of its musical `Setting`; None leaves a field unchanged.

        Raises SettingError for an invalid value.
        """
        return replace(self, setting=self.setting.changed(**changes))

    def as_record(self) -> dict[str, Any]:
        """Return rules, weights, c and masks as a JSON object, without the setting."""
        return {
            "name": self.name,
            "rules": {rule.name: {"weight": rule.weight, **_record(rule)} for rule in self.rules},
            "c": self.c,
            "log_prior": self.log_prior,
            "masks": {mask.name: _record(mask) for mask in self.masks},
            "adversary": dict(self.adversary),
        }

    @cached_property
    def rule_names(self) -> tuple[str, ...]:
        """The names [R] of the rules, in order."""
        return tuple(rule.name for rule in self.rules)

    @cached_property
    def piece_rules(self) -> frozenset[str]:
        """The names of the rules that value a piece as a whole, by their `per`."""
        files = {rule.name: find_plugin(rule.file, rule.name, is_mask=False) for rule in self.rules if rule.file}
        return frozenset(name for name, plugin in files.items() if plugin.per == "piece")

    @property
    def needs_form(self) -> bool:
        """Whether it has the built-in rule `form`, which is for settings with a form."""
        return any(rule.name == "form" and rule.file is None for rule in self.rules)

    @property
    def names_of_chords(self) -> list[str]:
        """The names of its built-in rules and masks that are for settings with chords."""
        of_chords = {*CHORD_RULES, *CHORD_MASKS}
        items: tuple[WeightedRule | NamedMask, ...] = (*self.rules, *self.masks)
        return [each.name for each in items if each.file is None and each.name in of_chords]

    @cached_property
    def weights(self) -> Floats:
        """The weights [R] of the rules."""
        return np.array([rule.weight for rule in self.rules])

    @cached_property
    def _functions(self) -> list[Callable[[Composition], Floats]]:
        return [partial(rule.function(), **rule.parameters) for rule in self.rules]

    @cached_property
    def _masks(self) -> list[Callable[[Composition], Flags]]:
        return [partial(mask.function(), **mask.parameters) for mask in self.masks]

    def score(self, composition: Composition) -> Floats:
        """Return each rule's values for the newest tokens [R, B], unscaled; raises RuleError for a rule that fails."""
        values = np.empty((len(self.rules), composition.batch_size))
        for row, rule in enumerate(self._functions):
            values[row] = rule(composition)
        return values

    def music_theory(self, values: Floats) -> Floats:
        """Return r_MT [B], the weighted sum of rule `values` [R, B]."""
        return self.weights @ values

    @cached_property
    def forbids(self) -> bool:
        """Whether any token can be forbidden."""
        return bool(self.masks) or not self.setting.in_range.all()

    def allowed(self, composition: Composition) -> Flags:
        """Return the tokens allowed next [B, A]: within the range, and by all masks.

        Raises RuleError for a mask that fails, and if a melody has no allowed token.
        """
        shape = (composition.batch_size, len(self.setting.in_range))
        allowed = np.array(np.broadcast_to(self.setting.in_range, shape))
        for mask in self._masks:
            allowed &= mask(composition)
        if not allowed.any(axis=1).all():
            names = " and ".join(mask.name for mask in self.masks)
            raise RuleError(
                f"Reward profile {self.name}: masks {names} allow no token at melody.step "
                f"{composition.position}: make each allow a hold (1) or a note off (0)."
            )
        return allowed


def _numbers(parameters: Mapping[str, Any]) -> list[float]:
    """Return 0 and all numbers in `parameters`, those in lists included."""
    values = [item for value in parameters.values() for item in (value if isinstance(value, list | tuple) else [value])]
    return [0.0, *filter(is_number, values)]


def _record(item: WeightedRule | NamedMask) -> dict[str, Any]:
    return dict(item.parameters) if item.file is None else {**item.parameters, "file": str(item.file)}


def check_mapping(data: Any, name: str, where: str) -> Mapping[str, Any]:
    """Return `data` if it is a dictionary; raises ProfileError naming the profile and the place."""
    if not isinstance(data, dict):
        raise ProfileError(f"Reward profile {name}: expected keys and values {where}, not {shown(data)}.")
    return data


def check_keys(data: Any, valid: Iterable[str], name: str, where: str) -> Mapping[str, Any]:
    """Return `data` if it is a dictionary of `valid` keys; raises ProfileError naming profile, place and key."""
    for key in check_mapping(data, name, where):
        if key not in valid:
            raise ProfileError(f"Reward profile {name}: unknown key {key!r} {where}; valid keys: {', '.join(valid)}.")
    return data


def _check(item: WeightedRule | NamedMask, built_in: Iterable[str], reserved: tuple[str, ...], name: str) -> None:
    """Raise ProfileError for an unknown rule or mask, or a missing, unknown or invalid parameter."""
    if item.file is None and item.name not in built_in:
        raise ProfileError(f"Reward profile {name}: unknown rule {item.name!r}; valid rules: {', '.join(built_in)}.")
    parameters = list(inspect.signature(item.function()).parameters.values())[1:]
    defaults = {parameter.name: parameter.default for parameter in parameters}
    for old, new in _RENAMED.items():
        if item.file is None and old in item.parameters and new in defaults:
            raise ProfileError(f"Reward profile {name}: {old!r} under {item.name!r} is now called {new!r}: rename it.")
    check_keys(dict(item.parameters), (*reserved, *defaults), name, f"under {item.name!r}")
    for parameter, default in defaults.items():
        value = item.parameters.get(parameter, default)
        if value is inspect.Parameter.empty:
            raise ProfileError(f"Reward profile {name}: {parameter!r} is missing under {item.name!r}.")
        required = _required_kind(value, default)
        if required:
            raise ProfileError(
                f"Reward profile {name}: {parameter!r} under {item.name!r} must be {required}, not {shown(value)}."
            )


def _required_kind(value: object, default: object) -> str | None:
    """Return the kind that `value` must have, like its `default`; None if it has, or the default has another type."""
    if isinstance(default, tuple):
        return None if isinstance(value, list | tuple) and all(map(is_number, value)) else "a list of numbers"
    if isinstance(default, bool) or not isinstance(default, int | float):
        return None
    if isinstance(default, float):
        return None if is_number(value) else "a number"
    lowest = 1 if default > 0 else -MAX_WHOLE
    if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= MAX_WHOLE:
        return None
    return f"a whole number from 1 to {MAX_WHOLE:,}" if default > 0 else "a whole number"
