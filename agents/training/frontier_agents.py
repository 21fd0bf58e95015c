"""Frontier of agents trained over a range of c or KL budgets, and the references beside them."""

import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypedDict

import torch

from agents.composing.composers import Agent
from agents.composing.pieces import compose_pieces
from agents.composing.players import NoteRNNPlayer
from agents.evaluation.metrics import table_metrics
from agents.runs.config import TrainConfig
from agents.runs.presets import Algorithm
from agents.training.kl_control import kl_control_callbacks
from melody_env import MelodyVecEnv
from melody_env.reward_design.best_melody import SearchConfig, search
from note_rnn import InputError, Progress, write_json
from note_rnn.common.atomic_files import check_out_folder
from note_rnn.common.data_files import DataError, read_json
from note_rnn.common.errors import check_above_zero, check_count, reason
from note_rnn.common.parallel import ClusterOptions, results_of


@dataclass(frozen=True)
class FrontierConfig(ClusterOptions):
    """Train agents over a range of c or KL budgets, and plot r_MT, log p and variety against the distance (KL) from
    the Note RNN.

    Finished agents are not trained again: repeat the command to resume after a stop.
    """

    algos: tuple[Algorithm, ...] = ("ppo_kl", "psi", "g")
    """Algorithms, with their default hyperparameters."""
    c: tuple[float, ...] = (0.6, 0.8, 1.0, 1.5, 2.0, 4.0)
    """Values of c, the divisor of the rules' reward: the smaller, the more the rules count."""
    kl_budgets: tuple[float, ...] = ()
    """KL divergences to hold, in nats per piece (ppo_kl, psi, g), instead of the values of c."""
    seeds: int = 1
    """Number of seeds of each agent, from 0."""
    reward: str = "varied"
    """Reward profile: the name of a shipped one, or a YAML file."""
    total_timesteps: int | None = None
    """Length of each training in steps (tokens), if not the algorithm's default."""
    compositions: int = 2_000
    """Pieces that each agent is evaluated on."""
    limit_evaluations: int = 1_000_000
    """Melodies that the search for the one with the largest r_MT may evaluate."""
    workers: int = 1
    """Agents trained in parallel, each on one core."""
    out: Path = Path("runs/frontier")
    """Folder for frontier.json and frontier.png."""

    def check(self) -> None:
        """Raise InputError for an invalid option."""
        for name in ("seeds", "compositions", "limit_evaluations", "workers"):
            check_count(f"--{name.replace('_', '-')}", getattr(self, name))
        for option, given in (("--c", self.c), ("--kl-budgets", self.kl_budgets)):
            for value in given:
                check_above_zero(option, value)

    @property
    def points(self) -> "list[Point]":
        """The agents to train; raises InputError if there are none."""
        control, values = ("kl_budget", self.kl_budgets) if self.kl_budgets else ("c", self.c)
        points = [
            Point(algo, control, value, seed) for algo in self.algos for value in values for seed in range(self.seeds)
        ]
        if not points:
            raise InputError("There is nothing to train: give values of --algos, and of --c or --kl-budgets.")
        return points


class Point(NamedTuple):
    """An agent of the frontier: its algorithm, c or KL budget, and seed."""

    algo: Algorithm
    control: str
    """"c" or "kl_budget"."""
    value: float
    seed: int


class _Record(TypedDict):
    """A finished agent, in frontier.json."""

    algo: str
    control: str
    value: float
    seed: int
    reward: str
    total_timesteps: int | None
    compositions: int
    cpu_seconds: float
    metrics: dict[str, float]


class _References(TypedDict, total=False):
    """references.json."""

    compositions: int
    limit_evaluations: int
    note_rnn: dict[str, float]
    limit: float


