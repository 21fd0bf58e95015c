"""Melodies as pages show and play them: tokens, and the rewards and probabilities of each step.

Shapes: N pieces, T steps, A = 38 tokens.
"""

import base64
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agents.composing.composers import Agent, Composer, NoteRNNComposer
from agents.composing.pieces import Pieces, PieceSteps, compose_pieces
from melody_env import EnvironmentSpec, RewardProfile, score_melodies
from melody_env.pictures import pitch_name
from note_rnn import NO_EVENT, NOTE_OFF, Tokens, write_midi
from note_rnn.formats.notation import Staff
from note_rnn.vocabulary import token_to_pitch

_DIGITS = 4
"""Decimals of the numbers on a page."""


@dataclass(frozen=True)
class Card:
    """One melody of T steps."""

    tokens: list[int]
    """[T]"""
    start: str
    """The priming token, in words."""
    rules: dict[str, list[float]]
    """Weighted value [T] of each rule; rules that are 0 at every step are left out."""
    music_theory: list[float]
    """r_MT [T], their sum."""
    prior: list[float]
    """p(a|s) [T] of each token under the Note RNN."""
    policy: list[float]
    """The same [T] under the composer."""
    alternatives: str
    """The composer's probabilities [T, A] of all tokens, `packed`."""
    log_prob: float
    """log p of the melody under the Note RNN, in nats."""
    staff: Staff
    """Its meter, key and tempo."""
    midi: str
    """The MIDI file, base64."""


class RunCards(NamedTuple):
    """Melodies from the same priming tokens: by the Note RNN (`before`), and by the agent tuned from it (`after`)."""

    before: list[Card]
    after: list[Card]


def agent_cards(agent: Agent, n: int, seed: int) -> RunCards:
    """Return `n` melodies of an `agent` and of its Note RNN, with the rewards of the agent's environment."""
    composers: tuple[Composer, Composer] = (NoteRNNComposer(agent.environment), agent)
    return RunCards(
        *(
            piece_cards(compose_pieces(each.player(), n, seed, each.environment, retained=n), each.environment.profile)
            for each in composers
        )
    )


def piece_cards(pieces: Pieces, profile: RewardProfile) -> list[Card]:
    """Return the pieces that were retained step by step, with the rewards of the `profile`."""
    count = len(pieces.steps.probabilities)
    staffs = [pieces.staff(row) for row in range(count)]
    return _cards(pieces.melodies[:count], pieces.priming_tokens[:count], pieces.steps, profile, staffs)


def chosen_tunes(tunes: Tokens, n: int, seed: int) -> Tokens:
    """Return up to `n` of `tunes` [N, T], drawn at random."""
    return np.random.default_rng(seed).permutation(tunes)[:n]


def tune_cards(tunes: Tokens, environment: EnvironmentSpec) -> list[Card]:
    """Return given `tunes` [N, T] as if the Note RNN of the `environment` had composed them."""
    if not len(tunes):
        return []
    primers = np.full(len(tunes), NO_EVENT)
    inputs = np.concatenate([primers[:, None], tunes[:, :-1]], axis=1)
    log_probs = environment.prior_in_key.log_probs(inputs).cpu().numpy()
    log_prob = np.take_along_axis(log_probs, tunes[..., None], -1)[..., 0]
    setting = environment.setting.changed(form="", chords="")  # human tunes have none of those asked for
    scores = score_melodies(tunes, environment.profile, setting)
    steps = PieceSteps(np.exp(log_probs), log_prob, scores.rules, scores.music_theory)
    return _cards(tunes, primers, steps, environment.profile, [setting.staff] * len(tunes))


def _cards(
    melodies: Tokens, primers: Tokens, steps: PieceSteps, profile: RewardProfile, staffs: Sequence[Staff]
) -> list[Card]:
    """Return `melodies` [K, T] composed in `steps` after `primers` [K], each on its staff, with the rewards of the
    `profile`."""
    weights = zip(profile.rule_names, profile.weights, strict=True)
    weighted = {name: weight * steps.rules[name] for name, weight in weights}
    policy = np.take_along_axis(steps.probabilities, melodies[..., None], -1)[..., 0]
    return [
        Card(
            tokens=melody.tolist(),
            start=token_name(primers[i]),
            rules={name: _rounded(values[i]) for name, values in weighted.items() if values[i].any()},
            music_theory=_rounded(steps.music_theory[i]),
            prior=_rounded(np.exp(steps.log_prob[i])),
            policy=_rounded(policy[i]),
            alternatives=packed(steps.probabilities[i]),
            log_prob=round(float(steps.log_prob[i].sum()), _DIGITS),
            staff=staffs[i],
            midi=midi_base64(melody, staffs[i]),
        )
        for i, melody in enumerate(melodies)
    ]


def packed(probabilities: npt.NDArray[np.floating]) -> str:
    """Return `probabilities` [T, A] in 255ths, one byte each, as base64."""
    return base64.b64encode(np.rint(255 * probabilities).astype(np.uint8).tobytes()).decode("ascii")


def token_name(token: int) -> str:
    """Return the name of a priming `token`: a note, silence, or nothing."""
    return {NOTE_OFF: "silence", NO_EVENT: "nothing"}.get(token) or pitch_name(token_to_pitch(token)).replace(
        "#", "\N{MUSIC SHARP SIGN}"
    )


def midi_base64(melody: Tokens, staff: Staff) -> str:
    """Return the MIDI file of `melody` [T] as base64."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "melody.mid"
        write_midi(melody, path, staff=staff)
        return base64.b64encode(path.read_bytes()).decode("ascii")


def _rounded(values: npt.NDArray[np.floating]) -> list[float]:
    return np.round(values.astype(float), _DIGITS).tolist()
