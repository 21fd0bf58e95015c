"""Lookback: features worked out by hand and by a plain loop; the network that has them, step by step and as a whole.

A token to come is conditioned on the tokens at each lag before it, on lengths of matches, and on its place in the bar.
"""

import copy
import json
import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from note_rnn import (
    Bars,
    CheckpointError,
    InputError,
    Lookback,
    NoteRNN,
    load_note_rnn,
    read_model_card,
    save_note_rnn,
    transposed,
)
from note_rnn.network import fused_lstm
from note_rnn.network.lookback import NOTHING, Past, begin, look_back, with_bonuses

CPU = torch.device("cpu")
STEPS_OF_BAR = {"4/4": 16, "2/4": 8, "3/4": 12, "6/8": 12, "9/8": 18, "12/8": 24, "5/4": 20, "7/16": 7, "": 16}
KINDS = {"2/4": 0, "4/4": 1, "3/4": 2, "6/8": 5, "9/8": 6, "12/8": 7, "5/4": 8, "7/16": 8, "": 9}
BUCKETS = {0: 0, **dict.fromkeys((1, 2, 3), 1), **dict.fromkeys(range(4, 8), 2), **dict.fromkeys(range(8, 16), 3)}
SMALL = Lookback((0.25, 0.5, 1))
SWITCHED_OFF = [Lookback((0.25, 1), **{name: False}) for name in ("match_lengths", "position", "copying")] + [
    Lookback((), copying=True),
    Lookback((0.5,), False, False, False),
]


def classes(lookback, tokens, bars, past=None):
    """The class of each feature of the token after each of `tokens` [T]: [T, K]."""
    inputs = torch.tensor(tokens)[:, None]
    return (look_back(lookback, inputs, past or begin(lookback, [bars], CPU)).ones[:, 0] - lookback.offsets).tolist()


def test_features_of_two_bars_of_common_time():
    """The second bar begins as the first: C quarter, D quarter, C, D. Priming is the token 37."""
    tokens = [37, *([14, 1, 1, 1, 16, 1, 1, 1] * 4)][:-1]
    rows = classes(Lookback((0.25, 1)), tokens, Bars("4/4", 0))
    # last token; tokens a quarter and a bar before the next; classes of both matches; step, bar, kind of meter
    assert {t: rows[t] for t in (0, 4, 5, 6, 8, 9, 12, 16, 17, 20, 24)} == {
        0: [37, 38, 38, 0, 0, 0, 0, 1],
        4: [1, 14, 38, 0, 0, 4, 0, 1],
        5: [16, 1, 38, 0, 0, 5, 0, 1],
        6: [1, 1, 38, 1, 0, 6, 0, 1],
        8: [1, 16, 38, 1, 0, 8, 0, 1],
        9: [14, 1, 38, 0, 0, 9, 0, 1],
        12: [1, 14, 38, 1, 0, 12, 0, 1],
        16: [1, 16, 14, 1, 0, 0, 1, 1],
        17: [14, 1, 1, 0, 1, 1, 1, 1],
        20: [1, 14, 16, 1, 2, 4, 1, 1],
        24: [1, 16, 14, 1, 3, 8, 1, 1],
    }


def test_features_of_a_jig_with_an_upbeat():
    tokens = [1, 21, 1, 26, 1, 1, 1, 25, 1, 23, 1, 1, 1, 21, 1]
    rows = classes(Lookback((0.25, 0.5)), tokens, Bars("6/8", 2))
    assert {t: rows[t] for t in (0, 1, 2, 5, 8, 12, 14)} == {
        0: [1, 38, 38, 0, 0, 10, 7, 5],
        1: [21, 38, 38, 0, 0, 11, 7, 5],
        2: [1, 1, 38, 0, 0, 0, 0, 5],
        5: [1, 26, 1, 1, 0, 3, 0, 5],
        8: [1, 1, 26, 1, 1, 6, 0, 5],
        12: [1, 1, 25, 0, 1, 10, 0, 5],
        14: [1, 1, 23, 1, 1, 0, 1, 5],
    }


