"""Composed melodies as files, each with a record that reproduces it."""

import re
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from agents.composing.around import Drawing, Results, fill_gaps, vary_notes
from agents.composing.composers import Composer, load_composer
from agents.composing.files.config import ComposeConfig
from agents.composing.files.melody_writers import piece_record, writable_suffixes, write_melody
from agents.composing.files.sidecar import Sidecar
from agents.composing.melodies import choose
from agents.composing.pieces import Pieces, compose_pieces, pieces_of
from agents.composing.players import Player
from agents.composing.tunes import Tune, tune_in
from agents.infilling.gaps import parse_gaps
from melody_env import EnvironmentSpec, melody_text
from note_rnn import InputError, Progress, Tokens, parse_token, read_primer, replacing, write_json
from note_rnn.common.atomic_files import check_out_file
from note_rnn.common.console import print_line
from note_rnn.common.errors import check_file_name
from note_rnn.network.devices import chosen_device
from note_rnn.primers import check_primer_options


class Composed(NamedTuple):
    """Candidate pieces, and the configuration that composes them without any file."""

    config: ComposeConfig
    pieces: Pieces
    tune: Tune | None = None
    """The tune that they were composed around."""
    effective: Sequence[float] = ()
    """[N]; with a tune, the effective sample size of the candidates of each piece."""

    @property
    def shown_primer(self) -> int:
        """The last steps of the primer that are written with a piece: all of it, or the pickup of its tune."""
        if self.config.keep_primer:
            return len(self.pieces.primer)
        return 0 if self.tune is None else self.tune.pickup

    def written(self, row: int) -> Tokens:
        """Return a piece as it is written, with what is shown of its primer."""
        return self.pieces.with_primer()[row, len(self.pieces.primer) - self.shown_primer :]


def compose_files(config: ComposeConfig) -> list[Path]:
    """Compose and write melodies by `config`; return the files. Raises InputError for an invalid configuration."""
    if config.sidecar is not None:
        config.check_again()
        sidecar = Sidecar.read(config.sidecar)
        if config.fill is None:
            return _compose_again(config, sidecar, config.sidecar)
        config = sidecar.rewritten(config)
    config.check()
    check_primer_options(config.primer, config.primer_length, config.keep_primer, config.priming is not None)
    out, tokens = config.out or Path("melody"), config.tokens
    for path, option in ((config.tokens, "--tokens"), (None if tokens and not config.out else out, "--out")):
        if path is not None:
            _check_writable(path, option)
    assert config.model is not None
    composer = load_composer(config.model, config.trust_code).on(chosen_device(config.device))
    composed = _compose(config, composer)
    suffixes = (out.suffix,) if out.suffix else writable_suffixes()
    rows = choose(composed.pieces, config.n, config.diverse)
    written = []
    if tokens is not None:
        written.append(_write_tokens(tokens, np.stack([composed.written(int(row)) for row in rows])))
        if config.out is None:
            return written
    for number, row in enumerate(rows, start=1):
        stem = out.with_suffix("") if config.n == 1 else out.with_name(f"{out.stem}_{number}")
        written += _write(_record(composed, int(row), number, suffixes, composer.checksum()), stem, composed, int(row))
    return written


def page_path(config: ComposeConfig) -> Path:
    """Return the file of the page that --page writes."""
    out = config.out or (Path("melody") if config.sidecar is None or config.fill else config.sidecar)
    return out.with_suffix(".html")


def _check_writable(out: Path, option: str) -> None:
    check_file_name(out)
    check_out_file(out if out.suffix else out.with_suffix(".json"), option)


def _write_tokens(path: Path, melodies: Tokens) -> Path:
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, melodies)
    print_line(str(path))
    return path


def _compose_again(config: ComposeConfig, sidecar: Sidecar, path: Path) -> list[Path]:
    """Compose the melody of the `sidecar` in the file `path` and write its files again.

    The model that it names composes only if its weights are those of the record. Raises InputError for other weights or
    another melody.
    """
    out = config.out or path.with_suffix("")
    _check_writable(out, "--out")
    model = config.model or sidecar.config.model
    assert model is not None
    composer = load_composer(model, config.trust_code).on(chosen_device(sidecar.config.device))
    if composer.checksum() != sidecar.checksum:
        raise InputError(
            f"{model} is not the agent that composed {path}, or was trained further: its weights have another "
            "checksum. Give the one that did as MODEL."
        )
    composed = _compose(sidecar.config, composer)
    row = int(choose(composed.pieces, sidecar.config.n, sidecar.config.diverse)[sidecar.number - 1])
    if composed.pieces.melodies[row].tolist() != sidecar.tokens:
        raise InputError(f"The melody of {path} cannot be reproduced: its rules, masks or this program changed.")
    suffixes = (out.suffix,) if out.suffix else sidecar.suffixes
    again = _record(composed, row, sidecar.number, suffixes, sidecar.checksum)
    return _write(again, out.with_suffix(""), composed, row)


