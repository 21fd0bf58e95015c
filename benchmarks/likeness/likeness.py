"""Figures of `human_likeness.py`: each composer compared with human tunes, as in `melody_env.measures.likeness`.

Shapes: N pieces, T steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from agents.composing.pieces import compose_pieces, log_likelihood
from agents.composing.players import Player
from melody_env import EnvironmentSpec, RewardProfile, score_melodies
from melody_env.measures.discriminator import LOGISTIC
from melody_env.measures.likeness import CLASSIFIERS, HumanTunes
from melody_env.measures.statistics import count_distinct
from note_rnn import VOCABULARY_SIZE, NoteRNN, Tokens


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
                name: self.human.auc(classifier, melodies[: self.judged], self.seed).value
                for name, classifier in CLASSIFIERS.items()
            },
            "overlap": self.human.overlap(melodies),
            "human_nats": -log_likelihood(player, self.human.held_out, environment),
            "distinct": count_distinct(melodies) / len(melodies),
            "longest_shared_run": self._shared_run(melodies),
        }

    def of_human_tunes(self, prior: NoteRNN) -> dict[str, float]:
        """Return the figures of the held-out tunes or, where these are the reference, of the training tunes.

        The classifiers compare the two halves of the training tunes.
        """
        rng = np.random.default_rng(self.seed)
        held_out, train = self.human.held_out, self.human.train
        primers = rng.integers(VOCABULARY_SIZE, size=len(held_out))
        prior = self.human.setting.adapted(prior)
        return {
            **self._music_theory(held_out),
            "log_prob": prior.log_prob(held_out, primers).mean().item(),
            **{
                name: self.human.auc_of_training_tunes(classifier, self.seed).value
                for name, classifier in CLASSIFIERS.items()
            },
            "overlap": self.human.overlap(train),
            "longest_shared_run": self._shared_run(held_out),
        }

    def logistic_auc(self, player: Player, environment: EnvironmentSpec) -> float:
        """Return the AUC of the logistic classifier alone."""
        pieces = compose_pieces(player, self.judged, self.seed, environment)
        return self.human.auc(LOGISTIC, pieces.melodies, self.seed).value

    def _music_theory(self, melodies: Tokens) -> dict[str, float]:
        """Return r_MT per step by each profile, not divided by c."""
        scores = {name: score_melodies(melodies, each, self.human.setting) for name, each in self.profiles.items()}
        return {f"r_MT: {name}": float(each.music_theory.mean()) for name, each in scores.items()}

    def _shared_run(self, melodies: Tokens) -> float:
        return float(np.median(self.human.shared_runs(melodies)))
