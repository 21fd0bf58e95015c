"""How far the chords found for human tunes are those that they have.

    python benchmarks/harmony/harmonising.py nottingham --csv docs/results/harmonising.csv

Of the time for which a tune has a chord, the share with the root of the one found, and with its third as well; beside
it, a chord of the tonic throughout. And of the notes on strong beats, the share that are tones of the chords found, and
of those of the tune. The files are MIDI of two tracks, melody and chords, as the Nottingham Music Database's.
"""

import argparse
from pathlib import Path

import numpy as np
from nottingham import HarmonisedTune, read_tunes

from melody_env.harmonising import harmonise, likeliest_key
from melody_env.measures.chord_tones import chord_tone_counts
from melody_env.setting import Flags, Setting
from note_rnn.chords import NO_CHORD, Chord, Progression, parse_progression
from note_rnn.common.csv_tables import write_csv
from note_rnn.common.errors import run_command

Row = dict[str, str | int | float]


def row_of(tunes: list[HarmonisedTune], per_bar: int) -> Row:
    """Return the figures of `tunes` for so many chords per bar."""
    figures = [figures_of(tune, per_bar) for tune in tunes]
    return {
        "tunes": len(tunes),
        "per_bar": per_bar,
        **{name: float(np.mean([each[name] for each in figures])) for name in figures[0]},
    }


def figures_of(tune: HarmonisedTune, per_bar: int) -> dict[str, float]:
    """Return how far the chords found for a `tune` in its key are its own."""
    setting, melody = tune.setting, tune.melody[None]
    (found,) = harmonise(melody, setting, per_bar).progressions
    tonic = parse_progression(f"{setting.key}{'m' if setting.mode == 'minor' else ''}")
    roots, thirds = agreement(found, tune.progression, setting)
    of_tonic, _ = agreement(tonic, tune.progression, setting)
    key = likeliest_key(tune.melody, setting)
    return {
        "roots": float(roots.mean()),
        "triads": float(thirds.mean()),
        "roots_of_tonic": float(of_tonic.mean()),
        "tones_of_found": chord_tones(found, tune),
        "tones_of_own": chord_tones(tune.progression, tune),
        "keys": float((key.tonic, key.mode) == (setting.tonic, setting.mode)),
    }


def agreement(found: Progression, own: Progression, setting: Setting) -> tuple[Flags, Flags]:
    """Return, of the steps that have a chord of `own`, which have its root in `found`, and which its third too."""
    pairs = zip(chords_by_step(found, setting), chords_by_step(own, setting), strict=True)
    both = [(one, other) for one, other in pairs if other != NO_CHORD]
    roots = np.array([one.root == other.root for one, other in both])
    return roots, roots & np.array([one.pitch_classes[1] == other.pitch_classes[1] for one, other in both])


def chords_by_step(progression: Progression, setting: Setting) -> list[Chord]:
    """Return the chord of each step of a piece in `setting`."""
    indices, chords = progression.chords_by_step(setting.steps, setting.steps_per_bar, setting.steps_per_beat)
    return [chords[index] for index in indices]


def chord_tones(progression: Progression, tune: HarmonisedTune) -> float:
    """Return the share of the notes on strong beats of a `tune` that are tones of a `progression`."""
    steps = tune.setting.changed(chords=progression.text).harmony_steps
    tones, notes = chord_tone_counts(tune.melody[None], steps)
    return float(tones.sum() / max(notes.sum(), 1))


def main() -> None:
    """Print the figures, and write them to a CSV file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tunes", type=Path, metavar="FOLDER", help="MIDI files with a track of chords")
    parser.add_argument("--csv", type=Path, help="CSV file of the figures")
    arguments = parser.parse_args()
    tunes = [tune for tune in read_tunes(arguments.tunes) if tune.setting.steps_per_bar % 2 == 0]
    rows: list[Row] = []
    for mode in ("major", "minor"):
        of_mode = [tune for tune in tunes if tune.setting.mode == mode]
        rows += [{"mode": mode, **row_of(of_mode, per_bar)} for per_bar in (1, 2) if of_mode]
    for row in rows:
        print(
            "   ".join(f"{name} {value:.3f}" if isinstance(value, float) else f"{value}" for name, value in row.items())
        )
    if arguments.csv is not None:
        write_csv(arguments.csv, rows)


if __name__ == "__main__":
    run_command(main)