def _compose(config: ComposeConfig, composer: Composer) -> Composed:
    """Return the candidate pieces of `composer`, and `config` with its primer and tune as tokens."""
    torch.set_num_threads(1)
    environment = composer.environment.changed(**config.setting_changes(), fixed=_parse_fixed(config.fixed))
    if config.priming is not None:
        environment = environment.changed(priming=config.priming)
    if config.primer is not None:
        primer = read_primer(config.primer, config.primer_length, environment.setting.transposition)
        environment = environment.changed(primer=primer)
        config = replace(config, primer=" ".join(map(str, primer)), primer_length=None)
    if config.tune is not None:
        return _compose_around(config, config.tune, composer, environment)
    player = composer.player(environment, config.strength)
    n = config.n * config.best_of
    with Progress(n, "composing", "pieces") as progress:
        pieces = compose_pieces(player, n, config.seed, environment, config.temperature, on_composed=progress.advance)
    return Composed(config, pieces)


def _compose_around(config: ComposeConfig, source: str, composer: Composer, environment: EnvironmentSpec) -> Composed:
    """Return candidate pieces around the tune in `source`, by `composer` in an `environment` of the tune's length."""
    tune = tune_in(source, environment, config.meter, config.pickup)
    tokens = " ".join(map(str, tune.tokens))
    config = replace(config, meter=tune.environment.setting.meter, pickup=tune.pickup)
    config = replace(config, vary=tokens) if config.vary is not None else replace(config, around=tokens)
    player = composer.player(tune.environment, config.strength)
    count = config.n * config.best_of
    with Progress(count, "composing", "pieces") as progress:
        drawing = Drawing(config.candidates, config.temperature, config.seed, progress.advance)
        results = _results(config, tune, player, count, drawing)
    pieces = pieces_of(player, results.tunes, tune.environment)
    return Composed(config, pieces, tune, results.effective.tolist())


def _results(config: ComposeConfig, tune: Tune, player: Player, n: int, drawing: Drawing) -> Results:
    if config.vary is not None:
        return vary_notes(player, tune.environment, tune.melody, config.change, config.by, n, drawing)
    assert config.fill is not None
    is_open = parse_gaps(config.fill, len(tune.melody), tune.environment.setting.steps_per_bar)
    return fill_gaps(player, tune.environment, tune.melody, is_open, n, drawing)


def _parse_fixed(fixed: Sequence[str]) -> dict[int, int]:
    tokens = {}
    for text in fixed:
        step, _, word = text.partition("=")
        if not re.fullmatch("[0-9]{1,9}", step) or not word:
            raise InputError(f"--fixed takes step=note, as in 0=C4 16=21, not {text!r}.")
        tokens[int(step)] = parse_token(word)
    return tokens


def _record(composed: Composed, row: int, number: int, suffixes: Sequence[str], weights: str) -> dict[str, Any]:
    """Return the sidecar of melody `number`."""
    config, tune = composed.config, composed.tune
    around = {} if tune is None else tune.record(composed.pieces.melodies[row], composed.effective[row])
    return {
        "title": f"Melody {number}, seed {config.seed}",
        "number": number,
        "suffixes": list(suffixes),
        "config": config.as_record(),
        "checksum": weights,
        "version": version("melody-rl"),
        **piece_record(composed.pieces, row),
        **around,
    }


def _write(record: dict[str, Any], stem: Path, composed: Composed, row: int) -> list[Path]:
    """Write a melody and its sidecar under the name `stem`; return the files."""
    melody, pieces = composed.written(row), composed.pieces
    files = [stem.with_name(stem.name + suffix) for suffix in record["suffixes"]]
    staff = pieces.staff(row, composed.shown_primer)
    for path in files:
        write_melody(melody, path, pieces.setting, staff, record["title"])
    sidecar = stem.with_name(f"{stem.name}.json")
    write_json(sidecar, record)
    text = melody_text(melody, pieces.setting, staff.pickup, dict(staff.marks), staff.chords)
    print_line(f"{', '.join(map(str, [*files, sidecar]))}\n{text}")
    return [*files, sidecar]
