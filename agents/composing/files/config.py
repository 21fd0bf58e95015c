"""The options of the command compose."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import tyro

from agents.composing.around import Part
from agents.composing.files.melody_writers import SUFFIXES
from agents.composing.players import check_strength
from melody_env import SettingOptions
from note_rnn import InputError
from note_rnn.common.errors import check_count, check_seed, check_suffix, check_temperature
from note_rnn.network.devices import Device
from note_rnn.network.generation import Priming

MAX_CANDIDATES = 10_000_000
NOT_RECORDED = ("out", "sidecar", "tokens", "page", "trust_code")
"""Options that do not decide what is composed."""
_BESIDE_RECORD = ("model", "out", "sidecar", "page", "trust_code")
"""Options of `--from` alone."""
_BESIDE_REWRITTEN = (*_BESIDE_RECORD, "fill", "n", "seed", "candidates", "best_of", "diverse", "tokens")
"""Options of `--from` with gaps to fill again."""


@dataclass(frozen=True, kw_only=True)
class TuneOptions:
    """Options of composing around a tune."""

    around: str | None = None
    """(with --fill) Tune to fill gaps of: a MIDI, ABC, MusicXML or kern file, corpus:TITLE, tokens or notes. Its length
    is kept, and its meter unless --meter is given."""
    fill: Annotated[str | None, tyro.conf.arg(aliases=["--rewrite"])] = None
    """(with --around or --from) Gaps to fill: "bars 3-4", "bars 3-4, 7", "steps 16-31"; bars count from 1, steps from
    0. The rest is kept, and what is filled in leads to it."""
    vary: str | None = None
    """Tune to vary, read as --around is; --change and --by say how much and how."""
    change: float = 0.3
    """(with --vary) Share of the notes to change."""
    by: Part = "everywhere"
    """(with --vary) Change notes everywhere, in one section, or only their pitch or rhythm."""
    pickup: int | None = None
    """(with --around or --vary) Steps of the tune before its first bar line (default: as its file says, else 0)."""
    candidates: int = 512
    """(with --around or --vary) Candidates drawn for each tune, weighed by what is kept: more are slower and better."""

    @property
    def tune(self) -> str | None:
        """The tune to compose around, None for a piece from nothing."""
        return self.around if self.vary is None else self.vary

    def check_tune(self) -> None:
        """Raise InputError for options that do not go together, or are out of range."""
        if self.around is not None and self.vary is not None:
            raise InputError("--around fills gaps of a tune, and --vary changes it: leave out one of them.")
        if (self.around is None) != (self.fill is None):
            raise InputError("--fill and --around belong together: give the gaps, and the tune that has them.")
        if self.vary is None:
            self._check_unused(("change", "by"), "--vary")
        if self.tune is None and self.fill is None:
            self._check_unused(("pickup", "candidates"), "--around or --vary")
        if self.pickup is not None:
            check_count("--pickup", self.pickup, minimum=0)
        check_count("--candidates", self.candidates)

    def _check_unused(self, names: tuple[str, ...], option: str) -> None:
        """Raise InputError for options that have an effect beside `option` alone."""
        default = TuneOptions()
        given = [f"--{name}" for name in names if getattr(self, name) != getattr(default, name)]
        if given:
            raise InputError(f"{', '.join(given)} would have no effect: add {option}, or leave that out.")


@dataclass(frozen=True)
class ComposeConfig(SettingOptions, TuneOptions):
    """Compose melodies and write each as MIDI, MusicXML, sheet music (SVG, with Verovio), ABC, sound and picture.

    A record (JSON) beside them holds all that is needed to compose the same melody again: --from melody.json.
    """

    model: Annotated[str | None, tyro.conf.Positional] = None
    """What composes: the folder of a run, an agent's weights (.safetensors, or a .zip of Stable-Baselines3, of which
    only the weights are read), or a Note RNN ("default", "lookback", or a .safetensors file)."""
    out: Path | None = None
    """Name of the files, by default "melody"; several melodies are numbered. With a suffix (.mid, .musicxml, .svg,
    .abc, .wav or .png) only that format is written, and the record."""
    sidecar: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    """Compose the melody of this record (.json) again, alone or with --out, --page, --trust-code, and MODEL, needed
    if the model has been moved; the record decides all else. With --rewrite 3-4, fill these bars anew."""
    trust_code: bool = False
    """Load the rule files (.py) that the run names: these are code, so read them before."""
    n: int = 1
    """Number of melodies."""
    seed: int = 0
    """Random seed; the same seed gives the same melodies."""
    temperature: float = 1.0
    """Randomness: below 1 likely notes become even likelier, above 1 unlikely notes more frequent."""
    strength: float = 1.0
    """Strength of the tuning: 0 composes like the Note RNN, 1 like the agent, 1.5 beyond it."""
    best_of: int = 1
    """Candidates composed for each melody, of which the one with the highest reward is selected."""
    diverse: bool = False
    """(with --best-of) Select melodies with high rewards that differ from each other, from all candidates."""
    priming: Priming | None = None
    """(without --primer) What precedes each melody: a random note, or nothing (default: that of the run; else a random
    note)."""
    primer: str | None = None
    """Opening to continue: a MIDI, ABC, MusicXML or kern file, corpus:TITLE, tokens ("14 1 1 1") or notes
    ("C4 - - - D4 -")."""
    primer_length: int | None = None
    """Steps of the primer to use (default: all; at most 32 of tunes from ABC, MusicXML, kern and the corpus)."""
    keep_primer: bool = False
    """Write the primer before the melody; --length never includes it."""
    tokens: Path | None = None
    """NumPy file (.npy) for the tokens [n, T] of all melodies; without --out no other file is written."""
    page: bool = False
    """Also write a page (HTML) with sheet music, to see, play and download the melodies; it needs no network."""
    device: Device = "cpu"
    """Device of the networks; auto is a GPU where there is one. The same device gives the same melodies."""
    fixed: tuple[str, ...] = ()
    """Fixed notes, as step=note: 0=C4 16=G4 28=-; the rest of the melody is composed around them."""

    def check(self) -> None:
        """Raise InputError for an invalid value."""
        if self.model is None:
            raise InputError("Give a model to compose with, such as the folder of a run, or --from melody.json.")
        self._check_out()
        check_count("--n", self.n)
        check_seed("--seed", self.seed)
        check_count("--best-of", self.best_of)
        self.check_tune()
        if self.n * self.best_of * (1 if self.tune is None else self.candidates) > MAX_CANDIDATES:
            times = "--n times --best-of" + (" times --candidates" if self.tune is not None else "")
            raise InputError(f"{times} must be at most {MAX_CANDIDATES:,}: compose in several parts.")
        check_temperature("--temperature", self.temperature)
        check_strength("--strength", self.strength)
        if self.tokens is not None:
            check_suffix("--tokens", self.tokens, ".npy")
        if self.diverse and self.best_of == 1:
            raise InputError("--diverse needs candidates to select from: add --best-of 8, for example.")
        if self.tune is not None:
            self._check_beside_tune()

    def check_again(self) -> None:
        """Raise InputError for an invalid value beside --from, or an option that its record decides."""
        default = ComposeConfig()
        beside = _BESIDE_RECORD if self.fill is None else _BESIDE_REWRITTEN
        decided = [each.name for each in fields(self) if each.name not in beside]
        given = [name.replace("_", "-") for name in decided if getattr(self, name) != getattr(default, name)]
        if given:
            raise InputError(f"--from composes the melody of its record again: leave out --{', --'.join(given)}.")
        self._check_out()

    def _check_beside_tune(self) -> None:
        """Raise InputError for an option that a tune decides."""
        decided = {"--length": self.length, "--priming": self.priming, "--fixed": self.fixed or None}
        given = [name for name, value in decided.items() if value is not None]
        if given:
            raise InputError(f"A tune to compose around decides {', '.join(given)}: leave that out.")

    def _check_out(self) -> None:
        if self.out is not None and self.out.suffix not in ("", *SUFFIXES):
            raise InputError(f"--out must end in {', '.join(SUFFIXES)} or have no suffix, not {self.out.suffix!r}.")
        if self.page and self.tokens is not None and self.out is None:
            raise InputError("--page shows the files of melodies: add --out beside --tokens.")

    def as_record(self) -> dict[str, Any]:
        """Return the values that determine the melodies, as JSON."""
        return {name: value for name, value in asdict(self).items() if name not in NOT_RECORDED}
