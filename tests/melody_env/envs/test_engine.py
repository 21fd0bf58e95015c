"""The engine: rewards are log p + r_MT / c, one evaluation of the prior per step, and B pieces equal B single ones."""

import dataclasses

import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from melody_env import EnvironmentSpec, MelodyEngine, load_profile, score_melodies
from note_rnn import CheckpointError, VocabularyError, save_note_rnn
from note_rnn.network.inference import inference
from note_rnn.vocabulary import NO_EVENT, VOCABULARY_SIZE

T = 32


def play(engine, actions):
    """Compose `actions` [B, T] and return the rewards [B, T] and the finished pieces."""
    engine.reset()
    steps = [engine.step(column) for column in actions.T]
    assert [finished is not None for _, finished in steps] == [False] * (actions.shape[1] - 1) + [True]
    return np.stack([rewards for rewards, _ in steps], axis=1), steps[-1][1]


@pytest.fixture
def actions(golden):
    return golden["tokens"][::100].astype(np.int64)


@pytest.mark.parametrize("priming", ["random_note", "none"])
def test_reward_is_log_p_plus_the_rules_over_c(prior, actions, priming):
    engine = MelodyEngine(len(actions), EnvironmentSpec.of(prior=prior, priming=priming))
    engine.reset()
    inputs = np.column_stack([engine.last_tokens, actions])
    log_p = np.take_along_axis(prior.log_probs(inputs[:, :-1]).numpy(), actions[:, :, None], axis=2)[:, :, 0]
    expected = log_p + score_melodies(actions).music_theory / 0.5
    rewards = np.stack([engine.step(column)[0] for column in actions.T], axis=1)
    np.testing.assert_allclose(rewards, expected, rtol=1e-5, atol=1e-4)


def test_a_profile_decides_what_counts(prior, actions):
    rules_only = dataclasses.replace(load_profile("paper"), c=4.0, log_prior=False)
    rewards, finished = play(MelodyEngine(len(actions), EnvironmentSpec.of(prior=prior, reward=rules_only)), actions)
    np.testing.assert_allclose(rewards, score_melodies(actions).music_theory / 4, rtol=1e-6)
    assert (finished.log_prob < -T).all()  # computed all the same


