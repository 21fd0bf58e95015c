"""How like people's tunes pieces are: the figures of `human_likeness.py`.

Held-out tunes of people judge everyone. A classifier learns from the training tunes and from half of the pieces, and is
judged on held-out tunes and the other half. Shapes: N pieces or windows, T steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agents.composing.pieces import compose_pieces, log_likelihood
from agents.composing.players import Player
from melody_env import EnvironmentSpec, RewardProfile, Setting, discriminator_auc, melody_statistics, score_melodies
from melody_env.measures.copying import longest_shared_runs
from melody_env.measures.discriminator import LOGISTIC, TREES, Judge
from melody_env.measures.gru_discriminator import GRU
from melody_env.measures.populations import held_out_of, human_melodies
from melody_env.measures.statistics import count_distinct
from note_rnn import VOCABULARY_SIZE, InputError, NoteRNN, Tokens, transposed
from note_rnn.corpus import load_corpus, split

JUDGES: Mapping[str, Judge] = {"logistic": LOGISTIC, "trees": TREES, "gru": GRU}
HALVES = 2
COMPARED = 500
"""Pieces that are looked for in the tunes that were learned from."""
MIN_TUNES = 20


@dataclass(frozen=True)
class People:
    """People's tunes in one setting: windows to learn from and others to judge by."""

    setting: Setting
    train: Tokens
    """[M, T]"""
    held_out: Tokens
    """[N, T]"""
    tunes: Sequence[Tokens]
    """All segments of the training tunes, whatever their meter."""

    @classmethod
    def of(cls, setting: Setting) -> "People":
        """Return those of the default collections; CorpusError where there are none, InputError where too few fit."""
        parts = split(load_corpus())
        train, held_out = human_melodies(parts.train, setting), held_out_of(parts, setting)
        if min(len(train), len(held_out)) < MIN_TUNES:
            raise InputError(
                f"Only {len(held_out)} held-out tunes have {setting.steps} steps in a meter like {setting.meter}, "
                "too few to judge by: compare shorter pieces."
            )
        return cls(setting, train, held_out, [transposed(each, setting.transposition) for each in parts.train.segments])


@dataclass(frozen=True)
class Likeness:
    """What is asked of every composer's pieces."""

    people: People
    profiles: Mapping[str, RewardProfile]
    """What r_MT is told by."""
    compositions: int
    judged: int
    """Of the pieces so many are shown to the classifiers."""
    seed: int

    def of_player(self, player: Player, environment: EnvironmentSpec) -> dict[str, float]:
        """Return the figures of the pieces that the `player` composes in this `environment`."""
        pieces = compose_pieces(player, self.compositions, self.seed, environment)
        melodies = pieces.melodies
        return {
            **self._music_theory(melodies),
            "log_prob": float(pieces.finished.log_prob.mean()) / melodies.shape[1],
            "kl": float(pieces.kl.mean()),
            **{name: self._auc(judge, melodies[: self.judged], self.people.train) for name, judge in JUDGES.items()},
            "overlap": self._overlap(melodies),
            "human_nats": -log_likelihood(player, self.people.held_out, environment),
            "distinct": count_distinct(melodies) / len(melodies),
            "longest_shared_run": self._shared_run(melodies),
        }

    def of_people(self, prior: NoteRNN) -> dict[str, float]:
        """Return the figures of the held-out tunes; where these are the judges, those of the training tunes.

        Classifiers try to tell one half of the training tunes from the other.
        """
        rng = np.random.default_rng(self.seed)
        held_out, train = self.people.held_out, self.people.train[rng.permutation(len(self.people.train))]
        primers = rng.integers(VOCABULARY_SIZE, size=len(held_out))
        prior = prior.transposed(self.people.setting.transposition)
        return {
            **self._music_theory(held_out),
            "log_prob": prior.log_prob(held_out, primers).mean().item(),
            **{name: self._auc(judge, train[::2], train[1::2]) for name, judge in JUDGES.items()},
            "overlap": self._overlap(train),
            "longest_shared_run": self._shared_run(held_out),
        }

    def logistic_auc(self, player: Player, environment: EnvironmentSpec) -> float:
        """Return the AUC of the logistic classifier alone."""
        pieces = compose_pieces(player, self.judged, self.seed, environment)
        return self._auc(LOGISTIC, pieces.melodies, self.people.train)

    def _music_theory(self, melodies: Tokens) -> dict[str, float]:
        """Return r_MT per step by each profile, not divided by c."""
        scores = {name: score_melodies(melodies, each, self.people.setting) for name, each in self.profiles.items()}
        return {f"r_MT: {name}": float(each.music_theory.mean()) for name, each in scores.items()}

    def _auc(self, judge: Judge, melodies: Tokens, learned: Tokens) -> float:
        people, rng = self.people, np.random.default_rng(self.seed)
        return discriminator_auc(people.held_out, melodies, rng, people.setting, judge, learned, HALVES)

    def _overlap(self, melodies: Tokens) -> float:
        """Return the mean overlap of twelve statistics with the held-out tunes."""
        setting = self.people.setting
        return melody_statistics(melodies, setting).overlaps(melody_statistics(self.people.held_out, setting))["mean"]

    def _shared_run(self, melodies: Tokens) -> float:
        return float(np.median(longest_shared_runs(melodies[:COMPARED], self.people.tunes)))
