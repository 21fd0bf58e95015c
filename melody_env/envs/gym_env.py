"""The environment as Gymnasium knows it: one piece at a time."""

from typing import Any, Unpack

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from melody_env.envs.engine import MelodyEngine
from melody_env.envs.specification import EnvironmentArguments, EnvironmentSpec
from melody_env.pictures import melody_text, piano_roll_image
from melody_env.setting import Flags
from note_rnn.common.errors import check_choice

RENDER_MODES = ("ansi", "rgb_array")
STEPS_PER_SECOND = 8
"""Sixteenths in a second, at the tempo that pieces have if nothing else is said."""

Observation = npt.NDArray[np.int64] | np.int64
Frame = str | npt.NDArray[np.uint8]


class MelodyCompositionEnv(gym.Env[Observation, np.int64]):
    """
    ## Description

    Compose a melody note by note. A trained Note RNN says how likely each note is, rules of music theory say how
    good it is. This is the environment of Jaques et al. 2017, "Tuning Recurrent Neural Networks with Reinforcement
    Learning" (https://arxiv.org/abs/1611.02796), section 3.

    ## Action Space

    `Discrete(38)`: the token of the next sixteenth note.

    | Token | Meaning |
    | --- | --- |
    | 0 | note off: what sounds ends |
    | 1 | no event: what sounds goes on, silence stays |
    | 2..37 | a note starts, of MIDI pitch 48 (C3) to 83 (B5); middle C is 14 |

    Range and masks of the reward profile forbid some. `action_masks()` says which may come next. A forbidden one is not
    played: the nearest allowed one is, seen, heard and rewarded in its place.

    ## Observation Space

    | `observation` | Space | Meaning |
    | --- | --- | --- |
    | `"position"` (default) | `MultiDiscrete([38, length + 1])` | the last token, and the number of tokens composed |
    | `"token"` | `Discrete(38)` | the last token, which is all that the paper's network is given |
    | `"lookback"` | `MultiDiscrete([38, length + 1, 39, 39, 39, 39])` | besides token and position: what came half a \
bar and a bar before the next token, and the highest and the lowest note so far; 38 where there is none |

    None is a Markov state: the reward depends on the whole piece, so an agent with memory can do better than one
    without.

    ## Rewards

    The reward of a token is log p of the Note RNN, which has heard the priming token and the piece so far, plus the
    weighted sum of the rules over c (paper, equation 3). Rules, weights and c are those of the reward profile. The
    nine rules of profile `"paper"` see the piece alone; they are key, tonic, repetition, autocorrelation, motif,
    repeated_motif, interval, leap and extrema.

    The `info` of a piece's last step has `melody` (its tokens, `[length]`), `rules` (per rule the sum of its values
    over the piece, neither weighted nor divided by c), `music_theory` (their weighted sum) and `log_prob` (the sum
    of log p).

    ## Starting State

    With `priming="random_note"` the first observation is one of the 38 tokens at random; the Note RNN has heard it,
    but it is no part of the piece. With `priming="none"` it is token 1: nothing has sounded. With a `primer` it is the
    primer's last token; the Note RNN has heard all of them.

    ## Episode End

    `terminated` at the last of `length` tokens. Never truncated.

    ## Arguments

    ```python
    >>> import gymnasium as gym
    >>> import melody_env
    >>> env = gym.make("MelodyComposition-v0", key="G", length="4 bars", priming="none", render_mode="ansi")

    ```

    | Parameter | Type | Default | Description |
    | --- | --- | --- | --- |
    | `observation` | str | `"position"` | `"position"`, `"token"` or `"lookback"`, as above |
    | `reward` | str, path or `RewardProfile` | `"paper"` | name of a reward profile, or its YAML file |
    | `prior` | str, path or `NoteRNN` | `"default"` | the Note RNN: `"default"`, `"bars"`, or a file of weights |
    | `priming` | str | `"random_note"` | `"random_note"` or `"none"`, as above |
    | `key` | str | `"C"` | the tonic: `"F#"`, `"Bb"` ... |
    | `mode` | str or list | `"major"` | `"minor"`, `"dorian"` ..., or semitones above the tonic: `[0, 2, 4, 7, 9]` |
    | `meter` | str | `"4/4"` | `"3/4"`, `"6/8"`, `"2/4"` ... |
    | `length` | int or str | `32` | sixteenth notes in a piece, or bars: `"4 bars"` |
    | `pitch_range` | pair of int | `(48, 83)` | lowest and highest MIDI pitch |
    | `tempo` | float | `120` | quarter notes a minute, of what is written or rendered |
    | `primer` | tokens, str or path | `None` | what is heard before the piece, instead of a priming token: tokens, \
notes as text (`"C4 - D4 -"`), a MIDI or ABC file, or `"corpus:TITLE"` |
    | `fixed` | dict | `None` | tokens that are given, by step: `{0: 14, 16: 21}` |
    | `render_mode` | str | `None` | `"ansi"`: text, a bar a line; `"rgb_array"`: a piano roll |

    The defaults from `key` on are those of the reward profile, which can set others. In another key or mode the Note
    RNN, trained in C major and A minor, is transposed.

    ## Vectorized

    `gym.make_vec("MelodyComposition-v0", num_envs=64)` gives a `MelodyCompositionVectorEnv`: the same pieces, rewards
    and infos as 64 of these, a hundred times faster. For Stable-Baselines3 there is `melody_env.MelodyVecEnv`.

    ## Version History

    * v0: initial version
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": STEPS_PER_SECOND}  # noqa: RUF012

    def __init__(self, *, render_mode: str | None = None, **arguments: Unpack[EnvironmentArguments]):
        self.render_mode = check_render_mode(render_mode)
        self.engine = MelodyEngine(1, EnvironmentSpec.of(**arguments))
        self.metadata = {**self.metadata, "render_fps": round(self.engine.setting.tempo / 15)}
        self.observation_space = self.engine.observation_space
        self.setting = self.engine.setting
        self.action_space = self.engine.action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start a new piece; there are no `options`."""
        super().reset(seed=seed)
        self.engine.rngs = [self.np_random]
        self.engine.reset()
        return self.engine.observations()[0], {}

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Append `action` to the piece; raises VocabularyError if it is no token, ResetNeeded after the last one."""
        rewards, finished = self.engine.step(np.asarray(action)[None])
        info = finished.infos()[0] if finished else {}
        return self.engine.observations()[0], float(rewards[0]), finished is not None, False, info

    def action_masks(self) -> Flags:
        """Return which tokens may come next [38], as sb3-contrib's algorithms with masks ask."""
        return self.engine.action_masks()[0]

    def render(self) -> Frame | None:
        """Return the piece so far, as text or as an image [36 * 8, length * 8, 3]."""
        if self.render_mode is None:
            gym.logger.warn(f"Nothing is rendered: make the environment with a render_mode, one of {RENDER_MODES}.")
            return None
        return render_pieces(self.engine, self.render_mode)[0]


def check_render_mode(mode: str | None) -> str | None:
    """Return `mode` if it is one of RENDER_MODES or None; raises ValueError."""
    return None if mode is None else check_choice("render_mode", mode, RENDER_MODES)


def render_pieces(engine: MelodyEngine, mode: str) -> list[Frame]:
    """Return each of the engine's pieces so far as text ("ansi") or image ("rgb_array")."""
    melodies = [engine.melody(piece) for piece in range(engine.num_pieces)]
    if mode == "ansi":
        return [melody_text(melody, engine.setting) for melody in melodies]
    return [piano_roll_image(melody, engine.length, setting=engine.setting) for melody in melodies]
