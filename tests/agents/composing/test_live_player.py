"""A player in real time: what it plays is what composing gives, whoever plays the tokens before."""

import time
from threading import Thread

import numpy as np
import pytest

import agents
from agents.composing.composers import load_run
from agents.composing.pieces import compose_pieces
from note_rnn import InputError, VocabularyError, write_midi

TUNE = [14, 1, 16, 1, 18, 1, 14, 1]


def test_a_note_rnn_gives_its_own_log_probabilities(lookback_prior):
    player = agents.load(lookback_prior, length=8, key="D")
    player.prime([14])
    own = lookback_prior.transposed(2).log_probs([[14, *TUNE[:-1]]])[0]
    for token, expected in zip(TUNE, own, strict=True):
        np.testing.assert_allclose(player.log_probs, expected, atol=1e-5)
        assert player.play(token) == token
    assert player.melody.tolist() == TUNE


@pytest.mark.parametrize("number", [0, 1])
def test_an_agent_gives_what_its_composing_gives(small_runs, number):
    """The probabilities along a piece that was composed in another key, stronger and colder, are those of composing."""
    agent = load_run(small_runs[number])
    changed = agent.environment.changed(key="Eb", length=20, primer=[14, 1, 16])
    pieces = compose_pieces(agent.player(changed, 1.5), 1, 3, changed, temperature=0.7, retained=1)
    player = agents.load(small_runs[number], strength=1.5, temperature=0.7, key="Eb", length=20)
    player.prime([14, 1, 16])
    for token, probabilities in zip(pieces.melodies[0], pieces.steps.probabilities[0], strict=True):
        np.testing.assert_allclose(np.exp(player.log_probs), probabilities, atol=1e-5)
        player.play(token)


def test_next_draws_from_what_it_returns_and_plays_it(small_runs):
    player = agents.load(small_runs[0], length=400, seed=1)
    drawn = [player.next() for _ in range(400)]
    assert player.melody.tolist() == [each.token for each in drawn]
    assert all(np.exp(each.log_probs).sum() == pytest.approx(1, abs=1e-4) for each in drawn)
    surprise = np.mean([each.log_probs[each.token] for each in drawn])
    expected = np.mean([(np.exp(each.log_probs) * each.log_probs).sum() for each in drawn])
    assert surprise == pytest.approx(expected, abs=0.2)
    again = agents.load(small_runs[0], length=400, seed=1)
    assert [again.next().token for _ in range(400)] == player.melody.tolist()


def test_a_piece_ends_and_another_begins(small_prior, tmp_path):
    write_midi(TUNE, tmp_path / "tune.mid")
    player = agents.load(small_prior, length=3)
    player.prime(tmp_path / "tune.mid")
    assert player.remaining == 3
    for _ in range(3):
        player.next()
    for act in (player.next, lambda: player.play(1), lambda: player.log_probs):
        with pytest.raises(InputError, match="The piece is complete"):
            act()
    player.prime("C4 - E4")
    assert (player.remaining, player.melody.tolist()) == (3, [])


def test_forbidden_tokens_become_allowed_ones(small_prior):
    player = agents.load(small_prior, pitch_range=(60, 72), length=40)
    assert player.play(2) == 14
    assert np.exp(player.log_probs[[2, 37]]).tolist() == [0, 0]
    tokens = {player.next().token for _ in range(39)}
    assert tokens <= {0, 1, *range(14, 27)}


@pytest.mark.parametrize("token", [38, -1])
def test_what_is_no_token_is_refused(small_prior, token):
    with pytest.raises(VocabularyError):
        agents.load(small_prior).play(token)


def test_threads_share_a_player(small_runs):
    player = agents.load(small_runs[1], length=120)
    threads = [Thread(target=lambda: [player.next() for _ in range(30)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert player.remaining == 0


def test_a_token_takes_little_time(small_runs):
    player = agents.load(small_runs[0], length=300)
    started = time.process_time()
    for _ in range(300):
        player.next()
    assert (time.process_time() - started) / 300 < 0.005  # 0.5 ms on a machine that is not busy
