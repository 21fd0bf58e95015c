"""Pictures of melodies: text, small images, and piano-roll figures, alone, with note probabilities or compared.

Shapes: T steps, A = 38 tokens.
"""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import FancyBboxPatch, Rectangle

from melody_env.setting import PAPER_SETTING, Setting
from note_rnn.chords import ChordStart
from note_rnn.formats.notation import spelled
from note_rnn.notes import tokens_to_notes
from note_rnn.vocabulary import (
    FIRST_PITCH_TOKEN,
    MAX_PITCH,
    MIN_PITCH,
    NO_EVENT,
    NOTE_OFF,
    VOCABULARY_SIZE,
    Tokens,
    check_tokens,
    pitch_to_token,
)

Values = npt.NDArray[np.floating]

_PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_WHITE_KEYS = frozenset({0, 2, 4, 5, 7, 9, 11})

# Blue and vermilion of Okabe and Ito's palette, distinguishable for colour-blind readers.
_NOTE = "#0072b2"
_OUTLINE = "#d55e00"
_PAPER, _BLACK_KEY, _TONIC = "#ffffff", "#eef1f5", "#fdf0d0"
_LINE, _BAR, _LABEL = "#c3cad4", "#7d8794", "#4a5260"
_ROW_HEIGHT, _LOW_ROW_HEIGHT = 0.2, 0.145
"""Inches per pitch in a single piano roll, and in one of several."""


def pitch_name(pitch: int) -> str:
    """Return the name of a MIDI pitch; 60 is C4."""
    return f"{_PITCH_CLASSES[pitch % 12]}{pitch // 12 - 1}"


def melody_text(
    melody: npt.ArrayLike,
    setting: Setting = PAPER_SETTING,
    pickup: int = 0,
    marks: Mapping[int, str] = {},
    chords: Sequence[ChordStart] = (),
) -> str:
    """Return `melody` [T] as text, one bar per line: the name of a note, `-` while it sounds, `.` for silence.

    A `pickup`, steps before the first bar line, is bar 0. `marks`, by step, stand behind the bar that begins there, and
    the `chords` of the bar in brackets.
    """
    tokens = check_tokens(melody, ndim=1)
    cells = ["."] * len(tokens)
    for start, end, pitch in zip(*tokens_to_notes(tokens), strict=True):
        cells[start:end] = [pitch_name(pitch), *["-"] * (end - start - 1)]
    lines = []
    per_bar, per_beat = setting.steps_per_bar, setting.steps_per_beat
    for start in range(pickup - per_bar if pickup else 0, len(cells), per_bar):
        bar = range(max(start, 0), min(start + per_bar, len(cells)))
        beats = itertools.groupby(bar, lambda step: (step - pickup) // per_beat)
        text = "| ".join("".join(cells[step].ljust(3) for step in steps) for _, steps in beats)
        mark = f" {marks[start]}" if start in marks else ""
        symbols = " ".join(chord.symbol for step, chord in chords if start <= step < start + per_bar)
        lines.append(f"{(start - pickup) // per_bar + 1:3d} | {text}|{mark}{f' [{symbols}]' * bool(symbols)}")
    return "\n".join(lines)


def piano_roll_image(
    melody: npt.ArrayLike, length: int, cell: int = 8, setting: Setting = PAPER_SETTING
) -> npt.NDArray[np.uint8]:
    """Return `melody`, the beginning of a piece of `length` steps, as an image [36 * cell, length * cell, 3].

    Rows are pitches, the highest at the top; columns are steps, with lines at beats and bars of the `setting`.
    """
    pitches = np.arange(MAX_PITCH, MIN_PITCH - 1, -1)
    rows = np.where(np.isin(pitches % 12, list(_WHITE_KEYS))[:, None], _rgb(_PAPER), _rgb(_BLACK_KEY))
    image = np.repeat(np.repeat(rows[:, None], length * cell, axis=1), cell, axis=0)
    image[cell - 1 :: cell][pitches % 12 == 0] = _rgb(_LINE)
    image[:, :: setting.steps_per_beat * cell] = _rgb(_LINE)
    image[:, :: setting.steps_per_bar * cell] = _rgb(_BAR)
    for start, end, pitch in zip(*tokens_to_notes(melody), strict=True):
        top = (MAX_PITCH - pitch) * cell
        image[top + 1 : top + cell - 1, start * cell + 1 : end * cell - 1] = _rgb(_NOTE)
    return image


def piano_roll_figure(
    melody: npt.ArrayLike,
    probabilities: npt.ArrayLike | None = None,
    rewards: npt.ArrayLike | None = None,
    title: str = "",
    setting: Setting = PAPER_SETTING,
    pickup: int = 0,
    marks: Mapping[int, str] = {},
    chords: Sequence[ChordStart] = (),
) -> Figure:
    """Draw `melody` [T] as a piano roll, with note probabilities [T, A] and rewards [T] below it if given.

    The roll covers the range of the melody and highlights the tonic of the `setting`; bars are counted after `pickup`
    steps, `marks`, by step, stand beside their numbers, and `chords` above the roll. Row t of `probabilities` is the
    distribution that token t was drawn from; the tokens of the melody are outlined in it. The figure is not displayed:
    save it, or pass it to TensorBoard. Raises VocabularyError for invalid tokens, ValueError for probabilities or
    rewards of another shape.
    """
    tokens = check_tokens(melody, ndim=1)
    pitches = _shown_pitches([tokens], setting)
    below = [*([5.6] if probabilities is not None else []), *([1.3] if rewards is not None else [])]
    panels = _panels([_ROW_HEIGHT * len(pitches), *below], len(tokens))
    panels[0].set_title(title, loc="left", fontsize=13, pad=20 if chords else None)
    _draw_notes(panels[0], tokens, pitches, setting)
    _draw_chords(panels[0], chords, pitches)
    if probabilities is not None:
        shape = (len(tokens), VOCABULARY_SIZE)
        _draw_probabilities(panels[1], tokens, _checked("probabilities", probabilities, shape), setting)
    if rewards is not None:
        _draw_rewards(panels[-1], _checked("rewards", rewards, (len(tokens),)))
    _draw_bars(panels, len(tokens), setting, pickup, marks)
    return panels[0].get_figure(root=True)  # type: ignore[return-value]


def comparison_figure(melodies: Mapping[str, npt.ArrayLike], setting: Setting = PAPER_SETTING) -> Figure:
    """Draw `melodies` (title -> tokens [T]) as piano rolls below each other, with the same steps and pitches.

    Raises VocabularyError for invalid tokens.
    """
    rolls = {title: check_tokens(melody, ndim=1) for title, melody in melodies.items()}
    pitches = _shown_pitches(list(rolls.values()), setting)
    length = max(map(len, rolls.values()))
    panels = _panels([_LOW_ROW_HEIGHT * len(pitches)] * len(rolls), length)
    for axes, (title, tokens) in zip(panels, rolls.items(), strict=True):
        axes.set_title(title, loc="left", fontsize=13)
        _draw_notes(axes, tokens, pitches, setting, size=9)
    panels[0].set_title("tonic in yellow, outside the scale in grey", loc="right", fontsize=9, color=_LABEL)
    _draw_bars(panels, length, setting)
    return panels[0].get_figure(root=True)  # type: ignore[return-value]


def _panels(heights: list[float], length: int) -> list[Axes]:
    """Return panels below each other in a new figure, `heights` inches high and wide enough for `length` steps."""
    figure = Figure(
        figsize=(min(max(0.3 * length, 7.0), 24.0), sum(heights) + 0.5 * len(heights)), layout="constrained"
    )
    FigureCanvasAgg(figure)
    return list(figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0])


