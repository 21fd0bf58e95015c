"""Figures of pieces beside human tunes, each with its 95 % interval: statistics, likeness, copies.

Shapes: N melodies, T steps.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from threadpoolctl import threadpool_limits

from melody_env.judging.musical_measures import musical_measures
from melody_env.measures.bootstrap import Interval, estimates, resampled_sums
from melody_env.measures.discriminator import Classifier
from melody_env.measures.likeness import CLASSIFIERS, HumanTunes, centred
from melody_env.measures.statistics import Column, count_distinct, melody_statistics
from melody_env.setting import Setting
from note_rnn.common.errors import InputError
from note_rnn.common.parallel import Workers, results_of
from note_rnn.vocabulary import Tokens, transposed

MIN_PIECES = 10
"""Fewer say nothing."""
MAX_CLASSIFIED = 2_000
"""Pieces given to the classifiers."""
RESAMPLES = 1_000


class Comparison(NamedTuple):
    """A figure of the pieces and of human tunes, with 95 % intervals."""

    pieces: Interval
    human: Interval

    @property
    def differs(self) -> bool:
        """Whether the two intervals have nothing in common; False where one is missing."""
        return self.pieces.high < self.human.low or self.human.high < self.pieces.low


@dataclass(frozen=True)
class Judgement:
    """Figures of pieces beside those of human tunes in the same setting."""

    setting: Setting
    pieces: int
    """Number of pieces."""
    held_out_tunes: int
    """Number of held-out human tunes, which the pieces are compared with."""
    training_tunes: int
    """Number of human tunes that the classifiers were fitted to."""
    figures: dict[str, Comparison]
    """By name: the statistics of `melody_statistics`, those of `musical_measures`, and those of `likeness`."""

    def as_dict(self) -> dict[str, Any]:
        """Return the judgement for JSON."""
        figures = {
            name: {"pieces": each.pieces._asdict(), "human": each.human._asdict(), "differs": each.differs}
            for name, each in self.figures.items()
        }
        return {**asdict(self), "setting": self.setting.as_dict(), "figures": figures}


def judge(
    pieces: Tokens,
    human: HumanTunes,
    classifiers: Sequence[str] = tuple(CLASSIFIERS),
    seed: int = 0,
    workers: Workers = 0,
    on_classified: Callable[[], object] = lambda: None,
) -> Judgement:
    """Return the figures of `pieces` [N, T], of which each has a note, beside those of `human` tunes.

    All are moved by octaves to the middle, and human tunes that are among the pieces are left out. Human statistics are
    those of held-out tunes; `classified` and `likeness` say what stands beside the others. The same seed gives the same
    figures, whoever the `workers` are that classify, 0 for this process. `on_classified` is called after
    each of the two comparisons by each of the `classifiers`, names in `CLASSIFIERS`.

    Raises InputError for fewer than 10 pieces, or if too few human tunes are not among them.
    """
    if len(pieces) < MIN_PIECES:
        raise InputError(
            f"There are {len(pieces)} melodies to judge, and fewer than {MIN_PIECES} say nothing: add more."
        )
    pieces = centred(pieces)
    human = human.beside(pieces)
    own, theirs = (statistics(melodies, human.setting, seed) for melodies in (pieces, human.held_out))
    figures = {name: Comparison(own[name], theirs[name]) for name in own}
    figures |= classified(pieces, human, classifiers, seed, workers, on_classified)
    figures |= likeness(pieces, human, seed)
    return Judgement(human.setting, len(pieces), len(human.held_out), len(human.train), figures)


def statistics(melodies: Tokens, setting: Setting, seed: int) -> dict[str, Interval]:
    """Return the statistics of `melodies` [N, T], by name, with intervals over melodies."""
    columns = dict(melody_statistics(melodies, setting).columns())
    columns |= {name: _defined(values) for name, values in musical_measures(melodies, setting).items()}
    numerators, denominators = (np.stack(side, axis=1).astype(float) for side in zip(*columns.values(), strict=True))
    sums = resampled_sums(numerators, denominators, RESAMPLES, np.random.default_rng(seed))
    return {
        name: Interval(each.value, each.low, each.high) for name, each in zip(columns, estimates(sums), strict=True)
    }


def classified(
    pieces: Tokens,
    human: HumanTunes,
    classifiers: Sequence[str],
    seed: int,
    workers: Workers = 0,
    on_classified: Callable[[], object] = lambda: None,
) -> dict[str, Comparison]:
    """Return the AUCs of `pieces` [N, T] by name, such as auc_trees; for the arguments see `judge`.

    Beside each stands that of training tunes, .5 but for chance.
    """
    order = np.random.default_rng(seed).permutation(len(pieces))
    chosen = pieces[np.sort(order[:MAX_CLASSIFIED])]
    names = [name for name in CLASSIFIERS if name in classifiers][::-1]  # the slowest first
    tasks = [(CLASSIFIERS[name], melodies) for melodies in (chosen, None) for name in names]
    found = []
    for interval in results_of(partial(_auc, human, seed), tasks, workers, _crashed, prepare=use_one_thread):
        found.append(interval)
        on_classified()
    pairs = dict(zip(names, zip(found[: len(names)], found[len(names) :], strict=True), strict=True))
    return {f"auc_{name}": Comparison(*pairs[name]) for name in reversed(names)}


def _auc(human: HumanTunes, seed: int, task: tuple[Classifier, Tokens | None]) -> Interval:
    classifier, pieces = task
    if pieces is None:
        return human.auc_of_training_tunes(classifier, seed)
    return human.auc(classifier, pieces, seed)


def _crashed(task: tuple[Classifier, Tokens | None]) -> Interval:
    return Interval(math.nan)


def use_one_thread() -> None:
    """Let this process use one thread, as the command does: more round otherwise, and would slow each other down."""
    torch.set_num_threads(1)
    threadpool_limits(1)


def likeness(pieces: Tokens, human: HumanTunes, seed: int) -> dict[str, Comparison]:
    """Return the likeness of `pieces` [N, T] to `human` tunes, and what they have in common with each other.

    overlap: of the twelve distributions; beside it that of as many training tunes. shared_run: the longest run of
    tokens shared with a training tune, in any octave, median over the first 500; beside it that of held-out tunes.
    copied: the share of them of which at least half is such a run. distinct: of the pieces; beside it that of held-out
    tunes.
    """
    rng = np.random.default_rng(seed)
    as_many = human.train[rng.permutation(len(human.train))[: len(pieces)]]
    figures = {"overlap": Comparison(*(Interval(human.overlap(melodies)) for melodies in (pieces, as_many)))}
    runs = [
        np.max([human.shared_runs(transposed(melodies, octave)) for octave in (-12, 0, 12)], axis=0)
        for melodies in (pieces, human.held_out)
    ]
    half = pieces.shape[1] / 2
    figures["shared_run"] = Comparison(*(resampled(each, np.median, rng) for each in runs))
    figures["copied"] = Comparison(*(resampled(each >= half, np.mean, rng) for each in runs))
    shares = (count_distinct(melodies) / len(melodies) for melodies in (pieces, human.held_out))
    return figures | {"distinct": Comparison(*map(Interval, shares))}


def resampled(
    values: npt.NDArray[Any], statistic: Callable[[npt.NDArray[Any]], Any], rng: np.random.Generator
) -> Interval:
    """Return a `statistic` of `values` [N], and its interval by bootstrap."""
    drawn = [float(statistic(rng.choice(values, len(values)))) for _ in range(RESAMPLES)]
    return Interval(float(statistic(values)), *np.quantile(drawn, [0.025, 0.975]).tolist())


def _defined(values: npt.NDArray[np.float64]) -> Column:
    """Return the column of a measure [N] whose mean is over the melodies for which it is defined."""
    return np.nan_to_num(values), ~np.isnan(values)
