"""Composed melodies as files, each with a record (sidecar) that reproduces it."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import torch
import tyro

from agents.composing.composers import Composer, load_composer
from agents.composing.melodies import choose
from agents.composing.melody_writers import SUFFIXES, pickup_after, piece_record, writable_suffixes, write_melody
from agents.composing.pieces import Pieces, compose_pieces
from agents.composing.players import check_strength
from melody_env import SettingOptions, melody_text
from note_rnn import InputError, Progress, Tokens, parse_token, read_primer, replacing, write_json
from note_rnn.common.atomic_files import check_out_file
from note_rnn.common.console import print_line
from note_rnn.common.data_files import DataError, converted, read_json
from note_rnn.common.errors import check_count, check_file_name, check_seed, check_temperature, reason
from note_rnn.network.generation import Priming
from note_rnn.primers import check_primer_options

MAX_CANDIDATES = 10_000_000
_NOT_RECORDED = ("out", "sidecar", "tokens", "trust_code")


@dataclass(frozen=True)
class ComposeConfig(SettingOptions):
    """Compose melodies and write each as MIDI, MusicXML, sheet music (SVG, with Verovio), ABC, sound and picture.

    A record (JSON) beside them holds all that is needed to compose the same melody again: --from melody.json.
    """

    model: Annotated[str | None, tyro.conf.Positional] = None
    """What composes: the folder of a run, an agent's weights (.safetensors, or a .zip of Stable-Baselines3, of which
    only the weights are read), or a Note RNN ("default", "bars", "lookback", or a .safetensors file)."""
    out: Path | None = None
    """Name of the files, by default "melody"; several melodies are numbered. With a suffix (.mid, .musicxml, .svg,
    .abc, .wav or .png) only that format is written, and the record."""
    sidecar: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    """Compose the melody of this record (.json) again, alone or with --out, --trust-code, and MODEL, needed if the
    model has been moved; the record decides all else."""
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
        if self.n * self.best_of > MAX_CANDIDATES:
            raise InputError(f"--n times --best-of must be at most {MAX_CANDIDATES:,}: compose in several parts.")
        check_temperature("--temperature", self.temperature)
        check_strength("--strength", self.strength)
        if self.tokens is not None and self.tokens.suffix != ".npy":
            raise InputError(f"--tokens must end in .npy, not {self.tokens.suffix!r}.")
        if self.diverse and self.best_of == 1:
            raise InputError("--diverse needs candidates to select from: add --best-of 8, for example.")

    def check_again(self) -> None:
        """Raise InputError for an invalid value beside --from, or an option that its record decides."""
        default = ComposeConfig()
        decided = [each.name for each in fields(self) if each.name not in ("model", "out", "sidecar", "trust_code")]
        given = [name.replace("_", "-") for name in decided if getattr(self, name) != getattr(default, name)]
        if given:
            raise InputError(f"--from composes the melody of its record again: leave out --{', --'.join(given)}.")
        self._check_out()

    def _check_out(self) -> None:
        if self.out is not None and self.out.suffix not in ("", *SUFFIXES):
            raise InputError(f"--out must end in {', '.join(SUFFIXES)} or have no suffix, not {self.out.suffix!r}.")

    def as_record(self) -> dict[str, Any]:
        """Return the values that determine the melodies, as JSON."""
        return {name: value for name, value in asdict(self).items() if name not in _NOT_RECORDED}


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

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the sidecar in the file `path`; raises InputError for anything else, or an impossible value."""
        try:
            content = read_json(path, dict[str, Any])
            config = converted(content.get("config"), dict[str, Any])
            recorded = {name: value for name, value in config.items() if name not in _NOT_RECORDED}
            sidecar: Self = converted({**content, "config": recorded}, cls)
            sidecar.config.check()
            if not 1 <= sidecar.number <= sidecar.config.n:
                raise DataError(f"number must be one of the {sidecar.config.n} melodies, not {sidecar.number}")
            if not {*sidecar.suffixes} <= {*SUFFIXES}:
                raise DataError(f"suffixes must be among {', '.join(SUFFIXES)}")
            if not re.fullmatch(r"[0-9\s]*", sidecar.config.primer or ""):
                raise DataError("primer must be tokens")
        except (OSError, InputError) as error:
            raise InputError(f"{path} is not the record of a composed melody: {reason(error)}") from error
        return sidecar


