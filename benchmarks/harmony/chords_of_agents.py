"""Agents over chords that they were trained on and over others, beside their Note RNN and human tunes with chords.

    python benchmarks/harmony/chords_of_agents.py runs/chords-* --tunes nottingham --csv chords.csv

Of the notes on strong beats, the share that are tones of the chord, and of another progression of the same set; of
pieces, the AUC with which that share tells their own chords from the others (.5 if it cannot); of notes that leave a
non-chord tone, the share that do so by step; of changes of chord, the share at which a guide tone begins; log p per
step by the Note RNN, and the share of pieces that are distinct. Human tunes are MIDI files of two tracks, melody and
chords, such as those of the Nottingham Music Database. Shapes: N pieces, T steps.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from nottingham import HarmonisedTune, read_tunes

from agents.composing.composers import Agent, load_run
from agents.composing.pieces import compose_pieces
from agents.composing.players import NoteRNNPlayer, Player
from melody_env import EnvironmentSpec, Setting
from melody_env.chord_steps import HarmonySteps
from melody_env.measures.auc import auc
from melody_env.measures.chord_tones import chord_tone_counts
from melody_env.measures.statistics import count_distinct
from melody_env.reward.rules.human.line import PITCH_CLASSES
from melody_env.reward.scoring import progression_numbers
from note_rnn import Tokens
from note_rnn.chords import Progression
from note_rnn.common.csv_tables import write_csv
from note_rnn.common.errors import run_command
from note_rnn.vocabulary import FIRST_PITCH_TOKEN

HELD_OUT = (
    "C | Am | F G | C",
    "Am | C | G | F",
    "F | Am | G | C",
    "Dm | Am | F | G",
    "C | Dm | F | C",
    "Em | C | D | Am",
    "Am | F | Dm | E7",
    "Cmaj7 | Em7 | Fmaj7 | G7",
    "Am7 | Dm7 | G7 | Cmaj7 | Fmaj7 | Bm7b5 | E7 | Am7",
    "C | G/B | Am | C/G | F | C/E | Dm | G",
    "F | Fm | C | A7 | D7 | G7 | C | C",
    "C | Eb | Bb | F",
    "Fmaj7 | Bb7 | Am7 | D7 | Gm7 | C7 | Fmaj7 | C7",
    "D | A | Bm | G",
)
"""Progressions, as they sound in C, that no agent of the preset is trained on."""
KEYS = ("Eb", "A")
STEP = 2
"""Semitones of the widest step."""
Row = dict[str, str | int | float]
Integers = npt.NDArray[np.integer]


def rows_of(agent: Agent, held_out: tuple[str, ...], n: int, seed: int) -> list[Row]:
    """Return the figures of `n` pieces of an `agent` over its own chords, over those `held_out`, over these in other
    keys, and of its Note RNN over them."""
    own = agent.environment
    trained = [progression.text for progression in own.setting.progressions if len(progression.bars) > 1]
    other = own.changed(chords="; ".join(held_out))
    parts = [("trained", own.changed(chords="; ".join(trained))), ("held out", other)]
    parts += [(f"held out, in {key}", other.changed(key=key)) for key in KEYS]
    rows: list[Row] = [{"part": part, **row_of(agent.player(each), each, n, seed)} for part, each in parts]
    bare = replace(other, profile=replace(other.profile, masks=()))
    return [*rows, {"part": "Note RNN", **row_of(NoteRNNPlayer(), bare, n, seed)}]


def row_of(player: Player, environment: EnvironmentSpec, n: int, seed: int) -> Row:
    """Return the figures of `n` pieces of a `player` in `environment`, each over one of its progressions."""
    pieces = compose_pieces(player, n, seed, environment)
    setting, melodies = environment.setting, pieces.melodies
    numbers = progression_numbers(pieces.finished.chords, n, setting)
    number = len(setting.progressions)
    others = (numbers + np.random.default_rng(seed).integers(1, number, n)) % number
    right, wrong = (setting.harmony_steps.of(each) for each in (numbers, others))
    return {
        **figures_of(harmony_counts(melodies, right), harmony_counts(melodies, wrong)),
        "log_prob": float(pieces.finished.log_prob.mean() / melodies.shape[1]),
        "notes_per_bar": float((melodies >= FIRST_PITCH_TOKEN).sum() / melodies.size * setting.steps_per_bar),
        "distinct": count_distinct(melodies) / n,
    }


class HarmonyCounts(NamedTuple):
    """How often each of N melodies does what its chords ask for, and how often it could."""

    tones: Integers
    """[N]; strong beats on which a tone of the chord sounds."""
    notes: Integers
    """[N]; strong beats on which a note does."""
    steps: Integers
    """[N]; non-chord tones left by step, or repeated."""
    leaves: Integers
    """[N]; non-chord tones left."""
    guides: Integers
    """[N]; guide tones that begin with their chord."""
    changes: Integers
    """[N]; chords with guide tones that begin."""


def harmony_counts(melodies: Tokens, harmony: HarmonySteps) -> HarmonyCounts:
    """Return the counts of `melodies` [N, T] over the chords of each."""
    leaves, steps = left_tones(melodies, harmony)
    starts, chord = harmony.starts.T, harmony.chord.T
    guides = starts & harmony.table.guides[chord, PITCH_CLASSES.take(melodies)]
    changes = starts & np.isin(chord, np.flatnonzero(harmony.table.guides.any(axis=1)))
    others = (each.sum(axis=1) for each in (steps, leaves, guides, changes))
    return HarmonyCounts(*chord_tone_counts(melodies, harmony), *others)


def joined(counts: Sequence[HarmonyCounts]) -> HarmonyCounts:
    """Return the `counts` of several groups of melodies as those of one."""
    return HarmonyCounts(*(np.concatenate(each) for each in zip(*counts, strict=True)))


def figures_of(right: HarmonyCounts, wrong: HarmonyCounts) -> Row:
    """Return how melodies go with their own chords, and how far these can be told from others."""
    shares = [each.tones / np.maximum(each.notes, 1) for each in (right, wrong)]
    return {
        "chord_tones": float(right.tones.sum() / right.notes.sum()),
        "of_others": float(wrong.tones.sum() / wrong.notes.sum()),
        "auc": auc(*shares),
        "left_by_step": float(right.steps.sum() / max(right.leaves.sum(), 1)),
        "guide_tones": float(right.guides.sum() / max(right.changes.sum(), 1)),
    }


def left_tones(melodies: Tokens, harmony: HarmonySteps) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which tokens of `melodies` [N, T] leave a non-chord tone, and which of them by step or not at all."""
    is_note = melodies >= FIRST_PITCH_TOKEN
    held = np.maximum.accumulate(np.where(is_note, np.arange(melodies.shape[1]), 0), axis=1)
    last = np.take_along_axis(melodies, held, axis=1)
    last = np.pad(np.where(last >= FIRST_PITCH_TOKEN, last, 0), ((0, 0), (1, 0)))[:, :-1]
    chord = np.pad(harmony.chord.T, ((0, 0), (1, 0)))[:, :-1]
    is_foreign = (last > 0) & (chord > 0) & ~harmony.table.tones[chord, PITCH_CLASSES.take(last)]
    leaves = is_note & is_foreign
    return leaves, leaves & (np.abs(melodies - last) <= STEP)


