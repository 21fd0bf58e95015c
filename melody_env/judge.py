"""The command judge: melodies of any system beside human tunes, by statistics, classifiers and what is copied."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro
from joblib import cpu_count

from melody_env.judging.folder_melodies import EXTRACTION, FolderMelodies, fitting_setting, read_folder
from melody_env.judging.judgement import MIN_PIECES, Judgement, judge, use_one_thread
from melody_env.judging.judgement_page import write_judgement_page
from melody_env.judging.judgement_table import judgement_table, left_out_table
from melody_env.measures.likeness import HumanTunes
from melody_env.setting import Setting
from note_rnn.common.atomic_files import check_out_file, write_json
from note_rnn.common.command_line import parse
from note_rnn.common.console import print_line, print_table
from note_rnn.common.csv_tables import provenance
from note_rnn.common.data_files import is_folder
from note_rnn.common.errors import InputError, check_count, check_seed, run_command
from note_rnn.common.parallel import ClusterOptions, Workers
from note_rnn.common.progress import Progress
from note_rnn.corpus import DEFAULT_COLLECTIONS, Split, load_corpus, split
from note_rnn.corpus.report import Report

HELD_OUT_OF_OTHERS = 0.15
"""Share of a corpus of the user's that is for validation, and for test: of a smaller one, a twentieth is too few."""


@dataclass(frozen=True)
class JudgeConfig(ClusterOptions):
    """Judge melodies of any system beside human tunes.

    Each melody is read in its own key and judged from its first bar line on: its statistics, three classifiers that
    distinguish such melodies from held-out human tunes, and what it copies. A table says what was left out, and why.
    """

    folder: Annotated[Path, tyro.conf.Positional]
    """Folder of MIDI, ABC, MusicXML, kern or token files (.npy [n, T], or the records that compose writes), searched
    recursively; of a piece in several formats one is read."""
    against: str | None = None
    """Human tunes: a collection of music21's, a corpus file (.npz), or a folder (default: the default collections)."""
    length: int | str | None = None
    """Length to judge, in sixteenths or bars (default: the longest of 8, 4 and 2 bars that half of the melodies
    have)."""
    meter: str | None = None
    """Meter to judge in, such as 4/4; also that of token files (default: that of most melodies, of 4/4, 3/4, 6/8)."""
    key: Literal["signature", "estimate"] = "signature"
    """Key of MIDI files: by their key signature, or where there is none by the notes; or always by the notes."""
    classifiers: tuple[Literal["logistic", "trees", "gru"], ...] = ("logistic", "trees", "gru")
    """Classifiers of pieces and human tunes; the GRU, which sees tokens alone, takes most of the time."""
    seed: int = 0
    """Random seed of classifiers and intervals."""
    workers: int | None = None
    """Number of processes that read and classify, by default one per core; 0: this one. The figures stay the same."""
    json: Path | None = None
    """File for all figures, and the reasons for each file that was left out."""
    page: Path | None = None
    """File for a page (.html) with pictures of all figures."""

    @property
    def processes(self) -> Workers:
        """Number of processes, or the cluster."""
        return self.workers_or_cluster(cpu_count() if self.workers is None else self.workers)

    def check(self) -> None:
        """Raise InputError for an invalid value."""
        check_seed("--seed", self.seed)
        if self.workers is not None:
            check_count("--workers", self.workers, minimum=0)
        Setting(meter=self.meter or "4/4", length=32 if self.length is None else self.length)
        for path, option in ((self.json, "--json"), (self.page, "--page")):
            if path is not None:
                check_out_file(path, option)


def judge_folder(config: JudgeConfig) -> Judgement:
    """Judge the folder as configured; print and write the result.

    Raises InputError for an invalid value or too few melodies, CorpusError for a folder without files, or human tunes
    that are missing.
    """
    config.check()
    melodies = _read(config, config.folder)
    setting = fitting_setting(melodies.corpus, config.meter, config.length)
    pieces, left_out = melodies.windows(setting), melodies.left_out(setting)
    files = f"{left_out.files_kept:,} of {left_out.files:,} files"
    print_line(f"{config.folder}: {len(pieces):,} melodies of {files}, in {_described(setting)}")
    print_table(left_out_table(left_out))
    if len(pieces) < MIN_PIECES:
        raise InputError(
            f"{config.folder} has {len(pieces)} melodies of {_described(setting)}, and fewer than {MIN_PIECES} cannot "
            "be judged: see the reasons above, or choose another --length or --meter."
        )
    human = HumanTunes.of_split(_human(config), setting)
    chosen = tuple(dict.fromkeys(config.classifiers))
    with Progress(2 * len(chosen), "Classifying", "comparisons") as progress:
        judgement = judge(pieces, human, chosen, config.seed, config.processes, progress.advance)
    _show(config, judgement, left_out)
    return judgement


def _read(config: JudgeConfig, folder: Path) -> FolderMelodies:
    return read_folder(folder, replace(EXTRACTION, key=config.key), config.meter or "4/4", config.processes)


def _human(config: JudgeConfig) -> Split:
    """Return the human tunes to compare with, in parts."""
    if config.against is None:
        return split(load_corpus(DEFAULT_COLLECTIONS))
    is_read = is_folder(Path(config.against))
    corpus = _read(config, Path(config.against)).corpus if is_read else load_corpus([config.against])
    return split(corpus, HELD_OUT_OF_OTHERS, HELD_OUT_OF_OTHERS)


def _described(setting: Setting) -> str:
    bars, beyond = divmod(setting.steps, setting.steps_per_bar)
    length = f"{setting.steps} sixteenths" if beyond else f"{bars} bar{'s' * (bars > 1)}"
    return f"{length} of {setting.meter}"


def _show(config: JudgeConfig, judgement: Judgement, left_out: Report) -> None:
    """Print the table, and write the files that were asked for."""
    title = f"{config.folder} beside human tunes"
    against = config.against or ", ".join(DEFAULT_COLLECTIONS)
    sentences = [
        f"{judgement.pieces:,} pieces of {left_out.files_kept:,} files, {_described(judgement.setting)}, beside "
        f"{judgement.held_out_tunes:,} held-out human tunes of {against}; classifiers are fitted to "
        f"{judgement.training_tunes:,} others and half of the pieces. Seed {config.seed}.",
        "AUC: how often a classifier ranks a human tune above a piece; .5 if it cannot tell them apart. Beside it "
        "stands that of training tunes, for which .5 is right.",
    ]
    print_table(judgement_table(judgement, title))
    for sentence in sentences:
        print_line(sentence)
    if config.json is not None:
        record = {"folder": str(config.folder), "against": against, "seed": config.seed, **judgement.as_dict()}
        write_json(config.json, {**record, "left_out": left_out.as_dict(), "provenance": provenance()})
        print_line(f"Saved {config.json}")
    if config.page is not None:
        write_judgement_page(config.page, judgement, title, sentences, left_out)
        print_line(f"Saved {config.page}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    use_one_thread()
    judge_folder(parse(JudgeConfig, arguments))


if __name__ == "__main__":
    run_command(main)
