"""Text, image and figures show the melodies that they are given."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyBboxPatch, Rectangle

from melody_env import Setting, melody_text, piano_roll_figure, piano_roll_image
from melody_env.pictures import comparison_figure, pitch_name
from note_rnn import VocabularyError
from note_rnn.chords import ChordStart, parse_chord

MELODY = [14, 1, 1, 0, 18, 21, 1, 0, 1, 1, 14, 1, 1, 1, 1, 1, 2, 37]
JIG = Setting(meter="6/8")  # bars of 12 steps, beats of 6


def is_blue(colour) -> bool:
    red, _, blue = np.asarray(colour)[:3]
    return blue > red


def test_text_has_a_bar_a_line():
    assert melody_text(MELODY).splitlines() == [
        "  1 | C4 -  -  .  | E4 G4 -  .  | .  .  C4 -  | -  -  -  -  |",
        "  2 | C3 B5 |",
    ]


def test_text_has_the_bars_and_beats_of_its_meter():
    assert melody_text(MELODY, JIG).splitlines() == [
        "  1 | C4 -  -  .  E4 G4 | -  .  .  .  C4 -  |",
        "  2 | -  -  -  -  C3 B5 |",
    ]


def test_text_begins_with_the_pickup_as_bar_0():
    """In 6/8, seven steps and a beat of six before the first bar line."""
    assert melody_text(MELODY, JIG, pickup=7).splitlines() == [
        "  0 | C4 | -  -  .  E4 G4 -  |",
        "  1 | .  .  .  C4 -  -  | -  -  -  C3 B5 |",
    ]
    assert melody_text(MELODY[:2], JIG, pickup=7).splitlines() == ["  0 | C4 | -  |"]


def test_figure_counts_bars_after_the_pickup():
    axes = piano_roll_figure(MELODY, setting=JIG, pickup=5).axes[0]
    starts = [(line.get_xdata()[0], line.get_linewidth()) for line in axes.lines]
    assert starts == [(5, 1.0), (11, 0.5), (17, 1.0)]
    assert axes.get_xticks().tolist() == [5, 17]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["bar 1", "bar 2"]


CHORDS = (ChordStart(5, parse_chord("Dm")), ChordStart(11, parse_chord("Bb/F")), ChordStart(17, parse_chord("N.C.")))


def test_text_names_the_chords_of_each_bar():
    assert melody_text(MELODY, JIG, pickup=5, marks={5: "A"}, chords=CHORDS).splitlines() == [
        "  0 | C4 -  -  .  E4 |",
        "  1 | G4 -  .  .  .  C4 | -  -  -  -  -  C3 | A [Dm Bb/F]",
        "  2 | B5 | [N.C.]",
    ]


def test_figure_names_chords_where_they_begin_above_the_roll():
    figure = piano_roll_figure(MELODY, title="Jig", setting=JIG, pickup=5, chords=CHORDS)
    (axes,) = figure.axes
    assert [(text.get_text(), text.xy[0]) for text in axes.texts] == [
        ("Dm", 5),
        ("B\N{MUSIC FLAT SIGN}/F", 11),
        ("N.C.", 17),
    ]
    figure.draw_without_rendering()
    tops = [text.get_window_extent() for text in axes.texts]
    assert all(top.y0 >= axes.get_window_extent().y1 for top in tops)
    title = axes._left_title.get_window_extent()
    assert all(title.y0 >= top.y1 for top in tops)


def test_middle_c_is_c4():
    assert [pitch_name(pitch) for pitch in (59, 60, 61, 72)] == ["B3", "C4", "C#4", "C5"]


@pytest.mark.parametrize(("setting", "bar", "beat"), [(Setting(), 16, 4), (JIG, 12, 6)])
def test_image_has_lines_at_beats_and_bars_of_its_meter(setting, bar, beat):
    image = piano_roll_image([], length=32, cell=4, setting=setting).astype(int)
    upper_line = image[1, ::4]  # of the row of B5, a white key, where each step begins
    inside = image[1, 2::4]
    kinds = [tuple(colour) for colour in upper_line]
    at_bars, at_beats = {kinds[step] for step in range(0, 32, bar)}, {kinds[beat]}
    assert len(at_bars) == 1
    assert {step for step, kind in enumerate(kinds) if kind in at_bars} == set(range(0, 32, bar))
    assert {step for step, kind in enumerate(kinds) if kind in at_bars | at_beats} == set(range(0, 32, beat))
    assert {tuple(colour) for colour in inside} == {(255, 255, 255)}


def test_image_shades_black_keys_and_has_a_line_below_each_c():
    image = piano_roll_image([], length=2, cell=4)[:, 2].reshape(36, 4, 3).astype(int)
    black = {83 - row for row in range(36) if (image[row, 1] != 255).any()}
    assert black == {48 + 12 * octave + key for octave in range(3) for key in (1, 3, 6, 8, 10)}
    lined = {83 - row for row in range(36) if (image[row, 3] != image[row, 1]).any()}
    assert lined == {48, 60, 72}


def test_image_has_a_block_where_a_note_sounds():
    image = piano_roll_image(MELODY, length=32, cell=4)
    blank = piano_roll_image([], length=32, cell=4)
    assert image.shape == (36 * 4, 32 * 4, 3)
    cells = (image != blank).any(axis=2).reshape(36, 4, 32, 4).any(axis=(1, 3))
    sounding = {(int(83 - row), int(column)) for row, column in np.argwhere(cells)}
    c4 = {(60, t) for t in (0, 1, 2, 10, 11, 12, 13, 14, 15)}
    assert sounding == c4 | {(64, 4), (67, 5), (67, 6), (48, 16), (83, 17)}


def test_figure_has_notes_probabilities_and_rewards():
    probabilities = np.full((18, 38), 1 / 38)
    figure = piano_roll_figure(MELODY, probabilities, np.linspace(-1, 1, 18), title="a title")
    figure.canvas.draw()
    roll, heat_map, rewards = figure.axes[:3]
    assert roll.get_title(loc="left") == "a title"
    assert "C4" in [label.get_text() for label in roll.get_yticklabels()]
    np.testing.assert_array_equal(heat_map.images[0].get_array(), probabilities.T)
    outlined = [(patch.get_x(), patch.get_y() + 0.5) for patch in heat_map.patches if isinstance(patch, Rectangle)]
    assert outlined == list(enumerate(MELODY))
    assert [bar.get_height() for bar in rewards.patches] == pytest.approx(np.linspace(-1, 1, 18))
    assert [bar.get_x() + bar.get_width() / 2 for bar in rewards.patches] == pytest.approx(np.arange(18) + 0.5)
    assert [is_blue(bar.get_facecolor()) for bar in rewards.patches] == [False] * 9 + [True] * 9
    assert rewards.get_ylabel() == "reward"


def blocks_of(roll):
    """Return the notes of a piano roll: first step, first step after it, pitch."""
    blocks = [patch for patch in roll.patches if isinstance(patch, FancyBboxPatch)]
    return [(round(b.get_x()), round(b.get_x() + b.get_width()), b.get_y() + b.get_height() / 2) for b in blocks]


def shades_of(roll):
    """Return the colour of each row that is not white, by pitch."""
    rows = [patch for patch in roll.patches if not isinstance(patch, FancyBboxPatch)]
    return {row.get_y() + row.get_height() / 2: row.get_facecolor()[:3] for row in rows}


def test_figure_has_a_block_where_a_note_sounds():
    (roll,) = piano_roll_figure(MELODY).axes
    assert blocks_of(roll) == [(0, 3, 60), (4, 5, 64), (5, 7, 67), (10, 16, 60), (16, 17, 48), (17, 18, 83)]


@pytest.mark.parametrize(
    ("setting", "tonics", "outside"),
    [(Setting(), {60}, {61, 63, 66, 68, 70}), (Setting(key="Bb"), {70}, {59, 61, 64, 66, 68, 71})],
)
def test_figure_shades_the_tonic_and_what_is_outside_the_scale(setting, tonics, outside):
    shades = shades_of(piano_roll_figure([14, 1, 20, 24], setting=setting).axes[0])  # C4, F#4, A#4: from B3 to B4
    tinted = {pitch for pitch, (red, _, blue) in shades.items() if red > blue}
    assert (tinted, set(shades) - tinted) == (tonics, outside)


@pytest.mark.parametrize(
    ("setting", "names", "bold"),
    [
        (Setting(), ["B3", "C4", "D4", "E4", "F4", "G4", "A4", "B4"], ["C4"]),
        (Setting(key="Bb"), ["C4", "D4", "E♭4", "F4", "G4", "A4", "B♭4"], ["B♭4"]),
        (Setting(key="A"), ["B3", "C♯4", "D4", "E4", "F♯4", "G♯4", "A4", "B4"], ["A4"]),
    ],
)
def test_figure_names_the_notes_of_the_scale_and_the_tonic_in_bold(setting, names, bold):
    labels = piano_roll_figure([14, 1, 20, 24], setting=setting).axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == names
    assert [label.get_text() for label in labels if label.get_fontweight() == "bold"] == bold
    assert all(label.get_fontsize() >= 8 for label in labels)


@pytest.mark.parametrize(
    ("melody", "lowest", "highest"),
    [([2, 37], 47.5, 83.5), ([14, 26], 58.5, 73.5), ([14], 53.5, 66.5), ([2], 47.5, 60.5), ([37], 70.5, 83.5)],
)
def test_figure_has_the_pitches_that_are_played_and_an_octave_at_least(melody, lowest, highest):
    assert piano_roll_figure(melody).axes[0].get_ylim() == (lowest, highest)


def test_figure_of_silence_has_the_octave_around_the_tonic():
    assert piano_roll_figure([0, 1], setting=Setting(key="G")).axes[0].get_ylim() == (48.5, 61.5)


def test_comparison_has_a_roll_for_each_melody_with_the_same_steps_and_pitches():
    figure = comparison_figure({"low": [2, 1, 1], "high": [14, 16]})
    assert [roll.get_title(loc="left") for roll in figure.axes] == ["low", "high"]
    assert [blocks_of(roll) for roll in figure.axes] == [[(0, 3, 48)], [(0, 1, 60), (1, 2, 62)]]
    assert {(*roll.get_ylim(), *roll.get_xlim()) for roll in figure.axes} == {(47.5, 63.5, 0, 3)}
    assert [label.get_text() for label in figure.axes[-1].get_xticklabels()] == ["bar 1"]


@pytest.mark.parametrize(("setting", "bars", "beats"), [(Setting(), [0, 16], 4), (JIG, [0, 12], 6)])
def test_figure_has_the_bars_and_beats_of_its_meter(setting, bars, beats):
    figure = piano_roll_figure(MELODY, rewards=np.zeros(18), setting=setting)
    for axes in figure.axes:
        upright = [line for line in axes.lines if len(set(line.get_xdata())) == 1]
        starts = [(line.get_xdata()[0], line.get_linewidth()) for line in upright]
        assert [start for start, width in starts if width == 1] == bars
        assert [start for start, _ in starts] == list(range(0, 19, beats))
    below = figure.axes[-1]
    assert below.get_xticks().tolist() == bars
    assert [label.get_text() for label in below.get_xticklabels()] == ["bar 1", "bar 2"]
    assert below.get_xlim() == (0, 18)


def test_heat_map_has_a_row_for_each_token_from_the_lowest_up():
    probabilities = np.zeros((2, 38))
    probabilities[0, 14], probabilities[1, 1] = 1, 0.5
    heat_map = piano_roll_figure([14, 1], probabilities).axes[1]
    picture = heat_map.images[0]
    assert (picture.origin, picture.get_extent()) == ("lower", [0, 2, -0.5, 37.5])
    assert (picture.norm.vmin, picture.norm.vmax) == (0, 1)
    named = dict(zip(heat_map.get_yticks().tolist(), heat_map.get_yticklabels(), strict=True))
    names = {row: label.get_text() for row, label in named.items()}
    assert {row: names[row] for row in (0, 1, 2, 14, 37)} == {0: "off", 1: "hold", 2: "C3", 14: "C4", 37: "B5"}
    assert len(names) == 2 + 3 * 7
    assert to_rgb(named[14].get_color()) == (0, 0, 0)  # a C stands out


def test_figure_of_a_melody_alone_has_one_panel():
    assert len(piano_roll_figure(MELODY).axes) == 1


def test_what_does_not_go_with_the_melody_is_refused():
    with pytest.raises(VocabularyError):
        piano_roll_figure([38])
    with pytest.raises(ValueError, match=r"probabilities must have shape \(18, 38\)"):
        piano_roll_figure(MELODY, np.zeros((17, 38)))
    with pytest.raises(ValueError, match=r"rewards must have shape \(18,\)"):
        piano_roll_figure(MELODY, rewards=np.zeros(17))
