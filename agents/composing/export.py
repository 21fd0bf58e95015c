"""Composed melodies as files, each with a record (sidecar) that reproduces it."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro

from agents.composing.composers import load_composer
from agents.composing.melodies import choose
from agents.composing.melody_writers import SUFFIXES, piece_record, writable_suffixes, write_melody
from agents.composing.pieces import Pieces, compose_pieces
from melody_env import SettingOptions, melody_text
from note_rnn import InputError, Progress, Tokens, parse_token, read_primer, replacing, write_json
from note_rnn.common.errors import check_above_zero, check_count


@dataclass(frozen=True)
class ComposeConfig(SettingOptions):
    """Compose melodies and write each as MIDI, MusicXML, ABC, sound (WAV) and picture (PNG), with a record (JSON).

    The record holds all that is needed to compose the same melody again: --from melody.json.
    """

    model: Annotated[str | None, tyro.conf.Positional] = None
    """What composes: the folder of a run, a saved agent (.zip), or a Note RNN ("default", "bars", or a .safetensors
    file)."""
    out: Path | None = None
    """Name of the files, by default "melody"; several melodies are numbered. With a suffix (.mid, .musicxml, .abc, .wav
    or .png) only that format is written, and the record."""
    sidecar: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    """Compose the melody of this record (.json) again, alone or with --out, and MODEL, needed if the model has been
    moved; the record decides all else."""
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
    primer: str | None = None
    """Opening to continue: a MIDI or ABC file, corpus:TITLE, tokens ("14 1 1 1") or notes ("C4 - - - D4 -")."""
    primer_length: int | None = None
    """Steps of the primer to use (default: all; two bars of ABC and corpus tunes)."""
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
        check_count("--seed", self.seed, minimum=0)
        check_count("--best-of", self.best_of)
        check_above_zero("--temperature", self.temperature)
        if not (math.isfinite(self.strength) and self.strength >= 0):
            raise InputError(f"--strength must be a number of at least 0, not {self.strength}.")
        if self.tokens is not None and self.tokens.suffix != ".npy":
            raise InputError(f"--tokens must end in .npy, not {self.tokens.suffix!r}.")
        if self.diverse and self.best_of == 1:
            raise InputError("--diverse needs candidates to select from: add --best-of 8, for example.")

    def check_again(self) -> None:
        """Raise InputError for an invalid value beside --from, or an option that its record decides."""
        default = ComposeConfig()
        decided = [each.name for each in fields(self) if each.name not in ("model", "out", "sidecar")]
        given = [name.replace("_", "-") for name in decided if getattr(self, name) != getattr(default, name)]
        if given:
            raise InputError(f"--from composes the melody of its record again: leave out --{', --'.join(given)}.")
        self._check_out()

    def _check_out(self) -> None:
        if self.out is not None and self.out.suffix not in ("", *SUFFIXES):
            raise InputError(f"--out must end in {', '.join(SUFFIXES)} or have no suffix, not {self.out.suffix!r}.")

    def as_record(self) -> dict[str, Any]:
        """Return the values that determine the melodies, as JSON."""
        return {name: value for name, value in asdict(self).items() if name not in ("out", "sidecar", "tokens")}

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> "ComposeConfig":
        """Return the configuration in the "config" of a sidecar."""
        names = {field.name for field in fields(cls)}
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in record.items() if name in names
        }
        return cls(**values)


def compose_files(config: ComposeConfig) -> list[Path]:
    """Compose and write melodies by `config`; return the files. Raises InputError for an invalid configuration."""
    if config.sidecar is not None:
        return _compose_again(config, config.sidecar)
    config.check()
    out, tokens = config.out or Path("melody"), config.tokens
    config, pieces, weights = _compose(config)
    suffixes = (out.suffix,) if out.suffix else writable_suffixes()
    rows = choose(pieces, config.n, config.diverse)
    written = []
    if tokens is not None:
        written.append(_write_tokens(tokens, (pieces.with_primer() if config.keep_primer else pieces.melodies)[rows]))
        if config.out is None:
            return written
    for number, row in enumerate(rows, start=1):
        stem = out.with_suffix("") if config.n == 1 else out.with_name(f"{out.stem}_{number}")
        written += _write(_record(config, pieces, int(row), number, suffixes, weights), stem, pieces, int(row))
    return written


def _write_tokens(path: Path, melodies: Tokens) -> Path:
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, melodies)
    print(path)
    return path


def _compose_again(config: ComposeConfig, sidecar: Path) -> list[Path]:
    """Compose the melody of a `sidecar` and write its files again; raises InputError for another model or result."""
    config.check_again()
    record = _read_sidecar(sidecar)
    recorded = ComposeConfig.of_record(record["config"])
    recorded.check()
    _, pieces, weights = _compose(replace(recorded, model=config.model or recorded.model))
    if weights != record["checksum"]:
        raise InputError(
            f"{config.model or recorded.model} is not the agent that composed {sidecar}, or was trained further: "
            "its weights have another checksum. Give the one that did as MODEL."
        )
    row = int(choose(pieces, recorded.n, recorded.diverse)[record["number"] - 1])
    if pieces.melodies[row].tolist() != record["tokens"]:
        raise InputError(f"The melody of {sidecar} cannot be reproduced: its rules, masks or this program changed.")
    out = config.out or sidecar.with_suffix("")
    suffixes = (out.suffix,) if out.suffix else tuple(record["suffixes"])
    again = _record(recorded, pieces, row, record["number"], suffixes, weights)
    return _write(again, out.with_suffix(""), pieces, row)


def _compose(config: ComposeConfig) -> tuple[ComposeConfig, Pieces, str]:
    """Return `config` with its primer as tokens, the candidate pieces, and the checksum of the model."""
    torch.set_num_threads(1)
    assert config.model is not None
    composer = load_composer(config.model)
    environment = composer.environment.changed(**config.setting_changes(), fixed=_parse_fixed(config.fixed))
    if config.primer is not None:
        primer = read_primer(config.primer, config.primer_length, environment.setting.transposition)
        environment = environment.changed(primer=primer)
        config = replace(config, primer=" ".join(map(str, primer)), primer_length=None)
    player = composer.player(environment, config.strength)
    n = config.n * config.best_of
    with Progress(n, "composing", "pieces") as progress:
        pieces = compose_pieces(player, n, config.seed, environment, config.temperature, on_composed=progress.advance)
    return config, pieces, composer.checksum()


def _parse_fixed(fixed: Sequence[str]) -> dict[int, int]:
    tokens = {}
    for text in fixed:
        step, _, word = text.partition("=")
        if not step.isdigit() or not word:
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
    melody = (pieces.with_primer() if record["config"]["keep_primer"] else pieces.melodies)[row]
    files = [stem.with_name(stem.name + suffix) for suffix in record["suffixes"]]
    for path in files:
        write_melody(melody, path, pieces.setting, record["title"])
    sidecar = stem.with_name(f"{stem.name}.json")
    write_json(sidecar, record)
    print(f"{', '.join(map(str, [*files, sidecar]))}\n{melody_text(melody, pieces.setting)}")
    return [*files, sidecar]


def _read_sidecar(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return {name: record[name] for name in ("config", "number", "suffixes", "checksum", "tokens")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not the record of a composed melody ({error}).") from error
