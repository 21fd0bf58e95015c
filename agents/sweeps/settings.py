"""Settings of a sweep: any option of the training by its name, as a value, a list, a range or a distribution."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from itertools import product
from typing import Any, NamedTuple, get_args, get_type_hints

from agents.runs.config import TrainConfig
from agents.runs.presets import Algorithm, PresetName, default_algorithm
from note_rnn.common.command_line import nearest
from note_rnn.common.data_files import DataError, converted
from note_rnn.common.errors import InputError, check_choice, is_number
from note_rnn.common.plain_text import shown

Value = bool | int | float | str | None
"""Of a setting."""
Settings = Mapping[str, Value]
"""Values of settings, by their names."""

OWN = {"agent", "seed", "run_dir", "resume"}
"""Fields of a configuration that a sweep sets itself."""
MOST_VALUES, MOST_TRIALS = 1_000, 100_000
"""Of a setting, or seeds; of a sweep."""
_FORMS = "a value, a list of values, {range: [FIRST, LAST, STEP]}, {uniform: [LOW, HIGH]} or {log_uniform: [LOW, HIGH]}"


class Choices(NamedTuple):
    """Some values."""

    values: tuple[Value, ...]

    @property
    def ends(self) -> tuple[Value, ...]:
        """All values, each of which is checked."""
        return self.values


class Interval(NamedTuple):
    """A distribution of numbers: uniform from `low` to `high`, or their logarithms are."""

    low: float
    high: float
    is_log: bool
    is_whole: bool
    """Whether the setting takes whole numbers alone."""

    @property
    def ends(self) -> tuple[Value, ...]:
        """The least and the largest value: if the training takes both, it takes what lies between."""
        return self.low, self.high


Domain = Choices | Interval
"""What a setting may be."""


def train_config(settings: Settings, **own: Any) -> TrainConfig[Any]:
    """Return the configuration of a run with these `settings`, its `own` seed and folder, and other options' defaults.

    Raises InputError for an unknown setting, with the nearest name, and for a value of another type.
    """
    preset: Any = check_choice("preset", settings.get("preset", "default"), get_args(PresetName))  # type: ignore[arg-type]
    algo: Any = check_choice("algo", settings.get("algo", default_algorithm(preset)), get_args(Algorithm))  # type: ignore[arg-type]
    kind = type(TrainConfig.of(algo, preset).agent)
    known = [each.name for each in (*fields(TrainConfig), *fields(kind)) if each.name not in OWN]
    for name in settings:
        if name in OWN:
            raise InputError(
                f"A sweep sets {name} itself: leave it out of settings. (seeds: N trains N seeds of each.)"
            )
        check_known("setting of --algo " + algo, name, known)
    config = TrainConfig.of(algo, preset, **{k: v for k, v in settings.items() if k not in ("algo", "preset")}, **own)
    typed: Any = TrainConfig[kind]  # type: ignore[valid-type]
    try:
        return converted({**asdict(config), "run_dir": config.run_dir and str(config.run_dir)}, typed)
    except DataError as error:
        raise InputError(f"A setting cannot be used: {error}.") from error


def check_known(what: str, name: str, known: Iterable[str]) -> None:
    """Raise InputError, which names the nearest, unless `name` is one of the `known`."""
    if name not in known:
        raise InputError(f"There is no {what} called {shown(name)}{nearest(name, list(known))}.")


def domain(name: str, given: Any, is_whole: bool) -> Domain:
    """Return what the setting `name` may be, as it is `given`; raises InputError if that has another form."""
    if isinstance(given, list) and given and not any(isinstance(each, list | dict) for each in given):
        return Choices(tuple(dict.fromkeys(given)))
    if not isinstance(given, list | dict):
        return Choices((given,))
    form, numbers = next(iter(given.items())) if isinstance(given, dict) and len(given) == 1 else ("", None)
    numbers = numbers if isinstance(numbers, list) and all(map(is_number, numbers)) else []
    if form == "range" and len(numbers) == 3:
        return _range(name, *numbers)
    if form not in ("uniform", "log_uniform") or len(numbers) != 2:
        raise InputError(f"{name} takes {_FORMS}, not {shown(given)}.")
    low, high = numbers
    if not low < high or (form == "log_uniform" and low <= 0):
        positive = " above 0" if form == "log_uniform" else ""
        raise InputError(f"{name} takes {form}: [LOW, HIGH] with LOW{positive} below HIGH, not {shown(numbers)}.")
    if is_whole and not (isinstance(low, int) and isinstance(high, int)):
        raise InputError(f"{name} is a whole number: give {form} two whole numbers, not {shown(numbers)}.")
    return Interval(low, high, form == "log_uniform", is_whole)


def _range(name: str, first: float, last: float, step: float) -> Choices:
    steps = (last - first) / step if step else -1.0
    number = math.floor(steps + 1e-9) + 1 if steps < MOST_VALUES else 0
    if not 1 <= number <= MOST_VALUES:
        raise InputError(
            f"{name} takes range: [FIRST, LAST, STEP] of 1 to {MOST_VALUES} values, not {shown([first, last, step])}."
        )
    values = [first + i * step for i in range(number)]
    return Choices(tuple(each if isinstance(each, int) else float(f"{each:.12g}") for each in values))


def domains(given: Mapping[str, Any]) -> dict[str, Domain]:
    """Return the domains of the settings as they are `given`, after trying every value of each.

    Raises InputError for an unknown setting, a domain of another form, or a value that the training does not take.
    """
    by_kind = {name: domain(name, given[name], False) for name in ("algo", "preset") if name in given}
    found: dict[str, Domain] = dict(by_kind)
    for kind in grid(by_kind):
        hints = _hints(kind)
        for name in given:
            if name not in by_kind:
                if name not in hints:
                    train_config({**kind, name: None})  # raises InputError
                found[name] = domain(name, given[name], float not in (hints[name], *get_args(hints[name])))
    found = {name: found[name] for name in given}
    for kind in grid(by_kind):
        first = {name: each.ends[0] for name, each in found.items()} | kind
        for name, each in found.items():
            for value in each.ends if name not in by_kind else each.ends[:1]:
                train_config({**first, **({} if name in by_kind else {name: value})}).environment()
    return found


def _hints(kind: Settings) -> dict[str, Any]:
    config = train_config(kind)
    hints = {**get_type_hints(TrainConfig), **get_type_hints(type(config.agent))}
    return {name: hint for name, hint in hints.items() if name not in OWN}


def grid(domains: Mapping[str, Domain]) -> Iterator[dict[str, Value]]:
    """Yield every combination of the values of `domains`, the last setting varying fastest.

    Raises InputError for a distribution, which has no list of values, and for more than `MOST_TRIALS`.
    """
    for name, each in domains.items():
        if isinstance(each, Interval):
            raise InputError(f"{name} is a distribution, and a grid has lists and ranges: add search: {{trials: N}}.")
    if math.prod(len(each.ends) for each in domains.values()) > MOST_TRIALS:
        raise InputError(
            f"The grid has more than {MOST_TRIALS:,} combinations: search them, with search: {{trials: N}}."
        )
    values: Sequence[Sequence[Value]] = [each.ends for each in domains.values()]
    return (dict(zip(domains, chosen, strict=True)) for chosen in product(*values))
