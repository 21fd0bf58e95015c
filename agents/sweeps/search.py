"""Search of settings: the next trials of Optuna's sampler, which depend on the results of all before alone."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agents.sweeps.ranking import Score
from agents.sweeps.settings import Choices, Domain, Settings
from agents.sweeps.spec import Search
from note_rnn.common.errors import InputError

try:
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
except ImportError as error:
    raise InputError('search needs Optuna: pip install "melody-rl[sweep]".') from error

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Tried(NamedTuple):
    """A trial that has ended: its settings, and its score, None if it failed."""

    settings: Settings
    score: Score | None


def suggestions(
    domains: Mapping[str, Domain], search: Search, objectives: int, tried: Sequence[Tried], number: int
) -> list[dict[str, object]]:
    """Return the settings of the `number` next trials after those `tried`, by as many `objectives`.

    The same trials give the same suggestions.
    """
    sampler = optuna.samplers.TPESampler(seed=search.seed + len(tried), constant_liar=True, multivariate=False)
    study = optuna.create_study(sampler=sampler, directions=["minimize"] * objectives)
    distributions = {name: _distribution(each) for name, each in domains.items()}
    for each in tried:
        study.enqueue_trial(dict(each.settings))
        trial = study.ask(distributions)
        if each.score is None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            trial.set_constraint("violation", each.score.violation)
            study.tell(trial, each.score.losses)
    return [dict(study.ask(distributions).params) for _ in range(number)]


def _distribution(domain: Domain) -> BaseDistribution:
    if isinstance(domain, Choices):
        return CategoricalDistribution(domain.values)
    if domain.is_whole:
        return IntDistribution(int(domain.low), int(domain.high), log=domain.is_log)
    return FloatDistribution(domain.low, domain.high, log=domain.is_log)