def test_finished_pieces_are_the_sums_of_their_steps(prior, actions):
    engine = MelodyEngine(len(actions), EnvironmentSpec.of(prior=prior))
    rewards, finished = play(engine, actions)
    scores = score_melodies(actions)
    np.testing.assert_array_equal(finished.melodies, actions)
    assert list(finished.rules) == list(scores.rules)
    for name, values in scores.rules.items():
        np.testing.assert_allclose(finished.rules[name], values.sum(axis=1))
    np.testing.assert_allclose(finished.music_theory, scores.music_theory.sum(axis=1))
    np.testing.assert_allclose(finished.returns, rewards.sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(finished.returns, finished.log_prob + finished.music_theory / 0.5, rtol=1e-5)
    engine.reset()
    assert engine.finished is finished


def test_prior_log_probs_are_those_of_the_next_token(prior, actions):
    engine = MelodyEngine(len(actions), EnvironmentSpec.of(prior=prior))
    engine.reset()
    for column in actions.T:
        expected = engine.prior_log_probs
        assert expected.shape == (len(actions), VOCABULARY_SIZE)
        np.testing.assert_allclose(np.exp(expected).sum(axis=1), 1, rtol=1e-5)
        engine.step(column)
        np.testing.assert_array_equal(engine.log_prob, expected[np.arange(len(actions)), column])


@pytest.mark.parametrize("size", [1, 20])
def test_the_prior_is_evaluated_once_a_step(prior, actions, size, monkeypatch):
    calls = []

    def counted(model, num_melodies):
        steps = inference(model, num_melodies)
        step = steps.step
        steps.step = lambda *arguments: calls.append(1) or step(*arguments)
        return steps

    monkeypatch.setattr("melody_env.envs.engine.inference", counted)
    engine = MelodyEngine(size, EnvironmentSpec.of(prior=prior))
    for _ in range(3):
        play(engine, np.resize(actions, (size, T)))
    assert len(calls) == 3 * T


def test_many_pieces_are_as_many_single_pieces(prior, golden):
    actions = np.resize(golden["tokens"], (512, T)).astype(np.int64)
    together = MelodyEngine(512, EnvironmentSpec.of(prior=prior))
    together.seed(range(100, 612))
    rewards, _ = play(together, actions)
    for row in (0, 1, 511):
        alone = MelodyEngine(1, EnvironmentSpec.of(prior=prior))
        alone.seed([100 + row])
        np.testing.assert_allclose(play(alone, actions[row : row + 1])[0][0], rewards[row], rtol=1e-5, atol=1e-4)


def test_random_notes_are_all_38_tokens_and_depend_on_the_seed(prior):
    def primers(seed, draws):
        engine = MelodyEngine(50, EnvironmentSpec.of(prior=prior))
        engine.seed(range(seed, seed + 50))
        drawn = []
        for _ in range(draws):
            engine.reset()
            drawn.append(engine.last_tokens)
        return np.array(drawn)

    first = primers(0, 40)
    assert set(first.ravel()) == set(range(VOCABULARY_SIZE))
    np.testing.assert_array_equal(first, primers(0, 40))
    assert (first != primers(50, 40)).any()
    np.testing.assert_array_equal(first[:, 1:], primers(1, 40)[:, :-1])


def test_without_priming_the_prior_is_conditioned_on_silence(prior):
    engine = MelodyEngine(3, EnvironmentSpec.of(prior=prior, priming="none"))
    engine.reset()
    assert engine.last_tokens.tolist() == [NO_EVENT] * 3
    np.testing.assert_allclose(engine.prior_log_probs[0], prior.log_probs([[NO_EVENT]])[0, 0], rtol=1e-5)


def test_pieces_can_have_any_length(prior):
    for length in (1, 3, 100):
        tokens = np.full((2, length), 14)
        rewards, finished = play(MelodyEngine(2, EnvironmentSpec.of(prior=prior, length=length)), tokens)
        assert rewards.shape == finished.melodies.shape == (2, length)


def test_the_prior_can_be_a_file(prior, actions, tmp_path):
    path = save_note_rnn(prior, tmp_path / "prior")
    for source in (path, str(path)):
        engine = MelodyEngine(len(actions), EnvironmentSpec.of(prior=source, priming="none"))
        expected, _ = play(MelodyEngine(len(actions), EnvironmentSpec.of(prior=prior, priming="none")), actions)
        np.testing.assert_array_equal(play(engine, actions)[0], expected)


@pytest.mark.parametrize(
    ("actions", "sentence"),
    [
        ([1, 38], r"Token 38 at position \(1,\) is outside the vocabulary"),
        ([-1, 1], r"Token -1 at position \(0,\) is outside the vocabulary"),
        ([1.0, 2.0], "Tokens must be integers"),
        ([[1, 2]], "Expected a 1-dimensional array of tokens"),
        ([1, 2, 3], "Expected one token for each of 2 pieces, got 3"),
    ],
)
def test_what_is_no_token_is_refused_and_changes_nothing(prior, actions, sentence):
    engine = MelodyEngine(2, EnvironmentSpec.of(prior=prior))
    engine.reset()
    with pytest.raises(VocabularyError, match=sentence):
        engine.step(actions)
    assert len(engine.melody(0)) == 0


def test_there_is_no_step_before_a_reset_or_after_the_end(prior):
    engine = MelodyEngine(1, EnvironmentSpec.of(prior=prior, length=1))
    with pytest.raises(ResetNeeded):
        engine.step([14])
    engine.reset()
    engine.step([14])
    with pytest.raises(ResetNeeded):
        engine.step([14])


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"observation": "beat"}, ValueError, "observation must be one of 'position', 'token', 'lookback', not 'beat'"),
        ({"priming": "song"}, ValueError, "priming must be one of 'random_note', 'none', not 'song'"),
        ({"length": 0}, ValueError, "length must be a whole number .* not 0"),
        ({"length": 32.0}, ValueError, "length must be a whole number .* not 32.0"),
        ({"num_pieces": -1}, ValueError, "num_envs must be at least 1, not -1"),
        ({"reward": "papper"}, ValueError, "No reward profile papper"),
        ({"prior": "nowhere.safetensors"}, CheckpointError, "No Note RNN at nowhere.safetensors"),
    ],
)
def test_bad_arguments_are_refused_in_one_sentence(prior, arguments, error, sentence):
    with pytest.raises(error, match=sentence):
        MelodyEngine(arguments.pop("num_pieces", 2), EnvironmentSpec.of(**{"prior": prior, **arguments}))