def compose_files(config: ComposeConfig) -> list[Path]:
    """Compose and write melodies by `config`; return the files. Raises InputError for an invalid configuration."""
    if config.sidecar is not None:
        return _compose_again(config, config.sidecar)
    config.check()
    check_primer_options(config.primer, config.primer_length, config.keep_primer, config.priming is not None)
    out, tokens = config.out or Path("melody"), config.tokens
    for path, option in ((config.tokens, "--tokens"), (None if tokens and not config.out else out, "--out")):
        if path is not None:
            _check_writable(path, option)
    assert config.model is not None
    composer = load_composer(config.model, config.trust_code)
    config, pieces = _compose(config, composer)
    suffixes = (out.suffix,) if out.suffix else writable_suffixes()
    rows = choose(pieces, config.n, config.diverse)
    written = []
    if tokens is not None:
        written.append(_write_tokens(tokens, (pieces.with_primer() if config.keep_primer else pieces.melodies)[rows]))
        if config.out is None:
            return written
    for number, row in enumerate(rows, start=1):
        stem = out.with_suffix("") if config.n == 1 else out.with_name(f"{out.stem}_{number}")
        written += _write(
            _record(config, pieces, int(row), number, suffixes, composer.checksum()), stem, pieces, int(row)
        )
    return written


def _check_writable(out: Path, option: str) -> None:
    check_file_name(out)
    check_out_file(out if out.suffix else out.with_suffix(".json"), option)


def _write_tokens(path: Path, melodies: Tokens) -> Path:
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, melodies)
    print_line(str(path))
    return path


def _compose_again(config: ComposeConfig, path: Path) -> list[Path]:
    """Compose the melody of the sidecar `path` and write its files again.

    The model that it names composes only if its weights are those of the record. Raises InputError for other weights or
    another melody.
    """
    config.check_again()
    sidecar = Sidecar.read(path)
    out = config.out or path.with_suffix("")
    _check_writable(out, "--out")
    model = config.model or sidecar.config.model
    assert model is not None
    composer = load_composer(model, config.trust_code)
    if composer.checksum() != sidecar.checksum:
        raise InputError(
            f"{model} is not the agent that composed {path}, or was trained further: its weights have another "
            "checksum. Give the one that did as MODEL."
        )
    recorded, pieces = _compose(sidecar.config, composer)
    row = int(choose(pieces, recorded.n, recorded.diverse)[sidecar.number - 1])
    if pieces.melodies[row].tolist() != sidecar.tokens:
        raise InputError(f"The melody of {path} cannot be reproduced: its rules, masks or this program changed.")
    suffixes = (out.suffix,) if out.suffix else sidecar.suffixes
    again = _record(recorded, pieces, row, sidecar.number, suffixes, sidecar.checksum)
    return _write(again, out.with_suffix(""), pieces, row)


def _compose(config: ComposeConfig, composer: Composer) -> tuple[ComposeConfig, Pieces]:
    """Return `config` with its primer as tokens, and the candidate pieces of `composer`."""
    torch.set_num_threads(1)
    environment = composer.environment.changed(**config.setting_changes(), fixed=_parse_fixed(config.fixed))
    if config.priming is not None:
        environment = environment.changed(priming=config.priming)
    if config.primer is not None:
        primer = read_primer(config.primer, config.primer_length, environment.setting.transposition)
        environment = environment.changed(primer=primer)
        config = replace(config, primer=" ".join(map(str, primer)), primer_length=None)
    player = composer.player(environment, config.strength)
    n = config.n * config.best_of
    with Progress(n, "composing", "pieces") as progress:
        pieces = compose_pieces(player, n, config.seed, environment, config.temperature, on_composed=progress.advance)
    return config, pieces


def _parse_fixed(fixed: Sequence[str]) -> dict[int, int]:
    tokens = {}
    for text in fixed:
        step, _, word = text.partition("=")
        if not re.fullmatch("[0-9]{1,9}", step) or not word:
            raise InputError(f"--fixed takes step=note, as in 0=C4 16=21, not {text!r}.")
        tokens[int(step)] = parse_token(word)
    return tokens


def _record(
    config: ComposeConfig, pieces: Pieces, row: int, number: int, suffixes: Sequence[str], weights: str
) -> dict[str, Any]:
    """Return the sidecar of melody `number`."""
    return {
        "title": f"Melody {number}, seed {config.seed}",
        "number": number,
        "suffixes": list(suffixes),
        "config": config.as_record(),
        "checksum": weights,
        "version": version("melody-rl"),
        **piece_record(pieces, row),
    }


def _write(record: dict[str, Any], stem: Path, pieces: Pieces, row: int) -> list[Path]:
    """Write a melody and its sidecar under the name `stem`; return the files."""
    is_primed = record["config"]["keep_primer"]
    melody = (pieces.with_primer() if is_primed else pieces.melodies)[row]
    files = [stem.with_name(stem.name + suffix) for suffix in record["suffixes"]]
    primer_steps = len(pieces.primer) if is_primed else 0
    marks = pieces.marks(row, primer_steps)
    for path in files:
        write_melody(melody, path, pieces.setting, record["title"], primer_steps, marks)
    sidecar = stem.with_name(f"{stem.name}.json")
    write_json(sidecar, record)
    text = melody_text(melody, pieces.setting, pickup_after(primer_steps, pieces.setting), marks)
    print_line(f"{', '.join(map(str, [*files, sidecar]))}\n{text}")
    return [*files, sidecar]