def test_matches_have_six_classes_of_lengths():
    """One note repeated, seen four steps before: from then on the match is one token longer at each step."""
    matches = [row[2] for row in classes(Lookback((1,), position=False), [14] * 60, Bars("1/4", 0))]
    assert matches == [0] * 4 + [1] * 3 + [2] * 4 + [3] * 8 + [4] * 16 + [5] * 25


def test_where_the_meter_is_unknown_there_is_no_place_in_the_bar():
    assert [row[1:] for row in classes(Lookback(()), [14] * 20, Bars("", 3))] == [[32, 8, 9]] * 20


def reference(lookback, tokens, bars):
    """The features, by a plain loop."""
    steps, rows = STEPS_OF_BAR[bars.meter], []
    lags = [max(math.floor(lag * steps + 0.5), 1) for lag in lookback.lags]
    for t, token in enumerate(tokens):
        seen = [tokens[t + 1 - lag] if t + 1 >= lag else NOTHING for lag in lags]
        runs = []
        for lag in lags:
            run = 0
            while t - run - lag >= 0 and tokens[t - run] == tokens[t - run - lag]:
                run += 1
            runs.append(BUCKETS.get(run, 4 if run < 32 else 5))
        place = t - bars.pickup
        where = [place % steps, place // steps % 8, KINDS[bars.meter]]
        if not bars.meter:
            where = [32, 8, 9]
        rows.append([token, *seen, *(runs if lookback.match_lengths else []), *(where if lookback.position else [])])
    return rows


lags = st.lists(st.integers(1, 24).map(lambda eighths: eighths / 8), max_size=4)
any_bars = st.builds(Bars, st.sampled_from(list(STEPS_OF_BAR)), st.integers(0, 20))
# Figures that come again, so that matches are long.
melodies = st.builds(
    lambda figure, times, rest: [*(figure * times), *rest][:150],
    st.lists(st.integers(0, 37), min_size=2, max_size=24),
    st.integers(1, 12),
    st.lists(st.integers(0, 37), max_size=30),
)


@given(lags, any_bars, melodies, st.booleans(), st.booleans(), st.data())
def test_features_are_those_of_a_plain_loop_however_the_melody_is_cut(
    lags, bars, melody, match_lengths, position, data
):
    lookback = Lookback(tuple(lags), match_lengths, position)
    expected = reference(lookback, melody, bars)
    assert classes(lookback, melody, bars) == expected
    cut = data.draw(st.integers(1, len(melody) - 1))
    first = look_back(lookback, torch.tensor(melody[:cut])[:, None], begin(lookback, [bars], CPU))
    assert classes(lookback, melody[cut:], bars, first.past) == expected[cut:]
    assert first.copied[:, 0].tolist() == [row[1 : 1 + len(lags)] for row in expected[:cut]]


@pytest.mark.parametrize(
    ("meter", "lag", "steps"),
    [
        ("4/4", 0.25, 4),
        ("3/8", 0.25, 2),
        ("7/16", 0.5, 4),
        ("9/8", 0.25, 5),
        ("4/4", 0.01, 1),
        ("4/4", 16, 256),
        ("", 1, 16),
        ("99/1", 1, 16),
        ("3/32", 1, 16),
    ],
)
def test_lags_are_rounded_to_steps_halves_up_and_at_least_one(meter, lag, steps):
    """Bars of unknown length, too long or of no whole number of sixteenths, count as 16 steps."""
    lookback = Lookback((lag,))
    tokens = torch.arange(300)[:, None] % 37
    seen = look_back(lookback, tokens, begin(lookback, [Bars(meter, 0)], CPU)).copied[:, 0, 0]
    assert seen[: steps - 1].tolist() == [NOTHING] * (steps - 1)
    assert seen[steps - 1 :].tolist() == tokens[: 301 - steps, 0].tolist()


def test_steps_in_a_long_bar_end_at_the_last_class():
    places = [row[1:] for row in classes(Lookback((), position=True), [1] * 50, Bars("3/1", 0))]
    assert [step for step, _, _ in places] == [*range(32), *[31] * 16, 0, 1]


@pytest.mark.parametrize("meter", ["4", "banana", "4/5", "-4/4", "0/4", "1000/4", "4/4 ", "4/0", "٤/4"])
def test_what_is_no_meter_is_refused(meter):
    with pytest.raises(InputError, match="A meter must be a time signature such as 4/4, 3/4 or 6/8, not"):
        network().in_meter(meter)


def test_an_upbeat_is_no_shorter_than_nothing():
    with pytest.raises(InputError, match="pickup must be at least 0, not -1"):
        network().in_meter("6/8", -1)


@pytest.mark.parametrize(
    "lags", [(0,), (-1.0,), (65,), (math.nan,), (math.inf,), ("1",), (True,), (1,) * 65, (1, None)]
)
def test_lags_that_cannot_be_used_are_refused(lags):
    with pytest.raises(InputError, match="Lags must be at most 64 numbers of bars above 0 and at most 64"):
        Lookback(lags)


def network(lookback=SMALL, scale=0.5, **size):
    """A Note RNN whose weights, those of bonuses and skip connection too, are random."""
    torch.manual_seed(0)
    model = NoteRNN(**({"hidden_size": 12} | size), lookback=lookback).eval().requires_grad_(False)
    for weights in model.parameters():
        weights.normal_(0, scale)
    return model


def melodies_of(batch, steps=60, seed=0):
    """Melodies [T, B] that repeat themselves here and there."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(38, size=(steps, batch))
    for start in range(16, steps, 10):
        tokens[start : start + 6] = tokens[start - 12 : start - 6][: steps - start]
    return torch.from_numpy(tokens)


@pytest.mark.parametrize("lookback", [SMALL, *SWITCHED_OFF], ids=str)
@pytest.mark.parametrize(
    "size", [{}, {"hidden_size": [18, 7]}, {"cell": "gru"}, {"hidden_size": [9, 5], "cell": "gru"}]
)
def test_steps_and_parts_give_what_the_whole_melody_gives(lookback, size):
    model, tokens = network(lookback, **size), melodies_of(3)
    bars = [Bars("4/4", 0), Bars("6/8", 4), Bars("", 0)]
    whole, last = model(tokens, model.zero_state(3, bars))
    for cuts in (range(1, 60), (17, 18, 40), (1, 59)):
        state, parts = model.zero_state(3, bars), []
        for part in np.split(tokens.numpy(), list(cuts)):
            logits, state = model(torch.from_numpy(part), state)
            parts.append(logits)
        torch.testing.assert_close(torch.cat(parts), whole)
        for one, other in zip(state, last, strict=True):
            torch.testing.assert_close(one, other)


def test_melodies_of_a_batch_are_each_in_their_own_meter():
    model, tokens = network(), melodies_of(len(STEPS_OF_BAR))
    bars = [Bars(meter, 3 * number) for number, meter in enumerate(STEPS_OF_BAR)]
    together, _ = model(tokens, model.zero_state(len(bars), bars))
    for i, own in enumerate(bars):
        alone, _ = model.in_meter(own.meter, own.pickup)(tokens[:, i : i + 1])
        torch.testing.assert_close(together[:, i : i + 1], alone)
    assert not torch.allclose(together[:, :1], model.in_meter("3/4")(tokens[:, :1])[0], atol=0.1)


def test_in_another_meter_it_is_the_same_network():
    model = network()
    other = model.in_meter("6/8", 2)
    assert (model.bars, other.bars) == (Bars("4/4", 0), Bars("6/8", 2))
    assert all(one is two for one, two in zip(model.parameters(), other.parameters(), strict=True))
    assert NoteRNN(5).in_meter("6/8").bars == Bars("4/4", 0)  # one without lookback has no meter
    for again in (copy.deepcopy(other), pickle.loads(pickle.dumps(other)), other.transposed(3)):
        assert again.bars == Bars("6/8", 2)
        assert again.lookback == SMALL


@pytest.mark.parametrize("lookback", [SMALL, *SWITCHED_OFF], ids=str)
@pytest.mark.parametrize("semitones", [5, -7])
def test_a_transposed_network_scores_transposed_melodies_the_same(lookback, semitones):
    model = network(lookback).in_meter("3/4")
    tokens = melodies_of(4).T.numpy()
    moved = model.transposed(semitones).log_probs(transposed(tokens, semitones))
    here = transposed(np.arange(38), semitones)
    torch.testing.assert_close(moved[..., here], model.log_probs(tokens), rtol=1e-4, atol=1e-5)
    assert all(
        one.equal(two)
        for one, two in zip(
            model.transposed(semitones).transposed(-semitones).parameters(), model.parameters(), strict=True
        )
    )


def test_bonuses_are_added_at_the_tokens_they_belong_to():
    """Three tokens and three lags: at the first step no token is there, then one, then two lags have the same."""
    outputs = torch.tensor([[[1.0, 2, 3, 10, 20, 30]], [[1, 2, 3, 10, 20, 30]], [[1, 2, 3, 10, 20, 40]]])
    copied = torch.tensor([[[NOTHING] * 3], [[2, NOTHING, NOTHING]], [[1, 0, 1]]])
    expected = [[[1, 2, 3]], [[1, 2, 13]], [[21, 52, 3]]]
    assert with_bonuses(outputs, copied).tolist() == expected
    assert with_bonuses(outputs, copied[..., :0]) is outputs


@pytest.mark.parametrize("semitones", [0, 4])
def test_a_bonus_raises_the_score_of_the_token_at_its_lag_in_every_key(semitones):
    """Lags of 4, 8 and 16 steps; bonuses of 3, 5 and 7."""
    model, tokens = network(), melodies_of(2)
    plain, _ = model.transposed(semitones)(tokens)
    model.head.bias[38:] += torch.tensor([3.0, 5.0, 7.0])
    with_bonus, _ = model.transposed(semitones)(tokens)
    expected = torch.zeros(60, 2, 38)
    for t in range(60):
        for lag, bonus in ((4, 3), (8, 5), (16, 7)):
            if t + 1 >= lag:
                expected[t, [0, 1], tokens[t + 1 - lag]] += bonus
    torch.testing.assert_close(with_bonus - plain, expected, rtol=0, atol=1e-4)


def test_bonuses_and_skip_connection_start_from_zero():
    torch.manual_seed(0)
    model, tokens = NoteRNN(12, lookback=SMALL), melodies_of(2)
    ones = look_back(SMALL, tokens, begin(SMALL, [model.bars] * 2, CPU)).ones
    outputs, _ = model.layers(ones, model.layers.zero_state(2))
    expected = outputs @ model.head.weight[:38].T + model.head.bias[:38]
    torch.testing.assert_close(model(tokens)[0], expected)


def test_without_copying_there_are_no_bonuses_and_without_features_no_inputs():
    assert network(Lookback((1, 2), copying=False)).head.out_features == 38
    assert network(Lookback((1, 2))).head.out_features == 40
    sizes = {
        Lookback((1, 2)): 38 + 2 * 39 + 2 * 6 + 33 + 9 + 10,
        Lookback((1, 2), match_lengths=False): 38 + 2 * 39 + 52,
        Lookback((1, 2), position=False): 38 + 2 * 39 + 12,
        Lookback((), position=False): 38,
    }
    assert {lookback: lookback.num_inputs for lookback in sizes} == sizes


def test_all_weights_have_the_gradient_of_numerical_differences():
    model = NoteRNN(3, lookback=Lookback((0.25, 0.5))).double()
    for weights in model.parameters():
        torch.nn.init.normal_(weights, 0, 0.5)
    tokens, named = melodies_of(2, 12), dict(model.named_parameters())

    def log_prob(*weights):
        logits, _ = torch.func.functional_call(model, dict(zip(named, weights, strict=True)), (tokens[:-1],))
        return logits.log_softmax(-1).gather(-1, tokens[1:, :, None]).sum()

    assert torch.autograd.gradcheck(log_prob, tuple(named.values()), fast_mode=True)
    log_prob(*named.values()).backward()
    assert all((weights.grad.abs().sum() > 0) for weights in named.values())


@pytest.mark.skipif(fused_lstm._LIBRARY is None, reason="the extension was not compiled, or the processor is too old")
def test_the_compiled_lstm_gives_what_pytorch_gives(monkeypatch):
    model, tokens = network(hidden_size=20), melodies_of(5)
    model.requires_grad_(True)
    results = []
    for library in (fused_lstm._LIBRARY, None):
        monkeypatch.setattr(fused_lstm, "_LIBRARY", library)
        model.zero_grad()
        logits, state = model(tokens, model.zero_state(5, [Bars("6/8", 2)] * 5))
        (logits * torch.linspace(-1, 1, logits.numel()).view_as(logits)).sum().backward()
        results.append([logits, *state, *(weights.grad for weights in model.parameters())])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * float(other.detach().abs().max()))


def test_what_is_remembered_is_small_and_leaves_the_state_before_as_it_was():
    model, tokens = network(), melodies_of(3)
    state = model.zero_state(3)
    before = copy.deepcopy(state)
    _, after = model(tokens, state)
    past = Past(*after[model.layers.num_parts :])
    assert [(part.dtype, tuple(part.shape)) for part in past] == [
        (torch.uint8, (1, 3, 16)),
        (torch.uint8, (1, 3, 3)),
        (torch.int32, (1, 3, 3)),
    ]
    assert past.clock[0, 0].tolist() == [59, 16, 1]  # 60 tokens, of which the first comes before the bar line
    assert all(one.equal(other) for one, other in zip(state, before, strict=True))


@pytest.mark.parametrize("lookback", [Lookback(), SMALL, SWITCHED_OFF[-1]], ids=["default", "small", "no features"])
@pytest.mark.parametrize("size", [{}, {"hidden_size": [9, 5], "cell": "gru"}])
def test_weights_and_card_survive_the_disk(lookback, size, tmp_path):
    model = network(lookback, **size)
    loaded = load_note_rnn(save_note_rnn(model, tmp_path / "prior"))
    assert loaded.lookback == lookback
    assert loaded.architecture == model.architecture
    tokens = melodies_of(2).T.numpy()
    assert torch.equal(loaded.log_probs(tokens), model.log_probs(tokens))
    card = read_model_card(tmp_path / "prior")["architecture"]["lookback"]
    assert card["lags"] == list(lookback.lags)
    assert card["copying"] is lookback.copying


def test_shipped_weights_have_no_lookback_and_their_cards_do_not_name_it():
    model = load_note_rnn("default")
    assert model.lookback is None
    assert "lookback" not in model.architecture
    assert model.in_meter("6/8") is model


@pytest.mark.parametrize(
    "lookback",
    [
        {"lags": [0.25, 0.5]},
        {"lags": [0.25, 0.5, 1], "copying": False},
        {"lags": [0.25, 0.5, 1e9]},
        {"lags": [0.25, 0.5, 0]},
        {"lags": [0.25, 0.5, "1"]},
        {"lags": [1] * 1_000},
        {"lags": 3},
        {"lags": [0.25, 0.5, None]},
        {"lags": [0.25, 0.5, 1], "position": "yes"},
        [0.25, 0.5, 1],
        None,
    ],
    ids=str,
)
def test_a_card_with_another_or_an_impossible_lookback_is_refused(lookback, tmp_path):
    architecture = {**network().architecture, "lookback": lookback}
    path = save_note_rnn(network(), tmp_path / "prior", {"architecture": architecture})
    with pytest.raises(CheckpointError, match="do not fit the architecture"):
        load_note_rnn(path)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_card_whose_lags_are_no_numbers_is_refused(number, tmp_path, monkeypatch):
    monkeypatch.setattr("note_rnn.network.weights_file.json_text", lambda card, indent: json.dumps(card))
    architecture = {**network().architecture, "lookback": {"lags": [0.25, 0.5, float(number)]}}
    path = save_note_rnn(network(), tmp_path / "prior", {"architecture": architecture})
    with pytest.raises(CheckpointError, match=r"do not fit the architecture|cannot be used"):
        load_note_rnn(path)
