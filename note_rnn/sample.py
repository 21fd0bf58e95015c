"""The command sample: melodies drawn from a Note RNN, with or without a primer.

Shapes: N melodies, T steps, P steps of the primer, A = 38 tokens.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from note_rnn.common.atomic_files import check_out_folder, write_json
from note_rnn.common.command_line import parse
from note_rnn.common.errors import InputError, check_count, check_seed, check_temperature, run_command
from note_rnn.formats.midi import check_bpm, write_midi
from note_rnn.network.checkpoint import load_note_rnn, read_model_card
from note_rnn.network.generation import Priming, sample_melodies
from note_rnn.network.lookback import check_meter
from note_rnn.primers import check_primer_options, read_primer
from note_rnn.vocabulary import Tokens


@dataclass(frozen=True)
class SampleConfig:
    """Draw melodies from a Note RNN, and write them as MIDI, with a file of the settings that reproduce them.

    For the pieces of a tuned agent: melody-rl compose RUN.
    """

    prior: str = "default"
    """Note RNN: "default", "lookback" (it looks back and copies, in any meter), or a .safetensors file written by
    pretrain or import-magenta."""
    out: Path = Path("samples")
    """Folder for the melodies, and for samples.json: settings, tokens, and each melody's log probability per token."""
    n: int = 16
    """Number of melodies."""
    length: int = 64
    """Sixteenths per melody, not counting the primer."""
    meter: str = "4/4"
    """Time signature, for a Note RNN that depends on it; a primer comes before the first bar line."""
    priming: Priming = "none"
    """(without --primer) What precedes each melody: nothing, or a random note."""
    primer: str | None = None
    """Beginning to continue: a MIDI, ABC, MusicXML or kern file, corpus:TITLE, tokens ("14 1 1 1") or notes
    ("C4 - - - D4 -")."""
    primer_length: int | None = None
    """Steps of the primer to use (default: all; at most 32 of tunes from ABC, MusicXML, kern and the corpus)."""
    keep_primer: bool = False
    """Also write the primer, before the melody."""
    temperature: float = 1.0
    """Sampling temperature: below 1 likely tokens become likelier, above 1 unlikely ones."""
    top_p: float = 1.0
    """Draw only from the fewest likeliest tokens whose probabilities sum to at least this share."""
    seed: int = 0
    """Random seed; the same seed and settings give the same melodies."""
    bpm: float = 120.0
    """Quarter notes per minute."""

    def check(self) -> None:
        """Raise InputError for settings out of range."""
        check_count("--n", self.n)
        check_seed("--seed", self.seed)
        check_count("--length", self.length)
        check_temperature("--temperature", self.temperature)
        if not 0 < self.top_p <= 1:
            raise InputError(f"--top-p must be above 0 and at most 1, not {self.top_p}.")
        check_bpm(self.bpm)
        check_meter(self.meter)
        check_primer_options(self.primer, self.primer_length, self.keep_primer, self.priming != "none")
        check_out_folder(self.out)


def sample(config: SampleConfig) -> list[Path]:
    """Draw and write melodies as configured; return the MIDI files.

    Raises CheckpointError, PrimerError or another InputError for settings that cannot be used, OSError if the files
    cannot be written.
    """
    config.check()
    torch.set_num_threads(1)
    model = load_note_rnn(config.prior).in_meter(config.meter)
    primer = np.zeros(0, np.int64) if config.primer is None else read_primer(config.primer, config.primer_length)
    melodies, log_prob = sample_melodies(
        model, config.n, config.length, config.seed, primer, config.temperature, config.top_p, config.priming
    )
    files = [config.out / f"melody_{number:0{len(str(config.n))}}.mid" for number in range(1, config.n + 1)]
    for path, melody in zip(files, melodies, strict=True):
        write_midi(np.concatenate([primer, melody]) if config.keep_primer else melody, path, config.bpm)
    write_json(config.out / "samples.json", _record(config, files, primer, melodies, log_prob))
    return files


def _record(
    config: SampleConfig, files: list[Path], primer: Tokens, melodies: Tokens, log_prob: npt.NDArray[np.float64]
) -> dict[str, Any]:
    """Return the settings that reproduce the melodies, and the melodies; log_prob is in nats per token."""
    rows = zip(files, map(_text, melodies), (log_prob / config.length).tolist(), strict=True)
    return {
        "settings": asdict(config),
        "prior_checksum": read_model_card(config.prior)["checksum"],
        "primer": _text(primer),
        "melodies": [{"file": path.name, "log_prob": mean, "tokens": melody} for path, melody, mean in rows],
        "versions": {name: version(name) for name in ("melody-rl", "numpy", "torch")},
    }


def _text(tokens: Tokens) -> str:
    """Return `tokens` in the format of --primer."""
    return " ".join(map(str, tokens))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    config = parse(SampleConfig, arguments)
    number = len(sample(config))
    print(f"Wrote {number} {'melody' if number == 1 else 'melodies'} and samples.json to {config.out}")


if __name__ == "__main__":
    run_command(main)
