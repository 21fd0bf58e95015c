"""The command harmonise: the likeliest chords of a tune, as --chords takes them, and the tune with them as files."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from agents.composing.files.melody_writers import SUFFIXES, writable_suffixes, write_melody
from agents.composing.pieces import piece_staff
from agents.report_page.tune_page import ShownTune, tune_title, write_shown_tunes
from melody_env import Setting
from melody_env.harmonising import harmonise, likeliest_key
from note_rnn import InputError, Tokens, read_tune, run_command
from note_rnn.common.atomic_files import check_out_file
from note_rnn.common.command_line import parse
from note_rnn.common.console import print_line
from note_rnn.common.errors import check_count, check_file_name
from note_rnn.extraction.tunes import bar_steps
from note_rnn.formats.notation import Staff


@dataclass(frozen=True, kw_only=True)
class HarmoniseConfig:
    """Find the likeliest chords of a tune, and print them as compose and train take them by --chords."""

    tune: Annotated[str, tyro.conf.Positional]
    """A MIDI, ABC, MusicXML or kern file, corpus:TITLE, tokens or notes. Tunes of notation are transposed to --key."""
    key: str | None = None
    """Tonic: C, F#, Bb ... (default: that of the likeliest key)."""
    mode: str | None = None
    """(with --key) major, minor, dorian ... (default: major)."""
    meter: str | None = None
    """Time signature (default: as the file says, else 4/4)."""
    pickup: int | None = None
    """Steps of the tune before its first bar line (default: as its file says, else 0)."""
    per_bar: int = 1
    """Chords in each bar."""
    out: Path | None = None
    """Name of files of the tune with its chords; with a suffix (.mid, .musicxml, .svg, .abc, .wav or .png) only that
    format is written."""
    page: bool = False
    """(with --out) Also write a page (HTML) with sheet music, to see, play and download the tune; it needs no
    network."""

    def check(self) -> None:
        """Raise InputError for an invalid value."""
        check_count("--per-bar", self.per_bar)
        if self.pickup is not None:
            check_count("--pickup", self.pickup, minimum=0)
        if self.mode is not None and self.key is None:
            raise InputError("--mode belongs to --key: add that, or leave out both.")
        if self.page and self.out is None:
            raise InputError("--page is named after the files of --out: add that.")
        if self.out is not None:
            if self.out.suffix not in ("", *SUFFIXES):
                raise InputError(f"--out must end in {', '.join(SUFFIXES)} or have no suffix, not {self.out.suffix!r}.")
            check_file_name(self.out)
            check_out_file(self.out if self.out.suffix else self.out.with_suffix(".mid"), "--out")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    config = parse(HarmoniseConfig, arguments)
    config.check()
    known = Setting().changed(key=config.key, mode=config.mode, meter=config.meter)
    tokens, bars = read_tune(config.tune, known.transposition)
    if config.meter is None and bar_steps(bars.meter) is not None:
        known = known.changed(meter=bars.meter)
    pickup = bars.pickup if config.pickup is None else config.pickup
    if pickup >= len(tokens):
        raise InputError(f"The tune has {len(tokens)} steps, so its pickup cannot have {pickup}: give fewer.")
    setting = known.changed(length=len(tokens) - pickup)
    if config.key is None:
        setting = likeliest_key(tokens[pickup:], setting)
    (progression,) = harmonise(tokens[None, pickup:], setting, config.per_bar).progressions
    print_line(progression.text)
    print(f"{setting.key} {setting.mode}, {setting.staff.meter}", file=sys.stderr)
    if config.out is not None:
        staff = piece_staff(setting, pickup, progression=progression)
        _write(tokens, setting, staff, config.out)
        if config.page:
            title, about = tune_title(setting, setting.steps), "A given tune, with the likeliest chords."
            tune = ShownTune(config.out.stem, title, about, tokens, staff, [])
            print_line(str(write_shown_tunes(config.out.with_suffix(".html"), [tune])))


def _write(tokens: Tokens, setting: Setting, staff: Staff, out: Path) -> None:
    """Write `tokens` [T] on their `staff`, in the format of the suffix of `out` or in all."""
    suffixes = (out.suffix,) if out.suffix else writable_suffixes()
    for path in (out.with_suffix(suffix) for suffix in suffixes):
        write_melody(tokens, path, setting, staff, out.stem)
        print_line(str(path))


if __name__ == "__main__":
    run_command(main)
