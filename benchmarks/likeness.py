"""Measures of likeness to human tunes: the figures of `human_likeness.py`.

Every composer is compared with held-out human tunes. Classifiers are fitted to the training tunes and half of the
pieces, and tested on held-out tunes and the other half. Shapes: N pieces or windows, T steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from agents.composing.pieces import compose_pieces, log_likelihood
from agents.composing.players import Player
from melody_env import EnvironmentSpec, RewardProfile, Setting, discriminator_auc, melody_statistics, score_melodies
from melody_env.measures.discriminator import LOGISTIC, TREES, Classifier
from melody_env.measures.features import overlaps
from melody_env.measures.gru_discriminator import GRU
from melody_env.measures.populations import held_out_windows, human_melodies
from melody_env.measures.statistics import count_distinct
from melody_env.reward.composition import Floats
from note_rnn import VOCABULARY_SIZE, InputError, NoteRNN, Tokens, transposed
from note_rnn.corpus import load_corpus, split
from note_rnn.corpus.copying import longest_shared_runs

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
        parts = split(load_corpus())
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
        return melody_statistics(self.held_out, self.setting).distributions()


@dataclass(frozen=True)
class Likeness:
    """Figures of the pieces of each composer, compared with human tunes."""

    human: HumanTunes
    profiles: Mapping[str, RewardProfile]
    """Profiles of the reported r_MT."""
    compositions: int
    judged: int
    """Number of pieces given to the classifiers."""
    seed: int

    def of_player(self, player: Player, environment: EnvironmentSpec) -> dict[str, float]:
        """Return the figures of pieces composed by `player` in this `environment`."""
        pieces = compose_pieces(player, self.compositions, self.seed, environment)
        melodies = pieces.melodies
        return {
            **self._music_theory(melodies),
            "log_prob": float(pieces.finished.log_prob.mean()) / melodies.shape[1],
            "kl": float(pieces.kl.mean()),
            **{
                name: self._auc(classifier, melodies[: self.judged], self.human.train)
                for name, classifier in CLASSIFIERS.items()
            },
            "overlap": self._overlap(melodies),
            "human_nats": -log_likelihood(player, self.human.held_out, environment),
            "distinct": count_distinct(melodies) / len(melodies),
            "longest_shared_run": self._shared_run(melodies),
        }

    def of_human_tunes(self, prior: NoteRNN) -> dict[str, float]:
        """Return the figures of the held-out tunes or, where these are the reference, of the training tunes.

        The classifiers compare the two halves of the training tunes.
        """
        rng = np.random.default_rng(self.seed)
        held_out, train = self.human.held_out, self.human.train[rng.permutation(len(self.human.train))]
        primers = rng.integers(VOCABULARY_SIZE, size=len(held_out))
        prior = self.human.setting.adapted(prior)
        return {
            **self._music_theory(held_out),
            "log_prob": prior.log_prob(held_out, primers).mean().item(),
            **{name: self._auc(classifier, train[::2], train[1::2]) for name, classifier in CLASSIFIERS.items()},
            "overlap": self._overlap(train),
            "longest_shared_run": self._shared_run(held_out),
        }

    def logistic_auc(self, player: Player, environment: EnvironmentSpec) -> float:
        """Return the AUC of the logistic classifier alone."""
        pieces = compose_pieces(player, self.judged, self.seed, environment)
        return self._auc(LOGISTIC, pieces.melodies, self.human.train)

    def _music_theory(self, melodies: Tokens) -> dict[str, float]:
        """Return r_MT per step by each profile, not divided by c."""
        scores = {name: score_melodies(melodies, each, self.human.setting) for name, each in self.profiles.items()}
        return {f"r_MT: {name}": float(each.music_theory.mean()) for name, each in scores.items()}

    def _auc(self, classifier: Classifier, melodies: Tokens, training_tunes: Tokens) -> float:
        human, rng = self.human, np.random.default_rng(self.seed)
        return discriminator_auc(human.held_out, melodies, rng, human.setting, classifier, training_tunes, HALVES)

    def _overlap(self, melodies: Tokens) -> float:
        """Return the mean overlap of twelve statistics with the held-out tunes."""
        own = melody_statistics(melodies, self.human.setting).distributions()
        return overlaps(own, self.human.distributions)["mean"]

    def _shared_run(self, melodies: Tokens) -> float:
        in_c = transposed(melodies[:COMPARED], -self.human.setting.transposition)
        return float(np.median(longest_shared_runs(in_c, self.human.tunes)))
