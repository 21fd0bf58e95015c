"""Likeness of melodies to human tunes: by classifiers, by the overlap of twelve distributions, and by what is copied.

Classifiers are fitted to the training tunes and half of the pieces, and tested on held-out tunes and the other half.
Shapes: N pieces or windows, M training windows, T steps, K bins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from melody_env.measures.auc import mean_auc, mean_auc_interval
from melody_env.measures.bootstrap import Interval
from melody_env.measures.discriminator import LOGISTIC, TREES, Classifier, discriminator_scores
from melody_env.measures.features import distributions, melody_features, overlaps
from melody_env.measures.gru_discriminator import GRU
from melody_env.measures.populations import held_out_windows, human_melodies
from melody_env.reward.composition import Floats
from melody_env.setting import Setting
from note_rnn.common.errors import InputError
from note_rnn.corpus import Split, load_corpus, split
from note_rnn.corpus.copying import longest_shared_runs
from note_rnn.vocabulary import FIRST_PITCH_TOKEN, VOCABULARY_SIZE, Tokens, transposed

CLASSIFIERS: Mapping[str, Classifier] = {"logistic": LOGISTIC, "trees": TREES, "gru": GRU}
HALVES = 2
COMPARED = 500
"""Pieces searched for runs shared with training tunes."""
MIN_TUNES = 20


@dataclass(frozen=True)
class HumanTunes:
    """Human tunes in one setting: windows for training and for testing."""

    setting: Setting
    train: Tokens
    """[M, T]"""
    held_out: Tokens
    """[N, T]"""
    tunes: Sequence[Tokens]
    """All segments of the training tunes, in C major or its modes and in any meter."""

    @classmethod
    def of(cls, setting: Setting) -> "HumanTunes":
        """Return those of the default collections; raises CorpusError if missing, InputError if too few fit."""
        return cls.of_split(split(load_corpus()), setting)

    @classmethod
    def of_split(cls, parts: Split, setting: Setting) -> "HumanTunes":
        """Return those of `parts`, validation and test tunes held out; raises InputError if too few fit."""
        train, held_out = human_melodies(parts.train, setting), held_out_windows(parts, setting)
        if min(len(train), len(held_out)) < MIN_TUNES:
            raise InputError(
                f"Only {len(held_out)} held-out tunes have {setting.steps} steps in a meter like {setting.meter}, "
                "too few to compare with: choose shorter pieces."
            )
        return cls(setting, train, held_out, parts.train.segments)

    @cached_property
    def distributions(self) -> Mapping[str, Floats]:
        """The distributions of the held-out tunes."""
        return distributions(melody_features(self.held_out, self.setting))

    def beside(self, pieces: Tokens) -> "HumanTunes":
        """Return these tunes as they stand beside `pieces` [N, T] of any origin: `centred`, and none that is a piece.

        A tune among the pieces, in whatever key, would else be both human and not to the classifiers. Raises InputError
        if too few are left.
        """
        train, held_out = (without(centred(tunes), pieces) for tunes in (self.train, self.held_out))
        if min(len(train), len(held_out)) < MIN_TUNES:
            raise InputError(
                f"Only {len(held_out)} held-out tunes are not among the melodies themselves, too few to compare with: "
                "choose other tunes."
            )
        return replace(self, train=train, held_out=held_out)

    def auc(self, classifier: Classifier, pieces: Tokens, seed: int, training: Tokens | None = None) -> Interval:
        """Return the AUC of a `classifier` that distinguishes held-out tunes from `pieces` [N, T], and its interval.

        0.5: indistinguishable; below: more like the training tunes than held-out tunes are, as copies are. The interval
        is over pieces and held-out tunes, not over what the classifier is fitted to.

        :param training: the human tunes to fit to [M, T], by default all training tunes.
        """
        rng, setting = np.random.default_rng(seed), self.setting
        training = self.train if training is None else training
        parts = discriminator_scores(self.held_out, pieces, rng, setting, classifier, training, HALVES)
        return Interval(mean_auc(parts), *mean_auc_interval(parts, rng))

    def auc_of_training_tunes(self, classifier: Classifier, seed: int) -> Interval:
        """Return the AUC of held-out tunes against half of the training tunes, fitted to their other half."""
        one, other = self.halves(seed)
        return self.auc(classifier, one, seed, other)

    def halves(self, seed: int) -> tuple[Tokens, Tokens]:
        """Return the training windows in two halves, by lot."""
        shuffled = self.train[np.random.default_rng(seed).permutation(len(self.train))]
        return shuffled[::2], shuffled[1::2]

    def overlap(self, pieces: Tokens) -> float:
        """Return the mean overlap, 0..1, of twelve distributions of `pieces` [N, T] with those of held-out tunes."""
        return overlaps(distributions(melody_features(pieces, self.setting)), self.distributions)["mean"]

    def shared_runs(self, pieces: Tokens) -> npt.NDArray[np.int64]:
        """Return the longest run of tokens that each of the first 500 `pieces` [N, T] shares with a training tune."""
        return longest_shared_runs(transposed(pieces[:COMPARED], -self.setting.transposition), self.tunes)


def centred(melodies: Tokens) -> Tokens:
    """Return `melodies` [N, T], each with a note, moved by octaves so that their middle is nearest to the vocabulary's.

    A window of a tune may lie an octave away from where it lies alone.
    """
    is_note = melodies >= FIRST_PITCH_TOKEN
    highest = np.where(is_note, melodies, 0).max(axis=1)
    lowest = np.where(is_note, melodies, VOCABULARY_SIZE).min(axis=1)
    moves = np.array([[0], [-12], [12], [-24], [24]])
    is_inside = (lowest + moves >= FIRST_PITCH_TOKEN) & (highest + moves < VOCABULARY_SIZE)
    distances = np.abs(lowest + highest + 2 * moves - (FIRST_PITCH_TOKEN + VOCABULARY_SIZE - 1))
    nearest = moves[np.where(is_inside, distances, 1_000).argmin(axis=0)]
    return np.where(is_note, melodies + nearest, melodies)


def without(tunes: Tokens, pieces: Tokens) -> Tokens:
    """Return the `tunes` [M, T] that none of `pieces` [N, T] equals, in whatever key."""
    known = {row.tobytes() for row in _relative(pieces)}
    return tunes[[row.tobytes() not in known for row in _relative(tunes)]]


def _relative(melodies: Tokens) -> Tokens:
    """Return `melodies` [N, T] with the intervals from the first note, beyond the vocabulary, in place of notes."""
    is_note = melodies >= FIRST_PITCH_TOKEN
    first = np.take_along_axis(melodies, is_note.argmax(axis=1)[:, None], axis=1)
    return np.where(is_note, melodies - first + 2 * VOCABULARY_SIZE, melodies).astype(np.int64)
