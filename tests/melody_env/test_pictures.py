"""Text, image and figure show the melody that they are given."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from melody_env import melody_text, piano_roll_figure, piano_roll_image
from note_rnn import VocabularyError

MELODY = [14, 1, 1, 0, 18, 21, 1, 0, 1, 1, 14, 1, 1, 1, 1, 1, 2, 37]


def test_text_has_a_bar_a_line():
    assert melody_text(MELODY).splitlines() == [
        "  1 | C4 -  -  .  | E4 G4 -  .  | .  .  C4 -  | -  -  -  -  |",
        "  2 | C3 B5 |",
    ]


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


def test_figure_of_a_melody_alone_has_one_panel():
    assert len(piano_roll_figure(MELODY).axes) == 1


def test_what_does_not_go_with_the_melody_is_refused():
    with pytest.raises(VocabularyError):
        piano_roll_figure([38])
    with pytest.raises(ValueError, match=r"probabilities must have shape \(18, 38\)"):
        piano_roll_figure(MELODY, np.zeros((17, 38)))
    with pytest.raises(ValueError, match=r"rewards must have shape \(18,\)"):
        piano_roll_figure(MELODY, rewards=np.zeros(17))
