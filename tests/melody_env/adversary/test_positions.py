"""What a token is worth at each step: log-odds by its share among human and composed melodies there."""

import numpy as np
import pytest

from melody_env import Setting
from melody_env.adversary.positions import DECAY, PRIOR_COUNT, STEP, PositionDiscriminator

SETTING = Setting(length=4)


def test_a_token_is_worth_how_much_oftener_people_have_it_there():
    """At the first step 60 of 80 human melodies have a note, 20 of 80 composed ones; at the others all hold."""
    human, composed = np.ones((2, 80, 4), np.int64)
    human[:60, 0], composed[:20, 0] = 14, 14
    discriminator = PositionDiscriminator(SETTING)
    discriminator.fit(human, composed)
    smoothed = (60 + PRIOR_COUNT / 2) / (20 + PRIOR_COUNT / 2)
    expected = np.zeros((4, 38))
    expected[0, [1, 14]] = [-np.log(smoothed), np.log(smoothed)]
    expected = STEP * expected.clip(-1, 1)
    np.testing.assert_allclose(discriminator.worth, expected, atol=1e-6)
    discriminator.fit(human, composed)
    np.testing.assert_allclose(discriminator.worth, (2 - DECAY) * expected, atol=1e-6)


def test_melodies_are_worth_the_sum_of_their_tokens():
    discriminator = PositionDiscriminator(SETTING)
    discriminator.worth = np.arange(4 * 38).reshape(4, 38).astype(float)
    melody = np.array([[14, 1, 0, 37]])
    assert discriminator.log_odds(melody) == pytest.approx(14 + 39 + 76 + (3 * 38 + 37))
