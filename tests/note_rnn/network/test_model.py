"""The Note RNN predicts the next token, for whole sequences or step by step."""

import numpy as np
import pytest
import torch

from note_rnn import NoteRNN, VocabularyError, transposed


def test_log_probs_are_distributions_of_the_token_after_each_input(small_prior):
    log_probs = small_prior.log_probs([[14, 1, 16], [0, 37, 2]])
    assert log_probs.shape == (2, 3, 38)
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(2, 3))


def test_log_probs_depend_on_the_past_alone(small_prior):
    one, other = small_prior.log_probs([[14, 1, 16, 5], [14, 1, 16, 30]])
    torch.testing.assert_close(one[:3], other[:3])
    assert not torch.allclose(one[3], other[3])


@pytest.mark.parametrize("size", [(12,), (16, 2), ((20, 7),), (9, 1, "gru"), ((5, 3, 8), 1, "gru")])
def test_steps_give_what_the_whole_melody_gives(size):
    torch.manual_seed(0)
    model = NoteRNN(*size)
    melodies = np.random.default_rng(0).integers(38, size=(5, 9))
    whole = model.log_probs(melodies)
    state = model.zero_state(5)
    for t in range(9):
        log_probs, state = model.step(torch.from_numpy(melodies[:, t]), state)
        torch.testing.assert_close(log_probs, whole[:, t])


@pytest.mark.parametrize(
    ("size", "shapes"),
    [
        ((7,), [(1, 3, 7)] * 2),
        ((7, 2), [(1, 3, 7)] * 4),
        (((7, 5),), [(1, 3, 7), (1, 3, 7), (1, 3, 5), (1, 3, 5)]),
        (((7, 5), 1, "gru"), [(1, 3, 7), (1, 3, 5)]),
    ],
)
def test_layers_widths_and_cell_are_configurable(size, shapes):
    model = NoteRNN(*size)
    assert [part.shape for part in model.zero_state(3)] == shapes
    assert model.log_probs([[1, 2]]).shape == (1, 2, 38)
    again = NoteRNN(**model.architecture)
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.log_probs([[1, 2]]), model.log_probs([[1, 2]]))


@pytest.mark.parametrize("size", [(16,), ((6, 9),), ((6, 9), 1, "gru")])
def test_a_transposed_network_scores_transposed_melodies_the_same(size):
    torch.manual_seed(0)
    model = NoteRNN(*size)
    melodies = np.random.default_rng(0).integers(38, size=(5, 9))
    tokens = transposed(np.arange(38), 5)
    moved = model.transposed(5).log_probs(transposed(melodies, 5))
    torch.testing.assert_close(moved[..., tokens], model.log_probs(melodies))


@pytest.mark.parametrize("semitones", [-7, 5, 12, 40])
def test_moving_a_network_leaves_the_old_one_and_can_be_undone(small_prior, semitones):
    melody = [[14, 1, 16, 0, 30]]
    before = small_prior.log_probs(melody)
    moved = small_prior.transposed(semitones)
    torch.testing.assert_close(small_prior.log_probs(melody), before, rtol=0, atol=0)
    assert not torch.allclose(moved.log_probs(melody), before)
    torch.testing.assert_close(moved.transposed(-semitones).log_probs(melody), before)
    assert moved.widths == small_prior.widths
    assert small_prior.transposed(0) is small_prior


def test_a_state_is_gone_on_from_and_none_is_the_zero_state(small_prior):
    tokens = torch.tensor([[14], [1], [16], [18]])
    whole, last = small_prior(tokens)
    again, _ = small_prior(tokens, small_prior.zero_state(1))
    torch.testing.assert_close(again, whole, rtol=0, atol=0)
    _, state = small_prior(tokens[:2])
    rest, end = small_prior(tokens[2:], state)
    torch.testing.assert_close(rest, whole[2:])
    for one, other in zip(end, last, strict=True):
        torch.testing.assert_close(one, other)


def test_default_size_is_the_papers():
    assert sum(parameter.numel() for parameter in NoteRNN().parameters()) == 4 * 100 * (38 + 100 + 2) + 38 * 101


@pytest.mark.parametrize("tokens", [[[38]], [[-1]], [[1.5]], [3, 4], [[[1]]]])
def test_what_is_no_batch_of_melodies_is_refused(small_prior, tokens):
    with pytest.raises(VocabularyError):
        small_prior.log_probs(tokens)


def test_log_prob_is_that_of_the_tokens_themselves(small_prior):
    melodies, primers = np.array([[14, 1, 16], [0, 37, 2]]), np.array([3, 1])
    log_prob = small_prior.log_prob(melodies, primers)
    for row, (melody, primer) in enumerate(zip(melodies, primers, strict=True)):
        log_probs = small_prior.log_probs([[primer, *melody]])[0]
        expected = [log_probs[step, token].item() for step, token in enumerate(melody)]
        assert log_prob[row].tolist() == pytest.approx(expected, rel=1e-5)
    assert small_prior.log_prob(melodies[:, :0], primers).shape == (2, 0)
    with pytest.raises(ValueError, match="38"):
        small_prior.log_prob([[38]], [0])
