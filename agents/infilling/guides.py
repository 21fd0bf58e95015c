"""Guides: other bars of a tune, which candidates copy, since what fills a gap well is often like what is around it.

Shapes: N tunes, C candidates of each, K bars of a tune, P steps in a bar, T steps, A = 38 tokens.
"""

import numpy as np
import numpy.typing as npt

from agents.infilling.constraints import Flags
from agents.infilling.particles import Floats, Indices
from note_rnn import Tokens
from note_rnn.common.categorical import draw

FREE = 0.5
"""Share of candidates that follow no guide; the others each follow one of K, until the next bar line."""
COPIED = 0.9
"""Probability with which a candidate copies the token of its guide rather than draw one from the policy."""
_NONE = -1


class Guides:
    """The proposal of candidates: a mixture of the policy alone and of copying each bar of the tune.

    As the density of the mixture is counted, not that of the guide that a candidate follows, its candidates have the
    same weights whichever guide they were drawn by, and any policy has the right distribution in the limit.
    """

    def __init__(self, allowed: Flags, bar: int, count: int, rng: np.random.Generator):
        """Start with the tokens `allowed` [N, T, A] of tunes with `bar` steps in a bar, and `count` candidates (C)."""
        self._bars = kept_bars(allowed, bar)
        self._is_free = allowed.sum(axis=2) > 1
        self._rng = rng
        n, guides = len(allowed), self._bars.shape[1]
        self._log_shares = np.log([FREE, *[(1 - FREE) / guides] * guides])
        self._followed = np.zeros((n, count), np.int64)
        """[N, C]; the guide of each candidate from 1 to K, 0 for none."""
        self._log_density = np.zeros((n, count, guides + 1))
        """[N, C, 1 + K]; log of the probability of its tokens since it has its guide, by the policy and each guide."""

    def draw(self, step: int, policy: Floats) -> tuple[Tokens, Floats]:
        """Return a token of each candidate [N, C] at `step`, and log of how much likelier `policy` [N, C, A] makes it.

        Where only one token is likely at all, it is that one, and the ratio is 1.
        """
        self._begin(step)
        copied = self._bars[:, None, :, step % self._bars.shape[2]]  # [N, 1, K]
        copied = np.where(_of_tokens(policy, np.maximum(copied, 0)) > 0, copied, _NONE)
        copied = np.pad(copied, ((0, 0), (0, 0), (1, 0)), constant_values=_NONE)
        own = np.take_along_axis(copied, self._followed[..., None], axis=2)
        proposal = np.where(own == _NONE, 1.0, 1 - COPIED) * policy
        proposal += COPIED * (own == np.arange(policy.shape[2]))
        tokens = draw(_log(proposal), self._rng)
        likelihood = _of_tokens(policy, tokens[..., None])
        before = self._log_mixture()
        is_same = copied == tokens[..., None]
        self._log_density += np.log(np.where(copied == _NONE, likelihood, (1 - COPIED) * likelihood + COPIED * is_same))
        return tokens, np.log(likelihood[..., 0]) - self._log_mixture() + before

    def select(self, chosen: Indices) -> None:
        """Go on with the candidates `chosen` [N, C] of each tune."""
        self._followed = np.take_along_axis(self._followed, chosen, axis=1)
        self._log_density = np.take_along_axis(self._log_density, chosen[..., None], axis=1)

    def _begin(self, step: int) -> None:
        """Draw new guides where a gap or a bar begins."""
        is_bar_line = step % self._bars.shape[2] == 0
        begins = self._is_free[:, step] & (is_bar_line | ~self._is_free[:, step - 1])
        if begins.any():
            followed = self._rng.integers(1, self._bars.shape[1] + 1, self._followed.shape)
            followed[self._rng.random(followed.shape) < FREE] = 0
            self._followed = np.where(begins[:, None], followed, self._followed)
            self._log_density[begins] = 0.0

    def _log_mixture(self) -> Floats:
        """Return log of the probability [N, C] of the candidates' tokens since they have their guides."""
        terms = self._log_density + self._log_shares
        highest = terms.max(axis=2)
        mixture: Floats = highest + np.log(np.exp(terms - highest[..., None]).sum(axis=2))
        return mixture


def kept_bars(allowed: Flags, bar: int) -> Tokens:
    """Return the bars [N, K, P] of tunes, with the one token `allowed` [N, T, A] at each step; -1 where there are more.

    The last bar may end with such steps.
    """
    kept = np.where(allowed.sum(axis=2) == 1, allowed.argmax(axis=2), _NONE)
    padded = np.pad(kept, ((0, 0), (0, -kept.shape[1] % bar)), constant_values=_NONE)
    return padded.reshape(len(kept), -1, bar)


def _of_tokens(policy: Floats, tokens: npt.NDArray[np.int64]) -> Floats:
    """Return the entries of `policy` [N, C, A] at `tokens` [N, 1 or C, M]."""
    shape = (*policy.shape[:2], tokens.shape[2])
    return np.take_along_axis(policy, np.broadcast_to(tokens, shape), axis=2)


def _log(probabilities: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.log(probabilities)
