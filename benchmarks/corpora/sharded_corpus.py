"""A corpus of many synthetic files, built in shards while it is killed and resumed: memory, speed, and what is lost.

    python benchmarks/corpora/sharded_corpus.py music --files 20000 --kills 3

Files are mutations of the MIDI files in a folder: transposed, stretched in time, with notes dropped and replaced; some
are damaged. Printed are the highest memory of all processes of a build together, files per second, what the report says
of the files, and how many pairs of a test and a training tune are variants of one another.
"""

import argparse
import hashlib
import json
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import mido
import numpy as np

from note_rnn.common.atomic_files import write_bytes
from note_rnn.common.data_files import read_json
from note_rnn.common.progress import Progress
from note_rnn.corpus import read_shards
from note_rnn.corpus.build import corpus_paths
from note_rnn.corpus.report import Report
from note_rnn.corpus.sharded.splits import TEST, TRAIN, parts_of_tunes
from note_rnn.corpus.sharded.variants import MIN_OVERLAP, ShingleSets

DAMAGED = 0.02
"""Share of the files that are cut short."""
FILES_PER_FOLDER = 1000
COMPARED = 200_000
"""Pairs of a test tune and a training tune that are compared."""


class Original(NamedTuple):
    """A MIDI file to mutate."""

    ticks_per_beat: int
    tracks: list[list[tuple[int, bytes]]]
    """For each track its messages with the ticks before them."""


def read_original(path: Path) -> Original:
    """Return the MIDI file `path` without system messages."""
    midi = mido.MidiFile(path, clip=True)
    tracks: list[list[tuple[int, bytes]]] = []
    for track in midi.tracks:
        waited, messages = 0, []
        for message in track:
            waited += message.time
            content = bytes(message.bytes())
            if content[0] < 0xF0 or content[0] == 0xFF:
                messages.append((waited, content))
                waited = 0
        tracks.append(messages)
    return Original(midi.ticks_per_beat, tracks)


def mutated(original: Original, rng: np.random.Generator) -> bytes:
    """Return the file transposed by up to six semitones, half or twice as fast or as it was, with some notes changed.

    Up to a tenth of the notes are left out, and up to a tenth moved by up to four semitones.
    """
    shift, stretch = int(rng.integers(-6, 7)), float(rng.choice([1, 1, 1, 2, 0.5]))
    dropped, replaced = rng.uniform(0, 0.1, 2)
    content = b"MThd" + struct.pack(">IHHH", 6, 1, len(original.tracks), original.ticks_per_beat)
    for track in original.tracks:
        chances, steps = rng.random((2, len(track))), rng.integers(-4, 5, len(track)).tolist()
        is_dropped, is_moved = (chances < [[dropped], [replaced]]).tolist()
        moves: dict[bytes, int | None] = {}
        written, waited = bytearray(), 0
        for (ticks, message), lost, moved, step in zip(track, is_dropped, is_moved, steps, strict=True):
            waited += round(ticks * stretch)
            if 0x80 <= message[0] < 0xA0:
                if message[0] >= 0x90 and message[2]:
                    moves[message[1:2]] = None if lost else shift + (step if moved else 0)
                move = moves.get(message[1:2], shift)
                if move is None or not 0 <= message[1] + move <= 127:
                    continue
                message = bytes([message[0], message[1] + move, message[2]])
            written += _variable(waited) + message
            waited = 0
        content += b"MTrk" + struct.pack(">I", len(written)) + written
    return content


def _variable(number: int) -> bytes:
    """Return `number` as MIDI writes times."""
    if number < 128:
        return bytes([number])
    return bytes([*(0x80 | byte & 0x7F for byte in _variable(number >> 7)), number & 0x7F])


def make_files(sources: Path, folder: Path, number: int, seed: int) -> None:
    """Write `number` mutations of the MIDI files in `sources` to `folder`, unless they are there."""
    paths = sorted(sources.rglob("*.mid"))
    originals: dict[Path, Original] = {}
    with Progress(number, "Making", "files") as progress:
        for i in range(number):
            progress.advance()
            path = folder / f"{i // FILES_PER_FOLDER:04d}" / f"{i:07d}.mid"
            if path.exists():
                continue
            rng = np.random.default_rng((seed, i))
            source = paths[int(rng.integers(len(paths)))]
            if source not in originals:
                originals[source] = read_original(source)
            content = mutated(originals[source], rng)
            write_bytes(path, content[: int(rng.integers(4, 60))] if rng.random() < DAMAGED else content)