def human_row(tunes: list[HarmonisedTune]) -> Row:
    """Return the figures of human `tunes` of one meter; the other chords are those of the next tune, in its key."""
    keys = [tune.setting for tune in tunes]
    moved = [
        other.progression.transposed(key.tonic - other.setting.tonic)
        for key, other in zip(keys, [*tunes[1:], tunes[0]], strict=True)
    ]
    own = [steps_of(tune.progression, tune.setting) for tune in tunes]
    others = [steps_of(progression, key) for progression, key in zip(moved, keys, strict=True)]
    melodies = [tune.melody[None] for tune in tunes]
    pairs = [harmony_counts(*each) for each in zip(melodies, own, strict=True)]
    wrong = [harmony_counts(*each) for each in zip(melodies, others, strict=True)]
    return figures_of(joined(pairs), joined(wrong))


def steps_of(progression: Progression, setting: Setting) -> HarmonySteps:
    """Return what a `progression` says of each step of a piece in `setting`."""
    return setting.changed(chords=progression.text).harmony_steps


def main() -> None:
    """Print the figures, and write them to a CSV file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--tunes", type=Path, metavar="FOLDER", help="MIDI files with a track of chords")
    parser.add_argument("--chords", nargs="+", default=HELD_OUT, metavar="CHORDS", help="progressions held out")
    parser.add_argument("--pieces", type=int, default=1_000, metavar="N", help="pieces of each (default 1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, help="CSV file of the figures")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for run in arguments.runs:
        of_run = rows_of(load_run(run), tuple(arguments.chords), arguments.pieces, arguments.seed)
        rows += [{"run": run.name, **row} for row in of_run]
    tunes = [] if arguments.tunes is None else list(read_tunes(arguments.tunes))
    for meter in sorted({tune.setting.meter for tune in tunes}):
        of_meter = [tune for tune in tunes if tune.setting.meter == meter]
        if len(of_meter) > 1:
            rows.append({"run": f"{len(of_meter)} human tunes", "part": meter, **human_row(of_meter)})
    for row in rows:
        print("   ".join(f"{value:.3f}" if isinstance(value, float) else f"{value:20}" for value in row.values()))
    if arguments.csv is not None:
        write_csv(arguments.csv, rows)


if __name__ == "__main__":
    run_command(main)
