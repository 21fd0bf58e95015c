"""Melodies to look at: as text, as a small image, and as a figure with the note probabilities.

Shapes: T steps, A = 38 tokens.
"""

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import FancyBboxPatch, Rectangle

from melody_env.setting import PAPER_SETTING, Setting
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
)

Values = npt.NDArray[np.floating]

_PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_WHITE_KEYS = frozenset({0, 2, 4, 5, 7, 9, 11})

_NOTE = "#2563a8"
_OUTLINE = "#e4572e"
_PAPER, _BLACK_KEY, _LINE, _BAR, _LABEL = "#ffffff", "#eef1f5", "#c3cad4", "#7d8794", "#8a93a0"


def pitch_name(pitch: int) -> str:
    """Return the name of a MIDI pitch; 60 is C4."""
    return f"{_PITCH_CLASSES[pitch % 12]}{pitch // 12 - 1}"


def melody_text(melody: npt.ArrayLike, setting: Setting = PAPER_SETTING) -> str:
    """Return `melody` [T] as text, a bar a line: the name of a note, `-` while it sounds, `.` for silence."""
    tokens = check_tokens(melody, ndim=1)
    cells = ["."] * len(tokens)
    for start, end, pitch in zip(*tokens_to_notes(tokens), strict=True):
        cells[start:end] = [pitch_name(pitch), *["-"] * (end - start - 1)]
    lines = []
    per_bar, per_beat = setting.steps_per_bar, setting.steps_per_beat
    for start in range(0, len(cells), per_bar):
        bar = [cell.ljust(3) for cell in cells[start : start + per_bar]]
        beats = ["".join(bar[i : i + per_beat]) for i in range(0, len(bar), per_beat)]
        lines.append(f"{start // per_bar + 1:3d} | {'| '.join(beats)}|")
    return "\n".join(lines)


def piano_roll_image(
    melody: npt.ArrayLike, length: int, cell: int = 8, setting: Setting = PAPER_SETTING
) -> npt.NDArray[np.uint8]:
    """Return `melody`, the beginning of a piece of `length` steps, as an image [36 * cell, length * cell, 3].

    Rows are pitches, the highest at the top; columns are steps, with lines at beats and bars of the
    `setting`.
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
) -> Figure:
    """Draw `melody` [T] as a piano roll and, below it, what is given: note probabilities [T, A] and rewards [T].

    Row t of `probabilities` is the distribution that token t was drawn from; the played tokens are outlined in it.
    Beats and bars are those of the `setting`.
    Nothing is shown on a screen: save the figure, or hand it to TensorBoard. Raises VocabularyError for bad
    tokens, ValueError for probabilities or rewards of another shape.
    """
    tokens = check_tokens(melody, ndim=1)
    heights = [4.0, *([4.4] if probabilities is not None else []), *([1.3] if rewards is not None else [])]
    figure = Figure(figsize=(min(max(0.3 * len(tokens), 7.0), 24.0), sum(heights) + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = list(figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0])
    panels[0].set_title(title, loc="left", fontsize=11)
    _draw_notes(panels[0], tokens)
    if probabilities is not None:
        _draw_probabilities(panels[1], tokens, _checked("probabilities", probabilities, (len(tokens), VOCABULARY_SIZE)))
    if rewards is not None:
        _draw_rewards(panels[-1], _checked("rewards", rewards, (len(tokens),)))
    _draw_bars(panels, len(tokens), setting)
    return figure


def _draw_notes(axes: Axes, tokens: Tokens) -> None:
    for pitch in range(MIN_PITCH, MAX_PITCH + 1):
        if pitch % 12 not in _WHITE_KEYS:
            axes.axhspan(pitch - 0.5, pitch + 0.5, color=_BLACK_KEY, lw=0, zorder=0)
    for start, end, pitch in zip(*tokens_to_notes(tokens), strict=True):
        block = FancyBboxPatch(
            (start + 0.09, pitch - 0.45),
            end - start - 0.18,
            0.9,
            boxstyle="round,pad=0,rounding_size=0.18",
            mutation_aspect=1.6,
            facecolor=_NOTE,
            edgecolor="none",
            zorder=3,
        )
        axes.add_patch(block)
    axes.set_ylim(MIN_PITCH - 0.5, MAX_PITCH + 0.5)
    _label_pitches(axes, shift=0)


def _draw_probabilities(axes: Axes, tokens: Tokens, probabilities: Values) -> None:
    picture = draw_probabilities(axes, tokens, probabilities)
    bar = axes.figure.colorbar(picture, ax=axes, pad=0.01, fraction=0.03, ticks=[0, 0.01, 0.1, 0.25, 0.5, 1])
    bar.ax.set_yticklabels(["0", ".01", ".1", ".25", ".5", "1"], fontsize=7)
    bar.set_label("probability", fontsize=8)


def draw_probabilities(axes: Axes, tokens: Tokens, probabilities: Values) -> AxesImage:
    """Draw `probabilities` [T, A] as a heat map, with the `tokens` [T] that were played outlined in it."""
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
    _label_pitches(axes, shift=FIRST_PITCH_TOKEN - MIN_PITCH, names={NOTE_OFF: "off", NO_EVENT: "hold"})
    return picture


def _draw_rewards(axes: Axes, rewards: Values) -> None:
    colours = [_NOTE if reward >= 0 else _OUTLINE for reward in rewards]
    axes.bar(np.arange(len(rewards)) + 0.5, rewards, width=0.8, color=colours, zorder=3)
    axes.axhline(0, color=_BAR, lw=0.8)
    axes.set_ylabel("reward", fontsize=8)
    axes.tick_params(axis="y", labelsize=7)


def _label_pitches(axes: Axes, shift: int, names: dict[int, str] | None = None) -> None:
    """Name the white keys on the y axis, C's larger; `names` are further rows."""
    white_keys = [pitch for pitch in range(MIN_PITCH, MAX_PITCH + 1) if pitch % 12 in _WHITE_KEYS]
    rows = {pitch + shift: pitch_name(pitch) for pitch in white_keys} | (names or {})
    axes.set_yticks(list(rows), list(rows.values()), fontsize=6, color=_LABEL)
    for label in axes.get_yticklabels():
        if label.get_text().startswith("C"):
            label.set(fontsize=8, color="black", fontweight="bold")
    axes.tick_params(axis="y", length=0)


def _draw_bars(panels: list[Axes], length: int, setting: Setting) -> None:
    """Mark beats and bars, counted from 1."""
    for axes in panels:
        for start in range(0, length + 1, setting.steps_per_beat):
            is_bar = start % setting.steps_per_bar == 0
            axes.axvline(start, color=_BAR if is_bar else _LINE, lw=1.0 if is_bar else 0.5, zorder=1)
        for side in ("top", "right", "left", "bottom"):
            axes.spines[side].set_visible(False)
        axes.tick_params(axis="x", length=0, labelsize=8)
    panels[-1].set_xlim(0, length)
    bars = range(0, length, setting.steps_per_bar)
    panels[-1].set_xticks(list(bars), [f"bar {number}" for number in range(1, len(bars) + 1)], ha="left")


def _checked(name: str, values: npt.ArrayLike, shape: tuple[int, ...]) -> Values:
    array = np.asarray(values)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape} to go with the melody, not {array.shape}.")
    return array


def _rgb(colour: str) -> npt.NDArray[np.uint8]:
    return np.array([round(255 * part) for part in to_rgb(colour)], np.uint8)
