"""Figures of `human_likeness.py`: each composer compared with human tunes, as in `melody_env.measures.likeness`.

Shapes: N pieces, T steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agents.composing.pieces import compose_pieces, log_likelihood
from agents.composing.players import Player
from melody_env import EnvironmentSpec, RewardProfile, Setting, score_melodies
from melody_env.measures.discriminator import LOGISTIC
from melody_env.measures.features import bar_numbers
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
            **self._music_theory(melodies, environment.setting, pieces.finished.forms, pieces.finished.chords),
            "log_prob": float(pieces.finished.log_prob.mean()) / melodies.shape[1],
            "kl": float(pieces.kl.mean()),
            **{
                name: self.human.auc(classifier, melodies[: self.judged], self.seed).value
                for name, classifier in CLASSIFIERS.items()
            },
            "overlap": self.human.overlap(melodies),
            **self._returning_bars(melodies),
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
            **self._music_theory(held_out, self.human.setting),
            "log_prob": prior.log_prob(held_out, primers).mean().item(),
            **{
                name: self.human.auc_of_training_tunes(classifier, self.seed).value
                for name, classifier in CLASSIFIERS.items()
            },
            "overlap": self.human.overlap(train),
            **self._returning_bars(held_out),
            "longest_shared_run": self._shared_run(held_out),
        }

    def logistic_auc(self, player: Player, environment: EnvironmentSpec) -> float:
        """Return the AUC of the logistic classifier alone."""
        pieces = compose_pieces(player, self.judged, self.seed, environment)
        return self.human.auc(LOGISTIC, pieces.melodies, self.seed).value

    def _music_theory(
        self, melodies: Tokens, setting: Setting, forms: Sequence[str] = (), chords: Sequence[str] = ()
    ) -> dict[str, float]:
        """Return r_MT per step, not divided by c, by each profile whose rules are for such a setting.

        :param forms: the form of each piece [N], in a setting with any; `chords` likewise.
        """
        fitting = {
            name: profile
            for name, profile in self.profiles.items()
            if (setting.forms or not profile.needs_form) and (setting.progressions or not profile.names_of_chords)
        }
        scores = {
            name: score_melodies(melodies, profile, setting, forms or None, chords or None)
            for name, profile in fitting.items()
        }
        return {f"r_MT: {name}": float(each.music_theory.mean()) for name, each in scores.items()}

    def _returning_bars(self, melodies: Tokens) -> dict[str, float]:
        """Return the share of bars equal to the one four before; nothing for pieces of four bars or fewer."""
        name, numbers = "repeated_bars_lag4", bar_numbers(melodies, self.human.setting)
        return {name: float(numbers[name].mean())} if name in numbers else {}

    def _shared_run(self, melodies: Tokens) -> float:
        return float(np.median(self.human.shared_runs(melodies)))
