"""Reward profiles, YAML files: which rules count how much, what c is, whether the Note RNN's log p counts, and the
musical setting.

Shapes: B melodies, R rules.
"""

import inspect
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from melody_env.composition import Composition, Floats
from melody_env.rules import RULES
from melody_env.setting import PAPER_SETTING, Setting, SettingError
from note_rnn.errors import InputError

_SHIPPED = Path(__file__).parent / "profiles"


class ProfileError(InputError):
    """A reward profile that does not exist or cannot be used."""


@dataclass(frozen=True)
class WeightedRule:
    """A rule's name, its weight in the sum, and those of its parameters that differ from their defaults."""

    name: str
    weight: float = 1.0
    parameters: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RewardProfile:
    """A total reward r = log p(a|s) + r_MT / c, with r_MT the weighted sum of rules (paper, equation 3).

    Raises ProfileError for an unknown rule or parameter or a number that cannot be used.
    """

    name: str
    """Where it comes from: the name of a shipped profile, or a file; errors quote it."""
    rules: tuple[WeightedRule, ...]
    c: float = 0.5
    """Divides the music-theory reward: the smaller, the more the rules count."""
    log_prior: bool = True
    """Whether log p(a|s) of the Note RNN is part of the reward."""
    setting: Setting = PAPER_SETTING
    """Key, mode, meter, length, range and tempo, where the environment is not given others."""

    def __post_init__(self) -> None:
        if not _is_number(self.c) or self.c <= 0:
            raise ProfileError(f"Reward profile {self.name}: c must be a number above 0, not {self.c!r}.")
        if not isinstance(self.log_prior, bool):
            raise ProfileError(f"Reward profile {self.name}: log_prior must be true or false, not {self.log_prior!r}.")
        for rule in self.rules:
            _check_rule(rule, self.name)

    def with_setting(self, **changes: Any) -> "RewardProfile":
        """Return the profile with a changed musical setting: fields of `Setting`, None leaves one as it is.

        Raises SettingError for what cannot be used.
        """
        return replace(self, setting=self.setting.changed(**changes))

    @cached_property
    def rule_names(self) -> tuple[str, ...]:
        """The R rules in their order."""
        return tuple(rule.name for rule in self.rules)

    @cached_property
    def weights(self) -> Floats:
        """The weights [R] of the rules."""
        return np.array([rule.weight for rule in self.rules])

    @cached_property
    def _functions(self) -> list[partial[Floats]]:
        return [partial(RULES[rule.name], **rule.parameters) for rule in self.rules]

    def score(self, composition: Composition) -> Floats:
        """Return what each rule says of the newest tokens [R, B], unscaled."""
        values = np.empty((len(self.rules), composition.batch_size))
        for row, rule in zip(values, self._functions, strict=True):
            row[:] = rule(composition)
        return values

    def music_theory(self, values: Floats) -> Floats:
        """Return r_MT [B], the weighted sum of rule `values` [R, B]."""
        return self.weights @ values


def load_profile(source: str | Path | RewardProfile) -> RewardProfile:
    """Return the shipped profile of that name ("paper"), the one in a YAML file, or `source` itself if it is one.

    Raises ProfileError, naming file and key, if there is no such profile or it cannot be used.
    """
    if isinstance(source, RewardProfile):
        return source
    shipped = _SHIPPED / f"{source}.yaml"
    path = shipped if shipped.is_file() else Path(source).expanduser()
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        names = ", ".join(sorted(file.stem for file in _SHIPPED.glob("*.yaml")))
        raise ProfileError(f"No reward profile {source}: give the path of a YAML file, or one of: {names}.") from error
    except yaml.YAMLError as error:
        raise ProfileError(f"Reward profile {source} is no valid YAML: {' '.join(str(error).split())}.") from error
    return _parse(data, str(source))


def _parse(data: Any, name: str) -> RewardProfile:
    settings = dict(_checked_keys(data, ("c", "log_prior", "rules", "setting"), name, "at the top"))
    if "setting" in settings:
        settings["setting"] = _parse_setting(settings["setting"], name)
    rules = _checked_keys(settings.pop("rules", {}), RULES, name, "under 'rules'")
    weighted = [_parse_rule(rule, settings, name) for rule, settings in rules.items()]
    return RewardProfile(name, tuple(weighted), **settings)


def _parse_setting(data: Any, name: str) -> Setting:
    changes = _checked_keys(data, PAPER_SETTING.as_dict(), name, "under 'setting'")
    try:
        return PAPER_SETTING.changed(**changes)
    except SettingError as error:
        raise ProfileError(f"Reward profile {name}: under 'setting', {error}") from error


def _parse_rule(rule: str, data: Any, name: str) -> WeightedRule:
    parameters = dict(_checked_keys(data, ("weight", *_defaults(rule)), name, f"under {rule!r}"))
    return WeightedRule(rule, parameters.pop("weight", 1.0), parameters)


def _checked_keys(data: Any, known: Iterable[str], name: str, where: str) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise ProfileError(f"Reward profile {name}: expected keys and values {where}, not {data!r}.")
    for key in data:
        if key not in known:
            raise ProfileError(
                f"Reward profile {name}: unknown key {key!r} {where}; it can be one of: {', '.join(known)}."
            )
    return data


def _check_rule(rule: WeightedRule, name: str) -> None:
    if rule.name not in RULES:
        raise ProfileError(f"Reward profile {name}: unknown rule {rule.name!r}; it can be one of: {', '.join(RULES)}.")
    if not _is_number(rule.weight):
        raise ProfileError(f"Reward profile {name}: the weight of {rule.name!r} must be a number, not {rule.weight!r}.")
    defaults = _defaults(rule.name)
    for parameter, value in _checked_keys(dict(rule.parameters), defaults, name, f"under {rule.name!r}").items():
        is_count = isinstance(defaults[parameter], int)
        if not _is_number(value) or (is_count and (value < 1 or not isinstance(value, int))):
            kind = "a whole number above 0" if is_count else "a number"
            raise ProfileError(
                f"Reward profile {name}: {parameter!r} under {rule.name!r} must be {kind}, not {value!r}."
            )


def _defaults(rule: str) -> dict[str, float]:
    """Return the parameters of `rule` with their default values."""
    parameters = inspect.signature(RULES[rule]).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
