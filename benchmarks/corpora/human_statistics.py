"""Statistics of held-out human tunes, as the package ships them: no notes, but figures and distributions.

    python benchmarks/corpora/human_statistics.py

Run it when `EXTRACTION_VERSION`, a shipped Note RNN or a measure changes. It needs the tune books.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.evaluation.metrics import human_log_prob, human_metrics
from agents.runs.presets import PRESETS
from melody_env import HumanReference, Setting, load_profile
from melody_env.measures.human_statistics import SHIPPED, HumanStatistics, write_statistics
from note_rnn import InputError, load_note_rnn, run_command, weights_checksum
from note_rnn.common.command_line import parse
from note_rnn.common.csv_tables import provenance
from note_rnn.corpus import load_corpus

METERS = ("4/4", "3/4", "6/8")
BARS = (2, 4, 8, 16)
"""Lengths of further settings, in C major and in each of the meters."""
PRIORS = ("default", "lookback")
OF_TUNES = ("human_auc", "longest_shared_run", "log_prob")
"""Figures left out: composers have them only where the tunes are available, or by Note RNN."""


@dataclass(frozen=True)
class StatisticsConfig:
    """Write the statistics of held-out human tunes that the package ships."""

    out: Path = SHIPPED
    """The file to write."""


def settings() -> list[Setting]:
    """Return the settings of all presets, without form, and the further ones, by meter and length."""
    presets = dict.fromkeys(load_profile(preset.reward).setting.changed(form="") for preset in PRESETS.values())
    further = [
        Setting(meter=meter, length=bars * Setting(meter=meter).steps_per_bar) for meter in METERS for bars in BARS
    ]
    all_settings = [*presets, *(each for each in further if not any(map(each.differs_only_in_tempo, presets)))]
    return sorted(all_settings, key=lambda setting: (setting.meter != Setting().meter, setting.meter, setting.steps))


def statistics_of(setting: Setting) -> HumanStatistics:
    """Return the statistics of the held-out tunes in a `setting`; raises InputError if none fits."""
    human = HumanReference.held_out(setting)
    if human is None or human.tunes is None:
        raise InputError(f"No held-out human tune has {setting.steps} steps in {setting.meter}.")
    priors = [load_note_rnn(name) for name in PRIORS]
    figures = {name: value for name, value in human_metrics(human, priors[0]).items() if name not in OF_TUNES}
    log_prob = {weights_checksum(prior.state_dict()): human_log_prob(human.tunes, setting, prior) for prior in priors}
    return HumanStatistics(setting, len(human.tunes), figures, log_prob, human.distributions)


def corpus_provenance() -> dict[str, Any]:
    """Return the origin of the tunes, and where and when the statistics are made."""
    collections = [
        {name: entry[name] for name in ("collection", "music21", "extraction", "tunes_kept") if name in entry}
        for entry in load_corpus().provenance
    ]
    return {
        "collections": collections,
        "held_out": "validation and test tunes of note_rnn.corpus.split",
        **provenance(),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    config = parse(StatisticsConfig, arguments)
    origin = corpus_provenance()
    statistics = [statistics_of(setting) for setting in settings()]
    write_statistics(config.out, statistics, origin)
    for each in statistics:
        print(f"{each.setting.meter}, {each.setting.steps} sixteenths: {each.tunes} tunes")
    print(f"Saved {config.out}")


if __name__ == "__main__":
    run_command(main)