def _shown_pitches(melodies: list[Tokens], setting: Setting) -> range:
    """Return MIDI pitches from one below the lowest note of `melodies` to one above the highest, at least an octave."""
    played = np.concatenate([tokens_to_notes(tokens).pitches for tokens in melodies])
    low, high = (played.min() - 1, played.max() + 1) if len(played) else (setting.tonic_pitch,) * 2
    missing = max(12 - (high - low), 0)
    low = int(np.clip(low - missing // 2, MIN_PITCH, MAX_PITCH - 12))
    return range(low, min(max(high, low + 12), MAX_PITCH) + 1)


def _draw_notes(axes: Axes, tokens: Tokens, pitches: range, setting: Setting, size: int = 10) -> None:
    for pitch in pitches:
        if pitch % 12 == setting.tonic:
            axes.axhspan(pitch - 0.5, pitch + 0.5, color=_TONIC, lw=0, zorder=0)
        elif not setting.in_scale[pitch_to_token(pitch)]:
            axes.axhspan(pitch - 0.5, pitch + 0.5, color=_BLACK_KEY, lw=0, zorder=0)
    for start, end, pitch in zip(*tokens_to_notes(tokens), strict=True):
        block = FancyBboxPatch(
            (start + 0.07, pitch - 0.4),
            end - start - 0.14,
            0.8,
            boxstyle="round,pad=0,rounding_size=0.2",
            mutation_aspect=1.2,
            facecolor=_NOTE,
            edgecolor="none",
            zorder=3,
        )
        axes.add_patch(block)
    axes.set_ylim(pitches.start - 0.5, pitches.stop - 0.5)
    _label_pitches(axes, pitches, setting, shift=0, size=size)


def _draw_chords(axes: Axes, chords: Sequence[ChordStart], pitches: range) -> None:
    """Write the symbols of `chords` above a piano roll, where they begin."""
    for step, chord in chords:
        axes.annotate(chord.label, (step, pitches.stop - 0.5), (1, 3), textcoords="offset points", fontsize=11)


def _draw_probabilities(axes: Axes, tokens: Tokens, probabilities: Values, setting: Setting) -> None:
    picture = draw_probabilities(axes, tokens, probabilities, setting)
    bar = axes.figure.colorbar(picture, ax=axes, pad=0.01, fraction=0.03, ticks=[0, 0.01, 0.1, 0.25, 0.5, 1])
    bar.ax.set_yticklabels(["0", ".01", ".1", ".25", ".5", "1"], fontsize=9)
    bar.set_label("probability", fontsize=10)


def draw_probabilities(
    axes: Axes, tokens: Tokens, probabilities: Values, setting: Setting = PAPER_SETTING
) -> AxesImage:
    """Draw `probabilities` [T, A] as a heat map in which the `tokens` [T] are outlined."""
    picture = axes.imshow(
        probabilities.T,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(0, len(tokens), -0.5, VOCABULARY_SIZE - 0.5),
        cmap="Blues",
        norm=PowerNorm(0.45, vmin=0.0, vmax=1.0),
    )
    for t, token in enumerate(tokens):
        axes.add_patch(
            Rectangle((t, token - 0.5), 1, 1, fill=False, edgecolor=_OUTLINE, lw=1.4, zorder=3, clip_on=False)
        )
    axes.axhline(FIRST_PITCH_TOKEN - 0.5, color=_BAR, lw=0.8)
    axes.set_ylim(-0.5, VOCABULARY_SIZE - 0.5)
    pitches = range(MIN_PITCH, MAX_PITCH + 1)
    names = {NOTE_OFF: "off", NO_EVENT: "hold"}
    _label_pitches(axes, pitches, setting, shift=FIRST_PITCH_TOKEN - MIN_PITCH, size=8, names=names)
    return picture


def _draw_rewards(axes: Axes, rewards: Values) -> None:
    colours = [_NOTE if reward >= 0 else _OUTLINE for reward in rewards]
    axes.bar(np.arange(len(rewards)) + 0.5, rewards, width=0.8, color=colours, zorder=3)
    axes.axhline(0, color=_BAR, lw=0.8)
    axes.set_ylabel("reward", fontsize=10)
    axes.tick_params(axis="y", labelsize=9)


def _label_pitches(
    axes: Axes, pitches: range, setting: Setting, shift: int, size: int, names: Mapping[int, str] = {}
) -> None:
    """Label the notes of the scale on the y axis, the tonic in bold; `names` are further rows."""
    in_scale = [pitch for pitch in pitches if setting.in_scale[pitch_to_token(pitch)]]
    rows = {pitch + shift: _spelled_name(pitch, setting) for pitch in in_scale} | dict(names)
    axes.set_yticks(list(rows), list(rows.values()), fontsize=size, color=_LABEL)
    for row, label in zip(rows, axes.get_yticklabels(), strict=True):
        if row not in names and (row - shift) % 12 == setting.tonic:
            label.set(color="black", fontweight="bold")
    axes.tick_params(axis="y", length=0)


def _spelled_name(pitch: int, setting: Setting) -> str:
    """Return the name of MIDI `pitch` as the key signature of the `setting` spells it."""
    letter, alteration, octave = spelled(pitch, setting.staff.sharps)
    return f"{letter}{'♯' * alteration}{'♭' * -alteration}{octave}"


def _draw_bars(
    panels: list[Axes], length: int, setting: Setting, pickup: int = 0, marks: Mapping[int, str] = {}
) -> None:
    """Mark beats and bars, counted from 1 after the `pickup`, with the `marks` at their steps."""
    for axes in panels:
        for start in range(pickup % setting.steps_per_beat, length + 1, setting.steps_per_beat):
            is_bar = (start - pickup) % setting.steps_per_bar == 0
            axes.axvline(start, color=_BAR if is_bar else _LINE, lw=1.0 if is_bar else 0.5, zorder=1)
        for side in ("top", "right", "left", "bottom"):
            axes.spines[side].set_visible(False)
        axes.tick_params(axis="x", length=0, labelsize=10)
    panels[-1].set_xlim(0, length)
    bars = range(pickup, length, setting.steps_per_bar)
    labels = [f"bar {number} {marks.get(step, '')}".rstrip() for number, step in enumerate(bars, start=1)]
    panels[-1].set_xticks(list(bars), labels, ha="left")


def _checked(name: str, values: npt.ArrayLike, shape: tuple[int, ...]) -> Values:
    array = np.asarray(values)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape} to match the melody, not {array.shape}.")
    return array


def _rgb(colour: str) -> npt.NDArray[np.uint8]:
    return np.array([round(255 * part) for part in to_rgb(colour)], np.uint8)
