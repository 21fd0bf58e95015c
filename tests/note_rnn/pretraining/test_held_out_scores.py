"""Scores of a Note RNN on the test tunes, compared with n-grams of the training tunes."""

import numpy as np
import pytest
import torch

from note_rnn import NoteRNN
from note_rnn.corpus import Corpus, Split
from note_rnn.corpus.terms import MUSIC21_TERMS, terms_of
from note_rnn.extraction.tunes import UNKNOWN_BARS, Bars
from note_rnn.network.lookback import Lookback
from note_rnn.pretraining.held_out_scores import PriorReport, metrics_of, report_prior
from note_rnn.pretraining.ngram import ngram_references, score_ngrams
from note_rnn.pretraining.trainer import HeldOut, evaluate


def corpus(seed: int, steps: tuple[int, ...]) -> Corpus:
    """Four tunes of two collections that walk by `steps`."""
    rng = np.random.default_rng(seed)
    segments = [10 + np.cumsum(rng.choice(steps, 40)) % 20 for _ in range(4)]
    sources = ["jigs/a", "reels/b", "jigs/c", "reels/d"]
    return Corpus(segments, np.arange(4), ["a", "b", "c", "d"], sources)


@pytest.fixture(scope="module")
def parts() -> Split:
    """Validation tunes that are among the training tunes, so that the longest n-grams know them best."""
    train = corpus(0, (1, 2, 3))
    return Split(train, train.of_tunes(np.array([True, True, False, False])), corpus(2, (2, 3)))


@pytest.fixture(scope="module")
def report(parts, small_prior) -> PriorReport:
    return report_prior(small_prior, parts)


def test_scores_are_of_the_test_tunes(report, parts, small_prior):
    assert report.test == evaluate(small_prior, parts.test.segments)
    jigs, reels = (evaluate(small_prior, parts.test.segments[first::2]) for first in (0, 1))
    assert report.by_collection == {"jigs": jigs, "reels": reels}
    assert len({report.test, jigs, reels}) == 3


def test_by_hand_the_note_rnn_is_scored_from_the_ninth_token_on(report, parts, small_prior: NoteRNN):
    tunes = np.stack(parts.test.segments)
    inputs = np.concatenate([np.ones((4, 1), int), tunes[:, :-1]], axis=1)
    log_probs = small_prior.log_probs(inputs).numpy()[:, 8:]
    nats = -np.take_along_axis(log_probs, tunes[:, 8:, None], -1).mean()
    assert report.test.nats == pytest.approx(nats, rel=1e-5)
    assert report.test.accuracy == pytest.approx((log_probs.argmax(-1) == tunes[:, 8:]).mean())


def test_n_grams_learn_from_the_training_tunes_and_are_chosen_by_the_validation_tunes(report, parts):
    train, validation, test = (part.segments for part in parts)
    assert report.references == ngram_references(train, validation, test)
    assert report.references[1].nats == pytest.approx(score_ngrams(train, test, 2)[1].nats)
    by_validation, by_test = (
        min(score_ngrams(train, part), key=lambda row: row.nats).order for part in (validation, test)
    )
    assert by_validation > by_test
    assert report.references[3].order == by_validation


def test_the_model_card_has_each_score_under_its_name(report):
    card = report.metrics()
    assert card["test"] == {**report.test._asdict(), "perplexity": pytest.approx(np.exp(report.test.nats))}
    assert card["test_by_collection"] == {name: metrics_of(score) for name, score in report.by_collection.items()}


def test_the_table_has_a_row_for_each(capsys):
    from note_rnn.pretraining.ngram import Reference

    scores = HeldOut(np.log(2), 0.5, 100), HeldOut(np.log(4), 0.25, 50)
    references = [Reference("bigram", 2, np.log(8), 0.125)]
    meters = {"any": scores[1], "compound": scores[0]}
    PriorReport(scores[0], {"jigs": scores[1]}, meters, {"compound": [1.0]}, references).show()
    lines = [line.strip("│ ").split("│") for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in line] for line in lines] == [
        ["bigram", "2.079", "8.00", "12.5%"],
        ["Note RNN", "0.693", "2.00", "50.0%"],
        ["jigs", "1.386", "4.00", "25.0%"],
        ["of known meter", "1.386", "4.00", "25.0%"],
        ["in 6/8 and its like", "0.693", "2.00", "50.0%"],
    ]


def test_by_hand_scores_of_each_meter_and_bar():
    """Six tunes in 3/8, 4/4 and no known meter, two of them after a pickup; bars of the first bar line on."""
    rng = np.random.default_rng(0)
    tunes = [rng.integers(2, 38, size=40) for _ in range(6)]
    bars = [Bars("2/4", 0), Bars("4/4", 3), UNKNOWN_BARS, Bars("12/8", 0), Bars("12/8", 2), Bars("7/8", 0)]
    test = Corpus(tunes, np.arange(6), list("abcdef"), [f"x/{name}" for name in "abcdef"], bars=bars)
    torch.manual_seed(0)
    model = NoteRNN(8, lookback=Lookback())
    found = report_prior(model, Split(test, test, test))

    def nats(tune, of):
        log_probs = model.in_meter(of.meter, of.pickup).log_probs([[1, *tune[:-1]]])[0].numpy()
        return -log_probs[np.arange(len(tune)), tune]

    expected = [nats(tune, of) for tune, of in zip(tunes, bars, strict=True)]
    chosen = {"any": [0, 1, 3, 4, 5], "duple": [0, 1], "compound": [3, 4]}
    assert set(found.by_meter) == set(chosen)
    for name, which in chosen.items():
        assert found.by_meter[name].nats == pytest.approx(np.mean([expected[i][8:] for i in which]), rel=1e-5)
    assert set(found.by_bar) == {"duple", "compound"}
    first, second = nats(tunes[3], bars[3]), nats(tunes[4][2:], Bars("12/8", 0))
    assert found.by_bar["compound"] == pytest.approx(
        [(first[:24].mean() + second[:24].mean()) / 2, np.concatenate([first[24:], second[24:]]).mean()], rel=1e-5
    )
    assert len(found.by_bar["duple"]) == 5
    assert found.metrics()["test_nats_by_bar"]["compound"] == [round(value, 4) for value in found.by_bar["compound"]]
    assert found.metrics()["test_by_meter"]["any"]["tokens"] == 5 * 32


def test_each_collection_has_its_terms():
    assert terms_of("essenFolksong").count("Not for commercial use") == 1
    assert terms_of("oneills1850").startswith("F. O'Neill")
    for name in ("essenFolksong", "oneills1850", "ryansMammoth", "airdsAirs", "miscFolk"):
        assert terms_of(name).endswith(f"All of music21's corpus is {MUSIC21_TERMS}.")
    assert terms_of("bach") == MUSIC21_TERMS
    assert terms_of("folder/mine.npz").startswith("your own files")
