"""What forms say of each step of a piece, as arrays that observations and rules read.

Shapes: T steps, F forms or B pieces with one form each, S sections before the last one of a form.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from melody_env.form import Flags, Form, Integers, Section

NONE = -1
"""The step of a section that does not exist."""


class FormSteps(NamedTuple):
    """What forms say of each step: columns are F forms, or B pieces."""

    first: Integers
    """[T, B]; the first step of the section."""
    half: Integers
    """[T, B]; the first step of the half of the section."""
    repeated: Integers
    """[T, B]; the step that is repeated, NONE in a new section and beyond the end of the section repeated."""
    is_varied: Flags
    """[T, B]; whether the section is a varied repeat."""
    shared: Integers
    """[T, B]; the steps that the section repeats in all, 0 in a new one."""
    earlier: Integers
    """[S, T, B]; for a step that repeats nothing, the same place in each earlier section, the nearest first, or
    NONE."""
    remaining: Integers
    """[T, B]; steps to the end of the section, this one included."""
    closes: Flags
    """[T, B]; whether the section ends as the piece does: it is the last, or that is an exact repeat of it."""

    def of(self, rows: Integers) -> "FormSteps":
        """Return the columns `rows` [B]: those of B pieces, given the form 0..F-1 of each."""
        columns: Iterable[Any] = (np.ascontiguousarray(array[..., rows]) for array in self)
        return FormSteps(*columns)


def form_steps(forms: Sequence[Form], length: int) -> FormSteps:
    """Return what `forms` [F] of pieces of `length` T say of each step."""
    columns = [_steps_of(form, length) for form in forms]
    most = max(len(column.earlier) for column in columns)
    padded = [column._replace(earlier=_padded(column.earlier, most)) for column in columns]
    return FormSteps(*(np.stack(arrays, axis=-1) for arrays in zip(*padded, strict=True)))


def _padded(earlier: Integers, size: int) -> Integers:
    return np.pad(earlier, ((0, size - len(earlier)), (0, 0)), constant_values=NONE)


def _steps_of(form: Form, length: int) -> FormSteps:
    """Return the columns of one form, [T] and [S, T]."""
    is_varied, closes = np.zeros((2, length), np.bool_)
    first, half, repeated, shared, remaining = np.full((5, length), NONE, np.int32)
    earlier = np.full((max(len(form.sections) - 1, 1), length), NONE, np.int32)
    last = form.sections[-1]
    for number, section in enumerate(form.sections):
        steps = section.place
        first[steps] = half[steps] = section.start
        half[section.middle : steps.stop] = section.middle
        is_varied[steps] = section.is_varied
        closes[steps] = (section.name, section.steps) == (last.name, last.steps)
        remaining[steps] = np.arange(section.steps, 0, -1)
        source = None if section.source is None else form.sections[section.source]
        shared[steps] = 0 if source is None else min(section.steps, source.steps)
        if source is not None:
            repeated[steps] = _places_in(source, section.steps)
        for back, other in enumerate(reversed(form.sections[:number])):
            earlier[back, steps] = np.where(repeated[steps] == NONE, _places_in(other, section.steps), NONE)
    return FormSteps(first, half, repeated, is_varied, shared, earlier, remaining, closes)


def _places_in(section: Section, steps: int) -> Integers:
    """Return the first `steps` steps of a `section`, and NONE beyond its end."""
    places = np.arange(steps)
    return np.where(places < section.steps, section.start + places, NONE)