def processes_of(pid: int) -> Iterator[int]:
    """Yield `pid` and the processes below it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from processes_of(int(child))


def memory_of(pid: int) -> dict[str, int]:
    """Return bytes in memory of `pid` alone and, "all", of it and all below it, what they share divided among them."""
    found = {}
    for each in processes_of(pid):
        try:
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        found[each] = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return {"main": found.get(pid, 0), "all": sum(found.values())}


def build(arguments: list[str], seconds: float | None) -> tuple[bool, float, dict[str, int]]:
    """Run a build, killed after `seconds`; return whether it ended by itself, its seconds, and its highest memory."""
    start, highest = time.monotonic(), {"main": 0, "all": 0}
    process = subprocess.Popen(
        [sys.executable, "-m", "note_rnn.corpus", "build", *arguments], stdout=subprocess.DEVNULL
    )
    while process.poll() is None:
        now = memory_of(process.pid)
        highest = {name: max(highest[name], now[name]) for name in highest}
        if seconds is not None and time.monotonic() - start > seconds:
            process.kill()
            process.wait()
            return False, time.monotonic() - start, highest
        time.sleep(0.25)
    if process.returncode:
        sys.exit(f"The build failed with status {process.returncode}.")
    return True, time.monotonic() - start, highest


def check_report(out: Path, made: set[str]) -> Report:
    """Return the report of the corpus `out`; end unless each file that was `made` is kept or dropped, once."""
    corpus, report_file = corpus_paths(out)
    report: Report = read_json(report_file, Report)
    dropped = {**report.dropped}
    for name in report.shards:
        dropped |= read_json(corpus.with_suffix(".shards") / f"{name}.json", Report).dropped
    kept = {source.rpartition("#")[0] for shard in read_shards(corpus) for source in shard.sources}
    assert kept | dropped.keys() == made
    assert not kept & dropped.keys()
    assert report.files == len(made) == report.files_kept + len(dropped)
    return report


def checksum(out: Path) -> str:
    """Return a hash of the tokens and the parts of all tunes of the corpus `out`."""
    shards = read_shards(corpus_paths(out)[0])
    digest = hashlib.sha256(shards.hashes.tobytes())
    for shard in shards:
        digest.update(np.concatenate(shard.segments).astype(np.int8).tobytes())
    return digest.hexdigest()[:16]


def overlaps_across(out: Path, seed: int) -> tuple[int, int]:
    """Return how many pairs of a test and a training tune are variants of one another, and how many were compared."""
    shards = read_shards(corpus_paths(out)[0])
    part = parts_of_tunes(shards.hashes)
    corpus = shards.whole()
    sets = ShingleSets.of(corpus.segments, corpus.tune_of_segment, len(corpus.titles))
    rng = np.random.default_rng(seed)
    of_part = [np.flatnonzero((part == number) & (sets.sizes > 0)) for number in (TEST, TRAIN)]
    pairs = np.stack([rng.choice(tunes, COMPARED) for tunes in of_part], axis=1)
    return int((sets.overlap(pairs) >= MIN_OVERLAP).sum()), COMPARED


def main() -> None:
    """Make the files, build, kill, resume, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path, help="folder of MIDI files to mutate")
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--every", type=float, default=60.0, help="seconds after which a build is killed")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/sharded_corpus"))
    arguments = parser.parse_args()
    music, out = arguments.out / "music", arguments.out / "corpus"
    make_files(arguments.sources, music, arguments.files, arguments.seed)
    command = [str(music), "--out", str(out), "--workers", str(arguments.workers)]
    total, highest = 0.0, {"main": 0, "all": 0}
    for kill in range(arguments.kills + 1):
        ended, seconds, memory = build(command, arguments.every if kill < arguments.kills else None)
        total += seconds
        highest = {name: max(highest[name], memory[name]) for name in highest}
        print(f"build {kill + 1}: {'finished' if ended else 'killed'} after {seconds:.0f} s, {memory['all'] >> 20} MiB")
    report = check_report(out, {f"music/{path.relative_to(music)}" for path in music.rglob("*.mid")})
    print(
        f"{report.files:,} files = {report.files_kept:,} kept + {report.files - report.files_kept:,} dropped with "
        f"reasons, in {len(report.shards)} shards; {report.tokens:,} tokens; {report.tunes:,} tunes in "
        f"{report.groups:,} groups, {report.duplicates:,} duplicates; checksum {checksum(out)}"
    )
    print(f"{total:.0f} s, {report.files / total:.0f} files/s with {arguments.workers} workers")
    print(f"highest memory: {highest['all'] >> 20} MiB in all, {highest['main'] >> 20} MiB the main process")
    print("pairs of a test and a training tune that are variants: {:,} of {:,}".format(*overlaps_across(out, 0)))
    print(json.dumps(report.reasons(), indent=2))


if __name__ == "__main__":
    main()
