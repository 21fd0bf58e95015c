"""Rule of musical form: what repeats keep, how new sections differ, and where sections come to rest.

All of it is dense: what a share or a rest at the end of a section is worth is paid step by step, as the change of a
potential (Ng, Harada & Russell 1999, https://dl.acm.org/doi/10.5555/645528.657613). Shapes: B melodies, T steps, S
earlier sections.
"""

import numpy as np
import numpy.typing as npt

from melody_env.form import ENDING_KEPT, NEW_KEPT, OPENING_KEPT, REST_BARS, REST_STEPS, Flags, matches
from melody_env.form_steps import NONE, FormSteps
from melody_env.reward.composition import Composition, Floats
from melody_env.reward.plugins import RuleError, rule
from melody_env.reward.rules.human.line import PITCH_CLASSES, Onsets
from note_rnn.common.plain_text import shown
from note_rnn.vocabulary import NO_EVENT

Counts = npt.NDArray[np.int32]

_QUARTER = 4
"""Steps; a section with less than an event a quarter is worth less, so that short cuts do not pay."""
_EIGHTH = 2
"""Steps; the usual distance of events, for what has no section to repeat."""


def of_varied_repeat(kept: Counts, events: Counts, share: Floats) -> Floats:
    """Return the potential [B] of half of a varied repeat that has `kept` so many of `events`: 0 at `share` [B], else
    below."""
    return -np.abs(kept - share * events)


def of_new_section(kept: Counts, events: Counts, share: float) -> Floats:
    """Return the potential [B] of a new section that shares `kept` of `events` [S, B] with each earlier section.

    It is 0 up to `share`, and below where the most similar section shares more.
    """
    return -np.maximum(kept - share * events, 0).max(axis=0)


class SectionMatches:
    """The events of each melody's section so far, and those that equal the section repeated or an earlier one.

    Row 0 is the section repeated, of which each half is counted by itself; the rows from 1 on are, where nothing is
    repeated, the S earlier sections.
    """

    def __init__(self, composition: Composition):
        form, batch = _form_of(composition), np.arange(composition.batch_size)
        places = np.concatenate([form.repeated[:, None], form.earlier.swapaxes(0, 1)], axis=1)
        self._form, self._bar = form, composition.setting.steps_per_bar
        self._exists = places != NONE
        self._indices = np.maximum(places, 0) * np.intp(len(batch)) + batch
        self._has_start: list[bool] = (form.half == np.arange(composition.length)[:, None]).any(axis=1).tolist()
        self._has_repeat: list[bool] = self._exists[:, 0].any(axis=1).tolist()
        self._has_new: list[bool] = self._exists[:, 1:].any(axis=(1, 2)).tolist()
        self._events_before = np.zeros((composition.length + 1, len(batch)), np.int32)
        size = places.shape[1:]
        self.events: Counts = np.zeros(size, np.int32)
        """[1 + S, B]; events of the section or of the other one."""
        self.kept: Counts = np.zeros(size, np.int32)
        """[1 + S, B]; those that both have."""
        self.events_now: Flags = np.zeros(size, np.bool_)
        """[1 + S, B]; whether the newest token is counted among `events`."""
        self.kept_now: Flags = np.zeros(size, np.bool_)
        """[1 + S, B]; whether the newest token is counted among `kept`."""
        self.worth: Floats = np.zeros(len(batch))
        """[B]; of an event of a repeat: all those of the section repeated are worth 1 a bar."""

    def update(self, composition: Composition, t: int) -> None:
        """Take in token `t`."""
        token = composition.tokens[t]
        np.add(self._events_before[t], token != NO_EVENT, out=self._events_before[t + 1])
        if self._has_start[t]:
            starts, halves = self._form.first[t] == t, self._form.half[t] == t
            self.events[:, starts] = self.kept[:, starts] = 0
            self.events[0, halves] = self.kept[0, halves] = 0
            self.worth = np.where(starts, self._worth_at(t), self.worth)
        found = matches(token, composition.tokens.ravel().take(self._indices[t]))
        self.events_now, self.kept_now = found.events & self._exists[t], found.kept & self._exists[t]
        self.events += self.events_now
        self.kept += self.kept_now

    def _worth_at(self, t: int) -> Floats:
        """Return what an event of a section that starts at `t` is worth [B], by those of the section repeated."""
        first, steps = np.maximum(self._form.repeated[t], 0), self._form.shared[t]
        ends = np.take_along_axis(self._events_before, np.stack([first, first + steps]), axis=0)
        fewest = np.maximum(steps / _QUARTER, 1)
        return steps / self._bar / np.maximum(ends[1] - ends[0], fewest)

    def balance(self, t: int) -> Floats:
        """Return how many events each section has kept before token `t` beyond what human tunes keep [B].

        Of a varied repeat that is the share for this half of it, counted from the beginning of the half; of an exact
        one all. Too few are below 0. Of a new section it is the share of the most similar earlier one, and fewer are 0.
        """
        form, kept, events = self._form, self.kept, self.events
        share = np.where(form.is_varied[t], self.varied_share(t), 1.0)
        of_new = (kept[1:] - NEW_KEPT * events[1:]).max(axis=0, initial=0.0)
        is_repeat = form.shared[t] > 0
        balance = np.where(is_repeat, kept[0] - share * events[0], of_new)
        return np.where(np.where(is_repeat, form.half[t], form.first[t]) == t, 0.0, balance)

    def varied_share(self, t: int, opening: float = OPENING_KEPT, ending: float = ENDING_KEPT) -> Floats:
        """Return the share [B] that a varied repeat keeps of its half at step `t`: `opening` or `ending`."""
        return np.where(self._form.half[t] == self._form.first[t], opening, ending)

    def repeat_gains(self, t: int, opening: float, ending: float) -> tuple[Floats, Floats] | None:
        """Return what token `t` adds to an exact repeat and to the potential of a varied one, each [B] and not yet
        times its `worth`; 0 where there is none, None if nowhere."""
        if not self._has_repeat[t]:
            return None
        share = self.varied_share(t, opening, ending)
        kept, events, kept_now, events_now = self.kept[0], self.events[0], self.kept_now[0], self.events_now[0]
        before = of_varied_repeat(kept - kept_now, events - events_now, share)
        return 2.0 * kept_now - events_now, of_varied_repeat(kept, events, share) - before

    def contrast_gain(self, t: int, share: float) -> Floats | None:
        """Return what token `t` adds to the potential of a new section [B]; None if nothing anywhere."""
        if not self._has_new[t]:
            return None
        kept, events, kept_now, events_now = self.kept[1:], self.events[1:], self.kept_now[1:], self.events_now[1:]
        before = of_new_section(kept - kept_now, events - events_now, share)
        return of_new_section(kept, events, share) - before


