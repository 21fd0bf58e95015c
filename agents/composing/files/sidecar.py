"""The record of a composed melody (sidecar), which composes it again or fills gaps of it."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from agents.composing.files.config import NOT_RECORDED, ComposeConfig
from agents.composing.files.melody_writers import SUFFIXES
from note_rnn import NO_EVENT, InputError
from note_rnn.common.data_files import DataError, converted, read_json
from note_rnn.common.errors import reason

_REWRITING = ("fill", "n", "seed", "candidates", "best_of", "diverse", "out", "tokens", "page", "trust_code")
"""Options that come from the command where gaps of a recorded melody are filled."""


@dataclass(frozen=True)
class Sidecar:
    """The part of a melody's record that composes it again."""

    config: ComposeConfig
    number: int
    """Of the melody, from 1."""
    suffixes: tuple[str, ...]
    checksum: str
    """Of the model's weights."""
    tokens: list[int]
    primer: list[int] = field(default_factory=list)
    priming_token: int = NO_EVENT
    form: str = ""
    chords: str = ""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the sidecar in the file `path`; raises InputError for anything else, or an impossible value."""
        try:
            content = read_json(path, dict[str, Any])
            config = converted(content.get("config"), dict[str, Any])
            recorded = {name: value for name, value in config.items() if name not in NOT_RECORDED}
            sidecar: Self = converted({**content, "config": recorded}, cls)
            sidecar.config.check()
            if not 1 <= sidecar.number <= sidecar.config.n:
                raise DataError(f"number must be one of the {sidecar.config.n} melodies, not {sidecar.number}")
            if not {*sidecar.suffixes} <= {*SUFFIXES}:
                raise DataError(f"suffixes must be among {', '.join(SUFFIXES)}")
            for name in ("primer", "around", "vary"):
                if not re.fullmatch(r"[0-9\s]*", getattr(sidecar.config, name) or ""):
                    raise DataError(f"{name} must be tokens")
        except (OSError, InputError) as error:
            raise InputError(f"{path} is not the record of a composed melody: {reason(error)}") from error
        return sidecar

    def rewritten(self, config: ComposeConfig) -> ComposeConfig:
        """Return the configuration that fills gaps of this melody, as `config` with --from says.

        What preceded the melody precedes it again: its pickup as part of the tune, its primer or priming token.
        """
        pickup = self.config.pickup or 0
        before = self.primer[: len(self.primer) - pickup]
        primer = before if self.primer else [self.priming_token]
        return replace(
            self.config,
            model=config.model or self.config.model,
            **{name: getattr(config, name) for name in _REWRITING},
            around=_text(self.primer[len(before) :] + self.tokens),
            vary=None,
            pickup=pickup,
            primer=_text(primer) if primer else None,
            keep_primer=self.config.keep_primer and bool(before),
            form=self.form or self.config.form,
            chords=self.chords or self.config.chords,
            length=None,
            priming=None,
            fixed=(),
        )


def _text(tokens: list[int]) -> str:
    return " ".join(map(str, tokens))
