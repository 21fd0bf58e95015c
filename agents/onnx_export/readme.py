"""The README of an ONNX file: shapes, columns of the observation, and a program that composes with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from jinja2 import Environment, PackageLoader, StrictUndefined

from agents.onnx_export.stepwise import StepwiseNetwork
from melody_env import EnvironmentSpec
from melody_env.envs.observations import (
    LOOKBACK_FEATURES,
    POSITION,
    kind_of,
    observe,
    observes_chords,
    observes_form,
)
from melody_env.pictures import pitch_name
from note_rnn import VOCABULARY_SIZE, Bars
from note_rnn.network.lookback import COMMON_TIME

CLOCK = "past_clock"
_METERS = ("2/4", "3/4", "4/4", "6/8", "9/8", "12/8")
_TEMPLATES = Environment(
    loader=PackageLoader("agents", "onnx_export"), undefined=StrictUndefined, keep_trailing_newline=True
)
_LOOKBACK = (
    "the token half a bar before the next one",
    "the token a bar before the next one",
    "the highest note so far, as a token",
    "the lowest note so far, as a token",
)
_FORM = (
    "the token to be repeated exactly",
    "the token to be repeated with changes",
    "in a new section, the token at the same place of the section before",
    "steps to the end of the section; 0 without a form",
    "1 if the section ends as the piece does, else 0",
    "8 plus the events that the section has kept beyond what human tunes keep; 0 without a form",
)


@dataclass(frozen=True)
class Column:
    """A column of the observation."""

    most: int
    meaning: str


@dataclass(frozen=True)
class Part:
    """A part of the state."""

    name: str
    type: str
    shape: str
    first: str
    """What it is before the first observation."""


def readme(file: str, title: str, network: StepwiseNetwork, environment: EnvironmentSpec) -> str:
    """Return the README of `network`, saved as `file`, of a model that was trained in `environment`."""
    setting = environment.setting
    mode = setting.mode if isinstance(setting.mode, str) else f"with the scale {setting.mode}"
    home = pitch_name(60 + setting.transposition % 12).removesuffix("4")
    clocks = dict(_clocks(network, (setting.staff.meter, *_METERS)))
    return _TEMPLATES.get_template("readme.md.jinja").render(
        file=file,
        title=title,
        state=list(_parts(network)),
        columns=list(_columns(network.space, home)),
        clocks=clocks,
        clock_names=[name for name in network.state_names if name.endswith(CLOCK)],
        clock=next(iter(clocks.values()), None),
        meter=setting.staff.meter,
        bar=setting.steps_per_bar,
        key=f"{setting.key} {mode}",
        length=setting.steps,
        observation=kind_of(network.space),
        others=_without_chords_and_form(network.space),
    )


def _without_chords_and_form(space: spaces.Space[Any]) -> list[int]:
    """Return the columns of chords and form of an observation of this `space` where there are neither."""
    shown = kind_of(space), observes_form(space), observes_chords(space)
    columns = observe(*shown, np.zeros(1, np.int64), None, 0)[0]
    others = POSITION + 1 + (shown[0] == "lookback") * LOOKBACK_FEATURES
    return columns[others:].tolist() if columns.ndim else []


def _parts(network: StepwiseNetwork) -> Iterator[Part]:
    for name, part in zip(network.state_names, network.first_state(1, COMMON_TIME), strict=True):
        first = "see below" if name.endswith(CLOCK) else "zeros"
        yield Part(name, str(part.dtype).removeprefix("torch."), f"[1, B, {part.shape[2]}]", first)


def _clocks(network: StepwiseNetwork, meters: tuple[str, ...]) -> Iterator[tuple[str, list[int]]]:
    """Yield each of `meters` with the first clock of melodies in it, for a network with lookback."""
    if CLOCK in network.state_names:
        for meter in meters:
            yield meter, network.first_state(1, Bars(meter, 0))[network.state_names.index(CLOCK)].flatten().tolist()


def _chords(home: str) -> Iterator[str]:
    """Yield the meanings of the columns of chords, which count from the note `home`."""
    yield f"the root of the chord, in semitones above {home}; 12 for none"
    for above in range(12):
        yield f"whether the note {above} semitones above {home} is of the chord; 2 on a strong beat"
    yield "the root of the next chord; 12 for none"
    for above in range(12):
        yield f"whether the note {above} semitones above {home} is of the next chord"
    yield "steps to the next chord; 0 without chords"


def _columns(space: spaces.Space[Any], home: str) -> Iterator[Column]:
    if not isinstance(space, spaces.MultiDiscrete):
        yield Column(VOCABULARY_SIZE - 1, "the last token")
        return
    length = int(space.nvec[1]) - 1
    meanings = ["the last token", f"tokens of the melody so far, which may have {length}"]
    meanings += _LOOKBACK if kind_of(space) == "lookback" else ()
    meanings += _chords(home) if observes_chords(space) else ()
    meanings += _FORM if observes_form(space) else ()
    yield from (Column(int(size) - 1, meaning) for size, meaning in zip(space.nvec, meanings, strict=True))
