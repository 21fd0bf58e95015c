"""The Gymnasium environment: one piece at a time."""

from typing import Any, Unpack

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from melody_env.envs.engine import MelodyEngine
from melody_env.envs.specification import EnvironmentArguments, EnvironmentSpec
from melody_env.pictures import melody_text, piano_roll_image
from melody_env.setting import Flags, Setting
from note_rnn.common.errors import check_choice, check_count

RENDER_MODES = ("ansi", "rgb_array")
STEPS_PER_SECOND = 8
"""Sixteenth notes per second at the default tempo."""

Observation = npt.NDArray[np.int64] | np.int64
Frame = str | npt.NDArray[np.uint8]


class MelodyCompositionEnv(gym.Env[Observation, np.int64]):
    """
    ## Description

    Compose a melody one token at a time. Each token is rewarded for its probability under a trained melody model, the
    Note RNN, and for how well it obeys rules of music theory. This is the environment of Jaques et al. 2017, "Tuning
    Recurrent Neural Networks with Reinforcement Learning" (https://arxiv.org/abs/1611.02796), section 3.

    ## Action Space

    `Discrete(38)`: the token of the next sixteenth note.

    | Token | Meaning |
    | --- | --- |
    | 0 | note off: the current note ends |
    | 1 | no event: the current note is held, or silence continues |
    | 2..37 | a note of MIDI pitch 48 (C3) to 83 (B5) begins; middle C is 14 |

    `pitch_range`, `fixed` and the masks of the reward profile can forbid tokens; `action_masks()` returns the allowed
    ones. A forbidden action is replaced by the nearest allowed token, which is then observed and rewarded.

    ## Observation Space

    | `observation` | Space | Meaning |
    | --- | --- | --- |
    | `"position"` (default) | `MultiDiscrete([38, length + 1])` | the last token and the number of tokens so \
far (see `trained_length`) |
    | `"token"` | `Discrete(38)` | the last token, the only input of the paper's network |
    | `"lookback"` | `MultiDiscrete([38, length + 1, 39, 39, 39, 39])` | the last token, the number of tokens so far; \
the tokens half a bar and one bar before the next one; the highest and the lowest note so far (38: missing) |

    With a `form`, `"position"` and `"lookback"` have six more numbers, `[39, 39, 39, 33, 2, 17]`: in an exact repeat,
    the token that is due; in a varied repeat, the same; in a new section, the token at the same place of the section
    before (38: missing); the steps to the end of the section, up to 32 (0: no form); whether it ends as the piece does;
    and 8, plus the events that it has kept so far beyond what human tunes keep, or less those too few, up to 8.

    With `chords`, they have 27 more before those of form, `[13, 3 * 12, 13, 2 * 12, 33]`: the root of the chord of the
    next step, and for each of twelve pitch classes 1 if it is of that chord, 2 if the step is also a strong beat; the
    same of the next chord, with 1; the steps to that, up to 32. Pitch classes are counted from the one to which the
    Note RNN's C is transposed (12: no chord), so that they look the same in every key.

    None of them is a Markov state: the reward depends on the whole piece, so an agent with memory can do better than
    one without.

    ## Rewards

    The reward of token a after the tokens s is log p(a|s) + r_MT(s, a) / c (equation 3 of the paper):

    - log p(a|s) is that of the Note RNN, conditioned on the priming token or primer and on the piece so far;
    - r_MT(s, a) is the weighted sum of the rules;
    - the smaller c, the more the rules count.

    The reward profile defines rules, weights and c, and can leave out log p. The nine rules of profile `"paper"` depend
    on the piece alone: key, tonic, repetition, autocorrelation, motif, repeated_motif, interval, leap and extrema.

    The `info` of the last step of a piece describes the whole piece; earlier ones are empty.

    | Key | Value |
    | --- | --- |
    | `melody` | the tokens, an integer array `[length]` |
    | `rules` | a dict of each rule's sum over the piece, neither weighted nor divided by c |
    | `music_theory` | the weighted sum of `rules`, not divided by c |
    | `log_prob` | the sum of log p |
    | `form` | the form of the piece, if the setting has one |
    | `chords` | the chords of the piece as text, if the setting has any |

    ## Starting State

    The first observation is the token that precedes the piece, which conditions the Note RNN but is not part of the
    piece. With `priming="random_note"` it is drawn uniformly from the 38 tokens; with `priming="none"` it is token 1,
    silence. With a `primer` it is the primer's last token, and the Note RNN is conditioned on the whole primer. Of
    several forms, each piece has one, drawn uniformly; of several progressions of chords likewise.

    The piece begins on a bar line, and what precedes it comes before that, however long: a Note RNN with lookback
    counts the bars of the `meter` from there.

    ## Episode End

    The episode terminates after `length` tokens. It is never truncated.

    ## Arguments

    ```python
    >>> import gymnasium as gym
    >>> import melody_env
    >>> env = gym.make("MelodyComposition-v0", key="G", length="4 bars", priming="none", render_mode="ansi")

    ```

    | Parameter | Type | Default | Description |
    | --- | --- | --- | --- |
    | `observation` | str | `"position"` | `"position"`, `"token"` or `"lookback"`, as above |
    | `reward` | str, path or `RewardProfile` | `"paper"` | a reward profile: the name of a shipped one or a YAML file |
    | `prior` | str, path or `NoteRNN` | `"default"` | the Note RNN: `"default"`, `"lookback"`, or a file |
    | `priming` | str | `"random_note"` | `"random_note"` or `"none"`, as above |
    | `key` | str | `"C"` | the tonic: `"F#"`, `"Bb"` ... |
    | `mode` | str or sequence of int | `"major"` | `"minor"`, `"dorian"` ..., or a scale in semitones above the \
tonic: `[0, 2, 4, 7, 9]` |
    | `meter` | str | `"4/4"` | the time signature: `"3/4"`, `"6/8"`, `"2/4"` ... |
    | `length` | int or str | `32` | the length of a piece, in sixteenth notes or in bars: `"4 bars"` |
    | `pitch_range` | pair of int | `(48, 83)` | the lowest and the highest MIDI pitch |
    | `tempo` | float | `120` | quarter notes per minute of written and rendered pieces |
    | `form` | str | `""` | sections of equal length that fill the piece, `"AABA"` or `"A A' B A"` (`'` for a varied \
repeat), or with their bars, `"A4 B4 A4 C2"`, which then determine the length; or several forms: `"AABA \\| ABAC"` |
    | `chords` | str | `""` | chords as they sound, by bars, `"C \\| Am \\| F G \\| C"`, repeated to the end; or \
several progressions: `"C \\| F; Am \\| G"` |
    | `primer` | tokens, str or path | `None` | music that precedes the piece, in place of a priming token: tokens, \
notes as text (`"C4 - D4 -"`), a file of MIDI or notation, or `"corpus:TITLE"` |
    | `fixed` | dict | `None` | given tokens, by step: `{0: 14, 16: 21}` |
    | `trained_length` | int | `None` | the length of the pieces that an agent was trained for, to play longer ones: \
their positions are observed as those of such a piece, the middle of which is repeated |
    | `observes_form` | bool | `None` | whether the form is observed, by default if there is one |
    | `observes_chords` | bool | `None` | whether the chords are observed, by default if there are any |
    | `render_mode` | str | `None` | `"ansi"`: text, one bar per line; `"rgb_array"`: a piano roll |

    From `key` to `chords`, the reward profile can set other defaults. In another key or mode, the Note RNN, trained in
    C major and A minor, is transposed, and so are chords that are not given with it.

    ## Vectorized

    `gym.make_vec("MelodyComposition-v0", num_envs=64)` returns a `MelodyCompositionVectorEnv`: the same pieces, rewards
    and infos as 64 single environments, ten times faster. For Stable-Baselines3, use `melody_env.MelodyVecEnv`.

    ## Version History

    * v0: initial version
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": STEPS_PER_SECOND}  # noqa: RUF012

    def __init__(self, *, render_mode: str | None = None, **arguments: Unpack[EnvironmentArguments]):
        self.render_mode = check_render_mode(render_mode)
        self.engine = MelodyEngine(1, EnvironmentSpec.of(**arguments))
        self.metadata = {**self.metadata, "render_fps": frames_per_second(self.engine.setting)}
        self.observation_space = self.engine.observation_space
        self.setting = self.engine.setting
        self.action_space = self.engine.action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start a new piece; `options` are ignored. Raises InputError for an invalid seed."""
        if seed is not None:
            seed = int(check_count("seed", seed, minimum=0))
        super().reset(seed=seed)
        self.engine.rngs = [self.np_random]
        self.engine.reset()
        return self.engine.observations()[0], {}

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Append `action` to the piece; raises VocabularyError for an invalid token, ResetNeeded after the last one."""
        rewards, finished = self.engine.step(np.asarray(action)[None])
        info = finished.infos()[0] if finished else {}
        return self.engine.observations()[0], float(rewards[0]), finished is not None, False, info

    def action_masks(self) -> Flags:
        """Return which of the 38 tokens are allowed next [38], in the form that sb3-contrib expects."""
        return self.engine.action_masks()[0]

    def render(self) -> Frame | None:
        """Return the piece so far, as text or as an image [36 * 8, length * 8, 3]."""
        if self.render_mode is None:
            gym.logger.warn(f"Nothing is rendered: give a render_mode to the environment, one of {RENDER_MODES}.")
            return None
        return render_pieces(self.engine, self.render_mode)[0]


def frames_per_second(setting: Setting) -> int:
    """Return the steps (sixteenths) per second at the tempo of `setting`, the `render_fps` of every interface."""
    return round(setting.tempo / 15)


def check_render_mode(mode: str | None) -> str | None:
    """Return `mode`; raises ValueError if it is neither None nor one of RENDER_MODES."""
    return None if mode is None else check_choice("render_mode", mode, RENDER_MODES)


def render_pieces(engine: MelodyEngine, mode: str) -> list[Frame]:
    """Return each of the engine's pieces so far as text ("ansi") or image ("rgb_array")."""
    melodies = [engine.melody(piece) for piece in range(engine.num_pieces)]
    if mode == "ansi":
        return [melody_text(melody, engine.setting) for melody in melodies]
    return [piano_roll_image(melody, engine.length, setting=engine.setting) for melody in melodies]
