"""Filling of gaps by sequential Monte Carlo: candidates drawn step by step, weighed by what is kept.

Shapes: N tunes, C candidates of each, T steps, A = 38 tokens.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agents.algorithms.objectives import MASKED_LOGIT
from agents.composing.pieces import begin_pieces
from agents.composing.players import Player
from agents.infilling.constraints import Flags
from agents.infilling.guides import Guides
from agents.infilling.particles import Floats, effective_sizes, resampled
from melody_env import EnvironmentSpec, MelodyEngine
from note_rnn import Tokens
from note_rnn.common.categorical import log_softmax

_LEAST = -500.0
"""The least log probability counted, in nats: of less, exp would be 0."""


class Candidates(NamedTuple):
    """Candidates for N tunes, weighted."""

    tokens: Tokens
    """[N, C, T]"""
    log_weights: Floats
    """[N, C]; log of how much more often each should have been drawn, up to a constant of each tune."""
    log_policy: Floats
    """[N, C]; log of the policy's probability of all tokens, in nats."""
    effective: Floats
    """[N]; the effective sample size: the smallest of those when candidates were resampled, and at the end."""


def draw_candidates(
    player: Player,
    environment: EnvironmentSpec,
    allowed: Flags,
    count: int,
    rng: np.random.Generator,
    temperature: float = 1.0,
) -> Candidates:
    """Return `count` candidates (C) for each of N tunes that have at each step one of the tokens `allowed` [N, T, A].

    In the limit of many candidates, weighted ones are draws from the distribution of whole tunes by the policy,
    softmax(scores / temperature) over what masks allow, given that they have allowed tokens: a candidate's weight is
    the probability of what is allowed at each step after those before, times the ratio of `Guides`. The candidates of a
    tune are resampled at steps with several tokens allowed, if its effective sample size is below half of C. What is
    allowed may break masks where nothing else is left. `environment` has a piece of T steps, and no fixed tokens.
    """
    n, steps, _ = allowed.shape
    engine = MelodyEngine(n * count, environment.changed(reward=replace(environment.profile, rules=())))
    begin_pieces(player, engine)
    guides = Guides(allowed, environment.setting.steps_per_bar, count, rng)
    is_free = allowed.sum(axis=2) > 1
    tokens = np.zeros((n, count, steps), np.int64)
    log_weights, log_policy = np.zeros((2, n, count))
    effective = np.full(n, float(count))
    for step in range(steps):
        sizes = effective_sizes(log_weights)
        is_uneven = is_free[:, step] & (sizes < count / 2)
        if is_uneven.any():
            effective = np.where(is_uneven, np.minimum(effective, sizes), effective)
            chosen = np.where(is_uneven[:, None], resampled(log_weights, rng), np.arange(count))
            _select(player, engine, guides, chosen)
            tokens = np.take_along_axis(tokens, chosen[..., None], axis=1)
            log_policy = np.take_along_axis(log_policy, chosen, axis=1)
            log_weights[is_uneven] = 0.0
        policy, likelihood = _policy(player, engine, allowed[:, step], temperature)
        mass = likelihood.sum(axis=2)
        drawn, log_ratio = _drawn(guides, step, likelihood / mass[..., None], bool(is_free[:, step].any()))
        log_weights += np.log(mass) + log_ratio
        log_policy += np.take_along_axis(policy, drawn[..., None], axis=2)[..., 0]
        tokens[..., step] = drawn
        engine.step(drawn.ravel(), enforces_masks=False)
    return Candidates(tokens, log_weights, log_policy, np.minimum(effective, effective_sizes(log_weights)))


def _policy(player: Player, engine: MelodyEngine, allowed: Flags, temperature: float) -> tuple[Floats, Floats]:
    """Return log of the policy [N, C, A] of the next tokens, and the policy, 0 where they are not `allowed` [N, A].

    Masks count where they leave something that is allowed.
    """
    scores = player.scores(engine.observations(), engine.prior_log_probs).astype(np.float64)
    scores = scores.reshape(len(allowed), -1, allowed.shape[1])
    left = allowed[:, None]
    if engine.forbids:
        masks = engine.action_masks().reshape(scores.shape)
        has_any = (masks & left).any(axis=2, keepdims=True)
        scores = np.where(masks | (left & ~has_any), scores, MASKED_LOGIT)
        left = left & (masks | ~has_any)
    policy = np.maximum(log_softmax(scores / temperature), _LEAST)
    return policy, np.where(left, np.exp(policy), 0.0)


def _drawn(guides: Guides, step: int, likelihood: Floats, is_free: bool) -> tuple[Tokens, Floats | float]:
    """Return the next tokens [N, C] and the log ratio of `Guides.draw`; without anything to draw, those left."""
    return guides.draw(step, likelihood) if is_free else (likelihood.argmax(axis=2), 0.0)


def _select(player: Player, engine: MelodyEngine, guides: Guides, chosen: npt.NDArray[np.int64]) -> None:
    """Go on with the candidates `chosen` [N, C] of each tune."""
    rows = (chosen + chosen.shape[1] * np.arange(len(chosen))[:, None]).ravel()
    engine.select(rows)
    player.select(rows)
    guides.select(chosen)
