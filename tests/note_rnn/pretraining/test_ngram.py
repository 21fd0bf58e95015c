"""N-gram models, compared with an implementation in plain dictionaries and with numbers worked out by hand."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from note_rnn.pretraining.ngram import ngram_references, score_ngrams

START = -1


def walk(rng, num_tokens):
    """Random holds and neighbouring pitches: some n-grams common, some rare, all counts of counts above zero."""
    tokens = [20]
    while len(tokens) < num_tokens:
        tokens += [int(np.clip(tokens[-1] + rng.integers(-2, 3), 2, 37))] if rng.random() < 0.6 else [1, 20]
    return np.array(tokens[:num_tokens])


class KneserNey:
    """Interpolated modified Kneser-Ney in plain dictionaries."""

    def __init__(self, segments, order):
        grams = [
            tuple(([START] * order + list(segment))[end - order : end + 1])
            for segment in segments
            for end in range(order, order + len(segment))
        ]
        self.tables = []
        for n in range(1, order + 1):
            if n == order:
                counts = Counter(gram[-n:] for gram in grams)
            else:
                counts = Counter(gram[1:] for gram in {gram[-n - 1 :] for gram in grams})
            by_context = defaultdict(dict)
            for gram, count in counts.items():
                by_context[gram[:-1]][gram[-1]] = count
            of = [sum(count == c for count in counts.values()) for c in range(1, 5)]
            self.tables.append((by_context, self.discounts(of)))

    @staticmethod
    def discounts(of):
        """What to take from a count of 0, 1, 2, 3 and more, by how many n-grams have the counts 1, 2, 3 and 4."""
        y = of[0] / (of[0] + 2 * of[1]) if of[0] else 0.5
        if 0 in of[:3]:
            return [0, y, y, y]
        return [0] + [min(max(c - (c + 1) * y * of[c] / of[c - 1], 0), c) for c in (1, 2, 3)]

    def probability(self, context, token):
        p = 1 / 38
        for n, (by_context, discounts) in enumerate(self.tables):
            counts = by_context.get(tuple(context[len(context) - n :]), {})
            if counts:
                total = sum(counts.values())
                count = counts.get(token, 0)
                saved = sum(discounts[min(c, 3)] for c in counts.values())
                p = (count - discounts[min(count, 3)] + saved * p) / total
        return p


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_it_is_interpolated_modified_kneser_ney(order):
    rng = np.random.default_rng(3)
    train = [walk(rng, 400) for _ in range(4)]
    held_out = [walk(rng, 30) for _ in range(3)]
    model = KneserNey(train, order)
    nats, right = [], []
    for segment in held_out:
        padded = [START] * order + segment.tolist()
        for end in range(order + 8, len(padded)):
            p = [model.probability(padded[:end], token) for token in range(38)]
            assert sum(p) == pytest.approx(1)
            nats.append(-math.log(p[padded[end]]))
            right.append(int(np.argmax(p)) == padded[end])
    row = score_ngrams(train, held_out, order)[-1]
    assert row.nats == pytest.approx(np.mean(nats))
    assert row.accuracy == pytest.approx(np.mean(right))


def test_a_unigram_is_the_share_of_each_token_less_a_discount_for_all():
    train = [np.array([1] * 60 + [14] * 30 + [16] * 10)]
    (row,) = score_ngrams(train, [np.array([1] * 8 + [1, 14, 16])], max_order=1)
    assert row.nats == pytest.approx(-np.log((np.array([60, 30, 10]) - 0.5 + 3 * 0.5 / 38) / 100).mean())
    assert row.accuracy == pytest.approx(1 / 3)


def test_what_repeats_is_known_from_its_context():
    pattern = np.array([14, 1, 16, 1, 18, 1, 14, 1, 21, 1, 1, 1] * 20)
    rows = score_ngrams([pattern], [pattern[:60]], max_order=6)
    assert [row.order for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[0].accuracy < 0.7
    assert rows[-1].accuracy == 1
    assert rows[-1].nats < 0.1


def test_of_noise_nothing_is_known():
    rng = np.random.default_rng(4)
    train, held_out = ([rng.integers(0, 38, n)] for n in (5000, 2000))
    for row in score_ngrams(train, held_out, max_order=5):
        assert math.log(38) - 0.01 < row.nats < math.log(38) + 0.1


def test_a_token_never_seen_is_possible():
    (row,) = score_ngrams([np.array([1, 14] * 50)], [np.array([1] * 8 + [37])], max_order=1)
    assert row.nats == pytest.approx(-math.log(0.5 * 2 / 100 / 38))


def test_the_first_eight_tokens_of_each_segment_are_unscored():
    rng = np.random.default_rng(5)
    train, held_out = [walk(rng, 500)], walk(rng, 40)
    wild = np.concatenate([rng.integers(2, 38, 4), held_out[4:]])
    assert score_ngrams(train, [held_out], 4) == score_ngrams(train, [wild], 4)
    assert score_ngrams(train, [held_out, rng.integers(2, 38, 8)], 4) == score_ngrams(train, [held_out], 4)


def test_no_context_reaches_into_another_segment():
    rng = np.random.default_rng(6)
    train = [walk(rng, 200) for _ in range(3)]
    held_out = [walk(rng, 30), walk(rng, 30)]
    both = score_ngrams(train, held_out, 16)
    apart = [score_ngrams(train, [segment], 16) for segment in held_out]
    for row, first, second in zip(both, *apart, strict=True):
        assert row.nats == pytest.approx((first.nats + second.nats) / 2)
    assert score_ngrams(train[::-1], held_out, 16) == both


def test_the_best_order_is_that_of_the_validation_segments():
    rng = np.random.default_rng(7)
    train, validation, test = ([walk(rng, n)] for n in (3000, 300, 300))
    by_order = score_ngrams(train, validation, 6)
    best = min(by_order, key=lambda row: row.nats).order
    unigram, bigram, fivegram, chosen = ngram_references(train, validation, test, 6)
    assert (unigram.name, unigram.order) == ("unigram", 1)
    assert (bigram.name, bigram.order) == ("bigram", 2)
    assert fivegram == score_ngrams(train, test, 5)[-1]
    assert (fivegram.name, fivegram.order) == ("5-gram", 5)
    assert (chosen.name, chosen.order) == (f"best n-gram ({best})", best)
    assert chosen[1:] == score_ngrams(train, test, best)[-1][1:]
    assert chosen.nats <= bigram.nats < unigram.nats


@pytest.mark.parametrize(("seed", "expected"), [(29, 4), (0, 6)])
def test_the_best_order_has_the_fewest_nats_on_the_validation_segments_whatever_else_is_best(seed, expected):
    """Of these walks another order is likeliest right on the validation segments, and on the test segments best."""
    rng = np.random.default_rng(seed)
    train, validation, test = ([walk(rng, n)] for n in (400, 90, 90))
    by_order, of_test = (score_ngrams(train, segments, 6) for segments in (validation, test))
    others = {
        max(by_order, key=lambda row: row.accuracy).order,
        min(of_test, key=lambda row: row.nats).order,
        max(of_test, key=lambda row: row.accuracy).order,
        max(by_order, key=lambda row: row.nats).order,
    }
    assert expected not in others
    *_, chosen = ngram_references(train, validation, test, max_order=6)
    assert (chosen.name, chosen.order, chosen.nats) == (
        f"best n-gram ({expected})",
        expected,
        of_test[expected - 1].nats,
    )
    *_, limited = ngram_references(train, validation, test, max_order=1)
    assert limited[1:] == of_test[0][1:]


def test_perplexity_is_that_of_the_nats():
    (row,) = score_ngrams([np.array([1] * 60 + [14] * 40)], [np.array([1] * 9)], max_order=1)
    assert row.perplexity == pytest.approx(math.exp(row.nats))
