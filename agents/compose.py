"""`python -m agents.compose RUN --out melody.mid`: let a run's agent compose melodies to hear."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import tyro

from agents.composing import compose_pieces, composer
from melody_env import Setting, SettingOptions, melody_text, piano_roll_figure, setting_of
from note_rnn import InputError, Tokens, parse_token, read_primer, replacing, run_command, write_midi, write_wav


@dataclass(frozen=True)
class ComposeConfig(SettingOptions):
    """Compose melodies and write them as MIDI, sound or pictures."""

    model: Annotated[str, tyro.conf.Positional]
    """Folder of a run, a saved agent (.zip), or a Note RNN ("default", or a .safetensors file)."""
    out: Path = Path("melody.mid")
    """File to write; its suffix says what: .mid, .wav or .png. Several melodies are numbered."""
    n: int = 1
    """Melodies."""
    seed: int = 0
    """Seed; the same seed gives the same melodies."""
    temperature: float = 1.0
    """Below 1 the agent plays what it likes best, above 1 it dares more."""
    primer: str | None = None
    """What to start from: a MIDI or ABC file, corpus:TITLE, tokens ("14 1 1 1") or notes ("C4 - - - D4 -")."""
    primer_length: int | None = None
    """Steps of the primer that are taken (default: all; of ABC and corpus two bars)."""
    keep_primer: bool = False
    """Write the primer too, before the melody; --length never counts it."""
    fixed: tuple[str, ...] = ()
    """Tokens that are given, as step=note: 0=C4 16=G4 28=-; the melody fills in the gaps."""


def compose_files(config: ComposeConfig) -> list[Path]:
    """Compose and write as `config` says; return the files. Raises InputError for what cannot be used."""
    if config.out.suffix not in (".mid", ".wav", ".png"):
        raise InputError(f"--out must end in .mid, .wav or .png, not {config.out.suffix or config.out.name!r}.")
    if config.n < 1 or config.temperature <= 0:
        raise InputError("--n must be at least 1 and --temperature above 0.")
    torch.set_num_threads(1)
    policy, environment = composer(config.model)
    trained_in = setting_of(environment)
    environment |= config.setting_changes() | {"fixed": _parse_fixed(config.fixed)}
    if config.primer is not None:
        semitones = setting_of(environment).transposition
        environment["primer"] = read_primer(config.primer, config.primer_length, semitones)
    pieces = compose_pieces(policy, config.n, config.seed, environment, config.temperature, trained_in=trained_in)
    written = []
    melodies = pieces.with_primer() if config.keep_primer else pieces.melodies
    for number, melody in enumerate(melodies, start=1):
        path = config.out if config.n == 1 else config.out.with_stem(f"{config.out.stem}_{number}")
        _write(melody, path, pieces.setting)
        print(f"{path}\n{melody_text(melody, pieces.setting)}")
        written.append(path)
    return written


def _parse_fixed(fixed: Sequence[str]) -> dict[int, int]:
    tokens = {}
    for text in fixed:
        step, _, word = text.partition("=")
        if not step.isdigit() or not word:
            raise InputError(f"--fixed must be such as 0=C4 16=21, not {text!r}.")
        tokens[int(step)] = parse_token(word)
    return tokens


def _write(melody: Tokens, path: Path, setting: Setting) -> None:
    if path.suffix == ".mid":
        write_midi(melody, path, setting.tempo)
    elif path.suffix == ".wav":
        write_wav(melody, path, setting.tempo)
    else:
        with replacing(path) as temporary:
            piano_roll_figure(melody, setting=setting).savefig(temporary, dpi=100)


def main() -> None:
    """Run the command line."""
    compose_files(tyro.cli(ComposeConfig))


if __name__ == "__main__":
    run_command(main)
