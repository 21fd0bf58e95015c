"""A card describes its melody in its own key and meter, as computed independently from the tokens alone."""

import base64

import numpy as np
import pretty_midi
import pytest
import torch

from agents import compose_pieces
from agents.composing.composers import load_run
from agents.composing.players import NoteRNNPlayer
from agents.report_page.cards import agent_cards, chosen_tunes, packed, piece_cards, token_name, tune_cards
from melody_env import EnvironmentSpec, score_melodies
from note_rnn import NoteRNN, transposed

D = 2
"""Semitones from C."""
D_MAJOR = {2, 4, 6, 7, 9, 11, 1}


@pytest.fixture(scope="module")
def prior() -> NoteRNN:
    """A Note RNN whose probabilities differ much from note to note."""
    torch.manual_seed(3)
    model = NoteRNN(hidden_size=12)
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(4.0)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def waltz(prior, tmp_path_factory) -> EnvironmentSpec:
    """The environment of pieces in D, in 3/4, with a reward of two rules that count twice and three times."""
    profile = tmp_path_factory.mktemp("profile") / "two.yaml"
    profile.write_text("c: 0.5\nrules:\n  key: {weight: 2}\n  tonic: {weight: 3}\n")
    return EnvironmentSpec.of(prior=prior, reward=str(profile), key="D", meter="3/4", length=24, tempo=96.0)


class Surer:
    """Composes with twice the Note RNN's log p."""

    def begin(self, num_pieces: int, pickup: int = 0) -> None:
        pass

    def scores(self, observations, prior_log_probs):
        return 2 * prior_log_probs


def log_probs_in_c(prior: NoteRNN, melodies, before) -> np.ndarray:
    """Return log p [N, T, A] of the tokens after `before` [N] and after each token, all transposed down to C."""
    tokens = np.concatenate([np.reshape(before, (-1, 1)), melodies[:, :-1]], axis=1)
    return prior.log_probs(transposed(tokens, -D)).numpy()


def of(log_probs, melodies) -> np.ndarray:
    return np.take_along_axis(log_probs, transposed(melodies, -D)[..., None], -1)[..., 0]


@pytest.fixture(scope="module")
def pieces(waltz):
    return compose_pieces(Surer(), 5, 11, waltz, retained=3)


def test_likelihoods_are_those_of_the_melody_transposed_to_c(pieces, waltz, prior):
    cards = piece_cards(pieces, waltz.profile)
    assert len(cards) == 3
    melodies, primers = pieces.melodies[:3], pieces.priming_tokens[:3]
    by_prior = log_probs_in_c(prior, melodies, primers)
    squared = np.exp(2 * by_prior)
    by_policy = squared / squared.sum(-1, keepdims=True)
    to_d = transposed(np.arange(38), D)  # the tokens of D that those of C become
    for i, card in enumerate(cards):
        assert card.tokens == melodies[i].tolist()
        assert card.start == token_name(primers[i])
        np.testing.assert_allclose(card.prior, np.exp(of(by_prior, melodies)[i]), atol=1e-4)
        assert card.log_prob == pytest.approx(of(by_prior, melodies)[i].sum(), rel=1e-4)
        np.testing.assert_allclose(card.policy, of(by_policy, melodies)[i], atol=1e-4)
        shades = np.frombuffer(base64.b64decode(card.alternatives), np.uint8).reshape(24, 38)
        np.testing.assert_allclose(shades[:, to_d] / 255, by_policy[i], atol=0.5 / 255 + 1e-4)


def test_rules_have_the_weights_of_the_profile_and_read_the_key_of_the_setting(pieces, waltz):
    cards = piece_cards(pieces, waltz.profile)
    for card in cards:
        outside = [-2.0 if token > 1 and (token + 46) % 12 not in D_MAJOR else 0.0 for token in card.tokens]
        assert card.rules.get("key", [0.0] * 24) == outside
        assert card.music_theory == pytest.approx(np.sum([[0.0] * 24, *card.rules.values()], axis=0))
    d4 = np.array([[16, *[1] * 23]])
    (card,) = tune_cards(d4, waltz)
    # D is the tonic: three times 3 at the first step and for the holds of the last beat. "key" is 0 throughout.
    assert card.rules == {"tonic": [9.0] + [0.0] * 20 + [9.0] * 3}
    assert max(card.music_theory) == 9


