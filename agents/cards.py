"""Melodies as a page shows and plays them: tokens, what each rule paid for each, and how likely each was.

Shapes: N pieces, T steps, A = 38 tokens.
"""

import base64
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agents.composing import Pieces, compose_pieces, load_run
from melody_env import Setting, load_profile, score_melodies, setting_of
from melody_env.pictures import pitch_name
from note_rnn import NO_EVENT, NOTE_OFF, Tokens, write_midi
from note_rnn.vocabulary import token_to_pitch

_DIGITS = 4
"""Decimals of what is shown."""


@dataclass(frozen=True)
class Card:
    """One melody of T steps."""

    tokens: list[int]
    """[T]"""
    start: str
    """What was heard before it, in words."""
    rules: dict[str, list[float]]
    """Per rule, its weighted value [T]; rules that never paid are left out."""
    music_theory: list[float]
    """r_MT [T], the sum of them."""
    prior: list[float]
    """p(a|s) [T] of each token by the Note RNN."""
    policy: list[float]
    """The same [T] by the composer."""
    alternatives: str
    """What else the composer could have played: its probabilities [T, A], `packed`."""
    log_prob: float
    """log p of the whole by the Note RNN, in nats."""
    steps_per_beat: int
    steps_per_bar: int
    tempo: float
    """Quarter notes a minute."""
    midi: str
    """The MIDI file, base64."""


class RunCards(NamedTuple):
    """What the Note RNN, before, and the agent that it became, after, made of the same first notes."""

    before: list[Card]
    after: list[Card]
    environment: dict[str, Any]
    """That of the run."""


def run_cards(run: Path, n: int, seed: int) -> RunCards:
    """Return `n` melodies of the newest agent of the `run`, a folder, and of its Note RNN, rewarded as the run was.

    Raises RunError or CheckpointError where there is nothing to load.
    """
    policy, environment = load_run(run)
    before, after = (
        piece_cards(compose_pieces(composer, n, seed, environment, num_probabilities=n), environment)
        for composer in (None, policy)
    )
    return RunCards(before, after, environment)


def piece_cards(pieces: Pieces, environment: dict[str, Any]) -> list[Card]:
    """Return the pieces that have kept their probabilities, rewarded as in `environment`, which holds a `prior`."""
    count = len(pieces.probabilities)
    return _cards(pieces.melodies[:count], pieces.primers[:count], pieces.probabilities, environment)


def chosen_tunes(tunes: Tokens, n: int, seed: int) -> Tokens:
    """Return up to `n` of `tunes` [N, T], drawn by chance."""
    return np.random.default_rng(seed).permutation(tunes)[:n]


def tune_cards(tunes: Tokens, environment: dict[str, Any]) -> list[Card]:
    """Return `tunes` [N, T] of anybody, as if the Note RNN of the `environment` had composed them."""
    prior = environment["prior"].transposed(setting_of(environment).transposition)
    primers = np.full(len(tunes), NO_EVENT)
    heard_before = np.concatenate([primers[:, None], tunes[:, :-1]], axis=1)
    return _cards(tunes, primers, prior.log_probs(heard_before).exp().cpu().numpy(), environment)


def _cards(
    shown: Tokens, primers: Tokens, probabilities: npt.NDArray[np.floating], environment: dict[str, Any]
) -> list[Card]:
    """Return melodies [N, T] that were drawn from `probabilities` [N, T, A] after `primers` [N]."""
    if not len(shown):
        return []
    setting = setting_of(environment)
    profile = load_profile(environment.get("reward", "paper"))
    scores = score_melodies(shown, profile, setting)
    weighted = {
        name: weight * scores.rules[name] for name, weight in zip(profile.rule_names, profile.weights, strict=True)
    }
    log_prob = environment["prior"].transposed(setting.transposition).log_prob(shown, primers).cpu().numpy()
    policy = np.take_along_axis(probabilities, shown[..., None], -1)[..., 0]
    return [
        Card(
            tokens=melody.tolist(),
            start=heard(primers[i]),
            rules={name: _rounded(values[i]) for name, values in weighted.items() if values[i].any()},
            music_theory=_rounded(scores.music_theory[i]),
            prior=_rounded(np.exp(log_prob[i])),
            policy=_rounded(policy[i]),
            alternatives=packed(probabilities[i]),
            log_prob=round(float(log_prob[i].sum()), _DIGITS),
            steps_per_beat=setting.steps_per_beat,
            steps_per_bar=setting.steps_per_bar,
            tempo=setting.tempo,
            midi=midi_base64(melody, setting),
        )
        for i, melody in enumerate(shown)
    ]


def packed(probabilities: npt.NDArray[np.floating]) -> str:
    """Return `probabilities` [T, A] in 255ths, a byte each, base64."""
    return base64.b64encode(np.rint(255 * probabilities).astype(np.uint8)).decode("ascii")


def heard(token: int) -> str:
    """Return in words what was heard when `token` was."""
    return {NOTE_OFF: "silence", NO_EVENT: "nothing"}.get(token) or pitch_name(token_to_pitch(token)).replace(
        "#", "\N{MUSIC SHARP SIGN}"
    )


def midi_base64(melody: Tokens, setting: Setting) -> str:
    """Return `melody` [T] as a MIDI file in base64."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "melody.mid"
        write_midi(melody, path, setting.tempo)
        return base64.b64encode(path.read_bytes()).decode("ascii")


def _rounded(values: npt.NDArray[np.floating]) -> list[float]:
    return np.round(values.astype(float), _DIGITS).tolist()
