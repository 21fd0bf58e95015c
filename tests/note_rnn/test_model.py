"""The Note RNN predicts the next token, all at once or step by step."""

import numpy as np
import pytest
import torch

from note_rnn import NoteRNN, VocabularyError


def test_log_probs_are_distributions_of_the_token_after_each_input(small_prior):
    log_probs = small_prior.log_probs([[14, 1, 16], [0, 37, 2]])
    assert log_probs.shape == (2, 3, 38)
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(2, 3))


def test_log_probs_depend_on_the_past_alone(small_prior):
    one, other = small_prior.log_probs([[14, 1, 16, 5], [14, 1, 16, 30]])
    torch.testing.assert_close(one[:3], other[:3])
    assert not torch.allclose(one[3], other[3])


def test_steps_give_what_the_whole_melody_gives(small_prior):
    melodies = np.random.default_rng(0).integers(38, size=(5, 9))
    whole = small_prior.log_probs(melodies)
    state = small_prior.zero_state(5)
    for t in range(9):
        log_probs, state = small_prior.step(torch.from_numpy(melodies[:, t]), state)
        torch.testing.assert_close(log_probs, whole[:, t])


def test_layers_and_width_are_configurable():
    model = NoteRNN(hidden_size=7, num_layers=2)
    assert model.zero_state(3).hidden.shape == (2, 3, 7)
    assert model.log_probs([[1, 2]]).shape == (1, 2, 38)


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
        heard = small_prior.log_probs([[primer, *melody]])[0]
        expected = [heard[step, token].item() for step, token in enumerate(melody)]
        assert log_prob[row].tolist() == pytest.approx(expected, rel=1e-5)
    assert small_prior.log_prob(melodies[:, :0], primers).shape == (2, 0)
    with pytest.raises(ValueError, match="38"):
        small_prior.log_prob([[38]], [0])