def sweep(config: FrontierConfig) -> list[dict[str, Any]]:
    """Train and evaluate all points that are missing from frontier.json; return the records of all.

    Raises InputError for an invalid configuration, before anything is trained.
    """
    config.check()
    points = config.points
    check_out_folder(config.out)
    for point in points:
        _train_config(point, config).environment()
    path = config.out / "frontier.json"
    records: list[dict[str, Any]] = _read(path, list[_Record], [])
    missing = [point for point in points if not any(_is_of(record, point, config) for record in records)]
    workers = config.workers_or_cluster(config.workers)
    with Progress(len(points), "frontier", "agents", done=len(points) - len(missing)) as progress:
        for record in results_of(partial(measure, config=config), missing, workers, _crashed, in_order=False):
            records.append(record)
            write_json(path, records)
            progress.advance()
    return [record for point in points for record in records if _is_of(record, point, config)]


def measure(point: Point, config: FrontierConfig) -> dict[str, Any]:
    """Train the agent of `point`; return its record: point, `table_metrics` and CPU seconds of training."""
    torch.set_num_threads(1)
    train = _train_config(point, config)
    environment = train.environment()
    env = MelodyVecEnv(train.n_envs, **environment.arguments)
    model = train.agent.build(train.algo, env, env.engine.prior, train.seed, "cpu")
    started = time.process_time()
    model.learn(train.total_timesteps, kl_control_callbacks(train, environment.profile), log_interval=None)
    seconds = time.process_time() - started
    player = Agent(model.policy, environment).player()
    metrics = table_metrics(compose_pieces(player, config.compositions, point.seed, environment))
    return {**point._asdict(), **_setting(config), "cpu_seconds": round(seconds, 1), "metrics": metrics}


def _crashed(point: Point) -> NoReturn:
    raise InputError(
        f"The process that trained {point.algo} at {point.control} {point.value:g}, seed {point.seed}, died twice, "
        "perhaps out of memory: take fewer --workers. Finished agents are kept."
    )


def references(config: FrontierConfig) -> dict[str, Any]:
    """Return the references of the figure: the Note RNN's `table_metrics`, and r_MT per step of the best melody found.

    The search is for the nine rules alone; what is achievable may be more. Both are cached in references.json.
    """
    path = config.out / "references.json"
    requested = {"compositions": config.compositions, "limit_evaluations": config.limit_evaluations}
    cached: dict[str, Any] = _read(path, _References, {})
    if not requested.items() <= cached.items() or not {"note_rnn", "limit"} <= cached.keys():
        environment = TrainConfig.of().environment()
        note_rnn = table_metrics(compose_pieces(NoteRNNPlayer(), config.compositions, 0, environment))
        steps = environment.setting.steps
        search_config = SearchConfig(log_prob=False, length=steps, evaluations=config.limit_evaluations)
        limit = search(search_config)["music_theory"] / steps
        cached = {**requested, "note_rnn": note_rnn, "limit": limit}
        write_json(path, cached)
    return cached


def _train_config(point: Point, config: FrontierConfig) -> TrainConfig[Any]:
    changes: dict[str, Any] = {"reward": config.reward, "seed": point.seed, "compositions": config.compositions}
    if config.total_timesteps is not None:
        changes["total_timesteps"] = config.total_timesteps
    return TrainConfig.of(point.algo, **{"c": None, **changes, point.control: point.value})


def _setting(config: FrontierConfig) -> dict[str, Any]:
    """Return the part of a record that all points of a sweep share."""
    return {name: asdict(config)[name] for name in ("reward", "total_timesteps", "compositions")}


def _is_of(record: dict[str, Any], point: Point, config: FrontierConfig) -> bool:
    return {**point._asdict(), **_setting(config)}.items() <= record.items()


def _read(path: Path, kind: Any, otherwise: Any) -> Any:
    """Return the value of the type `kind` in the JSON file `path`, `otherwise` if there is no file."""
    try:
        return read_json(path, kind)
    except FileNotFoundError:
        return otherwise
    except (OSError, DataError) as error:
        raise InputError(f"{path} cannot be read ({reason(error)}): move it away, or choose another --out.") from error