@rule(batched=True)
def form(
    composition: Composition,
    *,
    repeat: float = 1.0,
    variation: float = 1.0,
    contrast: float = 1.0,
    rest: float = 1.0,
    close: float = 1.0,
    opening_kept: float = OPENING_KEPT,
    ending_kept: float = ENDING_KEPT,
    new_kept: float = NEW_KEPT,
    rest_bars: int = REST_BARS,
    rest_steps: int = REST_STEPS,
    close_steps: int = REST_STEPS,
) -> Floats:
    """The form of the setting: repeats, varied repeats, new sections, and the ends of sections; 0 without form.

    - An exact repeat: `repeat` for each event (a note, a note off) that is that of the section repeated, less the same
      for each that only one of them has or that differs. A perfect one is worth `repeat` a bar.
    - A varied repeat: `variation` times the change in -|events kept - `opening_kept` * events| in its first half, and
      with `ending_kept` in its second, so 0 in all for one that keeps these shares, and less for more or fewer.
    - A new section: `contrast` times the change in -(events that equal the most similar earlier section - `new_kept` *
      events), where that is below 0; a section of eighths that is such a copy costs (1 - `new_kept`) a bar.
    - The end of a section of `rest_bars` bars or more: `rest` spread over its last `rest_steps` steps, while a tonic,
      third or fifth rests that began before them or at the first of them. At the end of the piece, and of a section
      that the last one repeats exactly, `close` and `close_steps`, for the tonic alone.

    Raises RuleError if it is not known which of several forms each melody has.
    """
    if not composition.setting.forms:
        return np.zeros(composition.batch_size)
    of_step, t = _form_of(composition), composition.position - 1
    rests = rest_of_section(composition, of_step, rest_bars, rest_steps, close_steps)
    value = rests * np.where(of_step.closes[t], close, rest)
    found = composition.memory(SectionMatches)
    gains, contrast_gain = found.repeat_gains(t, opening_kept, ending_kept), found.contrast_gain(t, new_kept)
    if gains is not None:
        exact, varied = gains
        value += np.where(of_step.is_varied[t], variation * varied, repeat * exact) * found.worth
    if contrast_gain is not None:
        value += contrast * contrast_gain * (_EIGHTH / composition.setting.steps_per_bar)
    return value


def rest_of_section(composition: Composition, form: FormSteps, bars: int, rest_steps: int, close_steps: int) -> Floats:
    """Return 1 / steps [B] for each of the last steps of a section in which a note of rest, of this section and begun
    by the first of these steps, is still the last note; elsewhere 0.

    They are `close_steps` where the section closes, and `rest_steps` in others of at least so many `bars`.
    """
    t = composition.position - 1
    remaining, first, closes = form.remaining[t], form.first[t], form.closes[t]
    if remaining.min() > max(rest_steps, close_steps):
        return np.zeros(composition.batch_size)
    last, setting = composition.memory(Onsets).last, composition.setting
    notes = PITCH_CLASSES.take(composition.previous_pitches[t + 1])
    is_rest = (notes == setting.tonic) | (~closes & np.isin(notes, (setting.third, setting.fifth)))
    is_long = closes | (t + remaining - first >= bars * setting.steps_per_bar)
    steps = np.where(closes, close_steps, rest_steps)
    began = (last >= first) & (last <= t + remaining - steps)
    return (is_rest & is_long & began & (remaining <= steps)) / steps


def _form_of(composition: Composition) -> FormSteps:
    """Return the forms of the melodies; raises RuleError if they are not known."""
    if composition.form is None:
        setting = composition.setting
        raise RuleError(
            f"Rule 'form' needs melodies of {setting.steps} steps, and to know which of the forms "
            f"{shown(setting.form)} each has: give a single form, or say which (forms=[...] of score_melodies)."
        )
    return composition.form
