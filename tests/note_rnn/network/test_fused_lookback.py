"""The compiled features of lookback are those of PyTorch to the bit, and so are bonuses and their gradients."""

import ctypes

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from note_rnn import Bars, Lookback
from note_rnn.network import fused_lookback, fused_lstm
from note_rnn.network.lookback import NOTHING, Past, begin, compiled, look_back, with_bonuses

CPU = torch.device("cpu")
METERS = ["4/4", "2/4", "3/4", "6/8", "9/8", "12/8", "5/4", "7/16", "3/1", "16/2", "", "99/1"]
LIBRARIES = [library for width in (8, 16) if (library := fused_lstm._load_width(width)) is not None]

pytestmark = pytest.mark.skipif(not LIBRARIES, reason="the extension was not compiled, or the processor is too old")


@pytest.fixture(params=LIBRARIES, ids=[f"library {number}" for number in range(len(LIBRARIES))])
def library(request, monkeypatch):
    monkeypatch.setattr(fused_lstm, "_LIBRARY", request.param)
    return request.param


def by_both(function, library):
    """Return what `function` gives with the compiled `library` and without."""
    results = []
    for each in (library, None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fused_lstm, "_LIBRARY", each)
            results.append(function())
    return results


def assert_same(one, other):
    for mine, right in zip((*one[:2], *one.past), (*other[:2], *other.past), strict=True):
        assert (mine.dtype, mine.shape) == (right.dtype, right.shape)
        assert torch.equal(mine, right)


lags = st.lists(st.floats(0.0625, 20, width=32) | st.integers(1, 24).map(lambda eighths: eighths / 8), max_size=5)


@pytest.mark.parametrize("library", LIBRARIES)
@given(
    lookback=st.builds(Lookback, lags.map(tuple), st.booleans(), st.booleans(), st.booleans()),
    bars=st.lists(st.builds(Bars, st.sampled_from(METERS), st.integers(0, 40)), min_size=1, max_size=6),
    steps=st.tuples(st.integers(1, 70), st.integers(1, 40)),
    symbols=st.sampled_from([1, 2, 5, 38]),
    seed=st.integers(0, 99),
)
def test_features_and_past_are_pytorchs_to_the_bit(library, lookback, bars, steps, symbols, seed):
    """A first part and a second one, in meters of their own; few symbols, so that matches are long."""
    generator = torch.Generator().manual_seed(seed)
    first, second = (torch.randint(symbols, (size, len(bars)), generator=generator) for size in steps)

    def run():
        seen = look_back(lookback, first, begin(lookback, bars, CPU))
        return seen, look_back(lookback, second, seen.past)

    mine, right = by_both(run, library)
    for one, other in zip(mine, right, strict=True):
        assert_same(one, other)


def test_arrays_may_lie_anyhow_in_memory_and_stay_as_they_are(library):
    lookback, bars = Lookback((0.25, 1)), [Bars("6/8", 2), Bars("4/4", 0), Bars("", 0)]
    tokens = torch.randint(3, (3, 50), generator=torch.Generator().manual_seed(0)).T
    first = look_back(lookback, tokens, begin(lookback, bars, CPU)).past
    past = Past(*(part.repeat_interleave(2, 1)[:, ::2] for part in first))
    assert not any(part.is_contiguous() for part in (tokens, *past))
    before = [part.clone() for part in past]
    assert_same(*by_both(lambda: look_back(lookback, tokens[:5].int(), past), library))
    assert all(torch.equal(one, other) for one, other in zip(past, before, strict=True))


@pytest.mark.parametrize("part", ["tokens", "clock"])
def test_a_past_of_another_network_is_refused(library, part):
    lookback, tokens = Lookback((1, 2)), torch.ones(3, 2, dtype=torch.int64)
    past = begin(lookback, [Bars("4/4", 0)] * 2, CPU)
    wrong = {"tokens": past.tokens[..., :31], "clock": torch.zeros_like(past.clock)}[part]
    with pytest.raises(IndexError, match="it is not one of this network"):
        look_back(lookback, tokens, past._replace(**{part: wrong}))


@pytest.mark.parametrize("num_outputs", [38, 39])
@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (0, 3)])
def test_bonuses_and_their_gradients_are_pytorchs(library, num_outputs, shape):
    torch.manual_seed(0)
    copied = torch.randint(NOTHING + 1, (*shape, 4))
    copied[..., 2] = copied[..., 1]  # two lags at the same token
    outputs, weights = torch.randn(*shape, num_outputs + 4, requires_grad=True), torch.randn(*shape, num_outputs)

    def run():
        result = with_bonuses(outputs, copied)
        return result, *torch.autograd.grad((result * weights).sum(), outputs)

    for mine, right in zip(*by_both(run, library), strict=True):
        torch.testing.assert_close(mine, right, rtol=0, atol=1e-6)
    with torch.no_grad():
        assert not with_bonuses(outputs, copied).requires_grad


def test_bonuses_take_gradients_and_outputs_as_they_lie_in_memory(library):
    torch.manual_seed(0)
    copied = torch.randint(NOTHING + 1, (3, 5, 6)).transpose(0, 1)[..., ::2]
    outputs = torch.randn(3, 5, 41, requires_grad=True)

    def run():
        result = with_bonuses(outputs.transpose(0, 1), copied)
        return result, *torch.autograd.grad(result[:, :, 3].sum() + result.sum(), outputs)

    for mine, right in zip(*by_both(run, library), strict=True):
        torch.testing.assert_close(mine, right, rtol=0, atol=1e-6)


def test_bonuses_at_what_is_no_token_are_left_out(library):
    outputs = torch.arange(41.0)[None, None]
    copied = torch.tensor([[[NOTHING, 200, -1]]])
    assert torch.equal(with_bonuses(outputs, copied), outputs[..., :38])


def test_other_numbers_than_float32_are_left_to_pytorch(library):
    outputs, copied = torch.randn(2, 3, 40, dtype=torch.float64), torch.randint(NOTHING, (2, 3, 2))
    assert with_bonuses(outputs, copied).dtype == torch.float64


def test_what_the_compiled_code_knows_of_the_features_is_what_lookback_says():
    features = compiled(Lookback((0.25, 1), position=False))
    assert compiled(Lookback((0.25, 1), position=False)) is features
    lags = (ctypes.c_float * 2).from_address(features.lags)
    assert list(lags) == [0.25, 1]
    assert (features.num_features, features.num_bonuses, features.has_position) == (5, 2, 0)
    assert fused_lookback.can_run(torch.zeros(1))