def test_meter_and_tempo_are_those_of_the_setting(pieces, waltz, tmp_path):
    card = piece_cards(pieces, waltz.profile)[0]
    assert card.staff == waltz.setting.staff
    assert (card.staff.steps_per_beat, card.staff.steps_per_bar, card.staff.bpm) == (4, 12, 96)
    (tmp_path / "melody.mid").write_bytes(base64.b64decode(card.midi))
    file = pretty_midi.PrettyMIDI(str(tmp_path / "melody.mid"))
    assert file.get_tempo_changes()[1].tolist() == pytest.approx([96])
    first = next(step for step, token in enumerate(card.tokens) if token > 1)
    assert file.instruments[0].notes[0].start == pytest.approx(first * 60 / 96 / 4, abs=1e-3)
    assert file.instruments[0].notes[0].pitch == card.tokens[first] + 46


def test_a_jig_has_beats_of_six_steps(prior):
    (card,) = tune_cards(np.full((1, 24), 14), EnvironmentSpec.of(prior=prior, meter="6/8", length=24))
    assert (card.staff.steps_per_beat, card.staff.steps_per_bar) == (6, 12)


def test_a_given_tune_is_scored_as_if_the_note_rnn_had_composed_it(waltz, prior):
    tunes = np.random.default_rng(0).integers(2, 38, (2, 24))
    cards = tune_cards(tunes, waltz)
    log_probs = log_probs_in_c(prior, tunes, [1, 1])
    for i, card in enumerate(cards):
        assert card.start == "nothing"
        np.testing.assert_allclose(card.prior, np.exp(of(log_probs, tunes)[i]), atol=1e-4)
        assert card.policy == card.prior
        assert card.log_prob == pytest.approx(of(log_probs, tunes)[i].sum(), rel=1e-4)
    assert tune_cards(tunes[:0], waltz) == []


def test_tunes_are_chosen_at_random_each_once():
    tunes = np.arange(40).reshape(20, 2)
    chosen = chosen_tunes(tunes, 5, 0)
    assert chosen.tolist() != tunes[:5].tolist()
    assert len({tuple(tune) for tune in chosen.tolist()} & {tuple(tune) for tune in tunes.tolist()}) == 5
    np.testing.assert_array_equal(chosen_tunes(tunes, 5, 0), chosen)
    assert chosen_tunes(tunes, 5, 1).tolist() != chosen.tolist()
    assert len(chosen_tunes(tunes, 30, 0)) == 20


def test_before_is_the_note_rnn_and_after_the_agent(small_runs):
    agent = load_run(small_runs[0])
    cards = agent_cards(agent, 4, 9)
    before, after = (compose_pieces(each, 4, 9, agent.environment) for each in (NoteRNNPlayer(), agent.player()))
    assert [card.tokens for card in cards.before] == before.melodies.tolist()
    assert [card.tokens for card in cards.after] == after.melodies.tolist()
    assert [card.policy == card.prior for card in cards.before] == [True] * 4
    assert not any(card.policy == card.prior for card in cards.after)
    assert [card.start for card in cards.before] == [card.start for card in cards.after]
    expected = score_melodies(after.melodies).music_theory
    np.testing.assert_allclose([card.music_theory for card in cards.after], expected, atol=1e-4)
    assert agent.environment.setting.tempo == cards.after[0].staff.bpm == 480


def test_probabilities_are_packed_in_255ths():
    assert list(base64.b64decode(packed(np.array([[0.0, 1.0], [0.498, 0.502]])))) == [0, 255, 127, 128]


def test_the_priming_token_is_named_in_words():
    assert [token_name(token) for token in (0, 1, 14, 15, 37)] == ["silence", "nothing", "C4", "C♯4", "B5"]
