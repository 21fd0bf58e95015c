"""A given tune as an environment to compose around it.

Shapes: T steps of the whole tune, P of its pickup.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agents.infilling.choices import changed_spans, note_distance
from melody_env import EnvironmentSpec
from note_rnn import InputError, Tokens, read_tune
from note_rnn.extraction.tunes import bar_steps


class Tune(NamedTuple):
    """A tune, and an environment whose pieces begin on its first bar line and end with it."""

    tokens: Tokens
    """[T]"""
    pickup: int
    """P, the steps before its first bar line; in the environment they are the end of the primer."""
    environment: EnvironmentSpec

    @property
    def melody(self) -> Tokens:
        """The tune from its first bar line on [T - P]."""
        return self.tokens[self.pickup :]

    def record(self, piece: Tokens, effective: float) -> dict[str, Any]:
        """Return what the record of a `piece` [T - P] composed around the tune says of that, as JSON.

        The first and last steps of what sounds otherwise, the edit distance in notes, and the effective sample size.
        """
        return {
            "changed_steps": changed_spans(self.melody, piece).tolist(),
            "note_distance": float(note_distance(self.melody, piece[None])[0]),
            "effective_sample_size": effective,
        }


def tune_in(
    source: str | Path | npt.ArrayLike, environment: EnvironmentSpec, meter: str | None, pickup: int | None
) -> Tune:
    """Return the tune in `source`, with `environment` in its length and meter.

    As a primer, a tune of notation is transposed to the environment's key, and MIDI and tokens are taken as they are.
    `meter` and `pickup` are those of the source unless given; without any there, the environment's meter and 0. Raises
    InputError for a tune that cannot be used, SettingError for a form or chords that do not fit it.
    """
    tokens, bars = read_tune(source, environment.setting.transposition)
    if meter is None and bar_steps(bars.meter) is not None:
        meter = bars.meter
    pickup = bars.pickup if pickup is None else pickup
    if pickup >= len(tokens):
        raise InputError(f"The tune has {len(tokens)} steps, so its pickup cannot have {pickup}: give fewer.")
    before = [] if environment.primer is None else [environment.primer]
    primer = np.concatenate([*before, tokens[:pickup]])
    changed = environment.changed(
        meter=meter,
        length=len(tokens) - pickup,
        primer=primer if len(primer) else None,
        priming="none",
        fixed=None,
    )
    if len(changed.setting.forms) > 1:
        raise InputError("A tune has one form, and the setting several: give the tune's with --form.")
    if len(changed.setting.progressions) > 1:
        raise InputError("A tune has its chords, and the setting several progressions: give the tune's with --chords.")
    return Tune(tokens, pickup, changed)
