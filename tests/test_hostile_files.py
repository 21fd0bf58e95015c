"""Whatever is in a file, its reader gives a value or one short sentence: never another error, nor a page of text.

Valid files of every kind of ours are mutated: values of other types and sizes, missing keys, damaged bytes.
"""

import copy
import json
import math
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from agents.composing.composers import load_composer, load_run
from agents.composing.files.export import ComposeConfig, compose_files
from agents.evaluation.preference import analyse
from agents.evaluation.saved_metrics import SavedMetrics
from agents.evaluation.table import metrics_table
from agents.evaluation.votes import read_votes
from agents.listening_study.learning import learn_taste
from agents.report_page.claims import Measured, claims_by_heading
from agents.report_page.facts import run_facts
from agents.report_page.tune_page import write_tune_page
from agents.runs.run_directory import RunDirectory
from agents.sweeps.spec import SweepSpec
from agents.training.frontier_agents import FrontierConfig, references, sweep
from agents.votes.heard import heard_votes
from melody_env import RewardProfile, WeightedRule, load_profile, score_melodies
from melody_env.judging.token_files import read_token_file
from melody_env.reward.token_taste import NUM_FEATURES, TokenTaste, write_token_taste
from note_rnn import InputError, load_note_rnn
from note_rnn.common.plain_text import MAX_MESSAGE
from note_rnn.corpus import read_corpus, write_corpus
from note_rnn.corpus.__main__ import CorpusReportConfig, print_saved_report
from note_rnn.corpus.corpus import Corpus
from note_rnn.corpus.report import Report
from note_rnn.extraction.tunes import Bars
from note_rnn.magenta.networks import build_note_rnn, token_order
from note_rnn.magenta.sources import read_source

VALUES: tuple[Any, ...] = (
    None,
    True,
    "",
    ".",
    "x" * 5_000,
    "\x1b[2J\x07",
    "\u202egnp.exe",
    "~nobody/rules.py",
    "/etc/\0passwd",
    "1" * 30,
    "../../../x",
    -1,
    0,
    3,
    2**62,
    10**30,
    1e308,
    1e-320,
    -2.5,
    math.nan,
    math.inf,
    [],
    {},
    [[]],
    [1, "two", None],
    {"a": {"b": {}}},
    ["x"] * 300,
    [[[[[[[[[[[[1]]]]]]]]]]]],
)


def nodes(data: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the places of all values in `data`."""
    yield place
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        yield from nodes(value, (*place, key))


def mutated(data: Any, rng: random.Random) -> Any:
    """A copy of `data` with a value replaced, removed, renamed or doubled."""
    data = copy.deepcopy(data)
    place = rng.choice(list(nodes(data)))
    if not place:
        return rng.choice(VALUES)
    parent = data
    for key in place[:-1]:
        parent = parent[key]
    match rng.random():
        case share if share < 0.15:
            del parent[place[-1]]
        case share if share < 0.25 and isinstance(parent, dict):
            parent[rng.choice(["\x1b]0;x\x07", "x" * 3_000, "unknown"])] = parent.pop(place[-1])
        case _:
            parent[place[-1]] = copy.deepcopy(rng.choice(VALUES))
    return data


def damaged(content: bytes, rng: random.Random) -> bytes:
    """`content` truncated, with some bytes changed, or in another form altogether."""
    match rng.randrange(4):
        case 0:
            return content[: rng.randrange(len(content) + 1)]
        case 1:
            return rng.randbytes(rng.randrange(200))
        case 2:
            return b"[" * rng.choice([10, 200_000])
    changed = bytearray(content)
    for _ in range(rng.randint(1, 5)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def write_plain(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data), encoding="utf-8")


@dataclass
class Kind:
    """A kind of file: a valid one, how it is written from plain data, and what reads it."""

    path: Path
    data: Any
    read: Callable[[Path], Any]
    write: Callable[[Path, Any], None] = write_plain


def survives(kind: Kind, rounds: int, seed: int) -> None:
    """Read `rounds` mutations of a file: each is read, or is answered in a sentence."""
    rng = random.Random(seed)
    kind.write(kind.path, kind.data)
    kind.read(kind.path)
    whole = kind.path.read_bytes()
    sentences = []
    for _ in range(rounds):
        if rng.random() < 0.75:
            try:
                kind.write(kind.path, change := mutated(kind.data, rng))
            except (ValueError, TypeError, OverflowError, AttributeError):  # what cannot be written
                continue
        else:
            kind.path.write_bytes(change := damaged(whole, rng))
        try:
            kind.read(kind.path)
        except InputError as error:
            sentences.append(str(error))
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error} for {str(change)[:2000]}") from error
    assert len(sentences) > rounds / 10
    assert [text for text in sentences if "\n" in text or not text.isprintable() or len(text) > MAX_MESSAGE + 100] == []


def write_yaml(path: Path, data: Any) -> None:
    path.write_text(yaml.safe_dump(data), encoding="utf-8")


def config_kind(run: Path) -> Kind:
    """`config.json` of a run; the environment is built, and the facts of the page."""

    def read(path: Path) -> None:
        record = RunDirectory.open(path.parent).record()
        run_facts(record, load_run(path.parent).environment)

    return Kind(run / "config.json", json.loads((run / "config.json").read_text()), read)


def metrics_kind(run: Path) -> Kind:
    def read(path: Path) -> None:
        metrics = SavedMetrics.read(path)
        columns = list(metrics.columns.values())
        claims_by_heading([Measured("it", columns[0], columns[1], metrics.columns.get("Human"))])
        metrics_table(metrics.columns, f"{metrics.compositions:,}", with_paper=True)

    content = json.loads((run / "metrics.json").read_text())
    return Kind(run / "metrics.json", {**content, "Human": content["agent"]}, read)


def votes_kind(folder: Path) -> Kind:
    votes = [{"left": "Q", "right": "Note RNN", "preference": n} for n in (1, 3, 5)]
    data = {"study": "abc", "session": "s", "models": ["Note RNN", "Q"], "votes": votes}
    return Kind(folder / "votes.json", data, lambda path: analyse(read_votes([path]), samples=10))


def heard_kind(folder: Path) -> Kind:
    """Votes that hold their melodies; a taste is sought in them."""
    melodies = np.random.default_rng(0).choice([0, 1, 14, 16, 18], (12, 2, 8)).tolist()
    votes = [
        {
            **{"left": "Q", "right": "Q", "left_melody": left, "right_melody": right, "preference": 1 + i % 5},
            "setting": {"key": "D", "mode": "minor", "meter": "6/8", "length": 8, "tempo": 120.0},
        }
        for i, (left, right) in enumerate(melodies)
    ]
    data = {"study": "abc", "session": "s", "models": ["Q"], "votes": votes}
    return Kind(folder / "votes.json", data, lambda path: learn_taste(heard_votes([path])))


def sidecar_kind(run: Path, folder: Path) -> Kind:
    compose_files(ComposeConfig(str(run), folder / "melody.mid", length=4))
    content = json.loads((folder / "melody.json").read_text())
    return Kind(folder / "melody.json", content, lambda path: compose_files(ComposeConfig(sidecar=path)))


def page_kind(run: Path, folder: Path) -> Kind:
    around = ComposeConfig(str(run), folder / "melody.mid", around="14 1 16 1", fill="step 2", pickup=1, candidates=2)
    compose_files(around)
    content = json.loads((folder / "melody.json").read_text())
    return Kind(folder / "melody.json", content, lambda path: write_tune_page(folder / "page.html", [path]))


def report_kind(folder: Path) -> Kind:
    meters, others, unread = {"6/8": {"declared": 3, "estimated": 1}}, {".txt": 1}, {"x": "gone"}
    dropped, cut = {"one": {"short": 2}}, {"two": {"wide": 1}}
    report = Report({"a": 1}, 3, 2, 2, 4, 99, 5, 1, meters, others, unread, dropped, cut)
    return Kind(
        folder / "report.json", report.as_dict(), lambda path: print_saved_report(CorpusReportConfig(path, "o"))
    )


def frontier_kind(folder: Path, name: str) -> Kind:
    config = FrontierConfig(("psi",), (1.0,), out=folder, compositions=9)
    if name == "references":
        data: Any = {"compositions": 9, "limit_evaluations": 1_000_000, "note_rnn": {"kl": 0.0}, "limit": 1.0}
        return Kind(folder / "references.json", data, lambda path: references(config))
    record = {"algo": "psi", "control": "c", "value": 1.0, "seed": 0, "reward": "varied", "total_timesteps": None}
    data = [{**record, "compositions": 9, "cpu_seconds": 1.0, "metrics": {"kl": 1.0}}]
    return Kind(folder / "frontier.json", data, lambda path: sweep(config))


def profile_kind(folder: Path) -> Kind:
    (folder / "rules.py").write_text("from melody_env import rule\n@rule\ndef own(melody, size=1): return 1\n")
    rules = {"key": {"weight": 1}, "motif": {}, "own": {"file": str(folder / "rules.py"), "size": 2}}
    rules |= {"repeat": {"weight": 0.5, "most": 3}} if "repeat" in load_profile("calibrated").rule_names else {}
    setting = {"key": "D", "mode": [0, 2, 4, 5, 7, 9, 11], "meter": "3/4", "length": 8, "pitch_range": [50, 80]}
    data = {"c": 0.5, "log_prior": True, "rules": rules, "masks": {}, "setting": {**setting, "tempo": 90}}

    def read(path: Path) -> None:
        profile = load_profile(path)
        if profile.setting.steps <= 48:
            score_melodies(np.full((2, profile.setting.steps), 14), profile)

    return Kind(folder / "mine.yaml", data, read, write_yaml)


def weights_kind(path: Path, header: str, read: Callable[[Path], Any]) -> Kind:
    """A weights file, its card in the `header`."""
    weights = load_file(path)
    with safe_open(path, framework="pt") as file:
        card = json.loads(file.metadata()[header])

    def write(path: Path, data: Any) -> None:
        save_file(weights, path, metadata={header: json.dumps(data)})

    return Kind(path, card, read, write)


def token_taste_rule(path: Path) -> None:
    profile = RewardProfile("mine", (WeightedRule("token_taste", file=path),))
    score_melodies(np.full((2, 8), 14), profile)


def corpus_kind(folder: Path) -> Kind:
    tunes = (np.array([0, 0, 1]), ["a", "b"], ["c", "d"], [{"x": 1}], [Bars("4/4", 2)] * 3)
    write_corpus(Corpus([np.arange(8)] * 3, *tunes), folder / "c.npz")
    with np.load(folder / "c.npz") as file:
        data = {name: file[name].tolist() for name in file}

    def write(path: Path, data: Any) -> None:
        np.savez(path, **{name: np.array(value) for name, value in data.items()})

    return Kind(folder / "c.npz", data, read_corpus, write)


def zip_kind(path: Path) -> Kind:
    with zipfile.ZipFile(path) as file:
        data, weights = json.loads(file.read("data")), file.read("policy.pth")

    def write(path: Path, data: Any) -> None:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("data", json.dumps(data))
            file.writestr("policy.pth", weights)

    return Kind(
        path, {name: data[name] for name in ("policy_kwargs", "observation_space", "setting")}, load_composer, write
    )


def magenta_kind(folder: Path) -> Kind:
    """A bundle of Magenta's, whose bytes alone are damaged."""
    whole = (Path(__file__).parent / "note_rnn" / "magenta" / "basic_rnn.mag").read_bytes()

    def read(path: Path) -> None:
        source = read_source(path)
        build_note_rnn(source, token_order(source))

    return Kind(folder / "basic_rnn.mag", None, read, lambda path, data: write_whole(path, whole))


def tokens_kind(folder: Path, name: str) -> Kind:
    """Melodies that are judged: a record of one, or an array of several."""

    def read(path: Path) -> None:
        result = read_token_file(str(path), "tokens", "4/4")
        if not result.tunes:
            raise InputError(next(iter(result.reasons)))

    if name == "tokens":
        return Kind(
            folder / "tokens.npy", [[14, 1, 16, 1], [14, 0, 1, 18]], read, lambda path, data: np.save(path, data)
        )
    setting = {"key": "D", "mode": "minor", "meter": "6/8", "length": 4, "tempo": 120.0}
    return Kind(folder / "melody.json", {"tokens": [14, 1, 16, 1], "setting": setting}, read)


def write_whole(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def sweep_kind(folder: Path) -> Kind:
    settings = {
        "algo": ["psi", "ppo_kl"],
        "c": {"range": [0.5, 1.5, 0.5]},
        "gamma": {"uniform": [0.5, 0.9]},
        "key": "G",
    }
    parts = {"objectives": {"J": "maximize"}, "constraints": {"distinct": {"min": 0.5}}, "seeds": [0, 1]}
    chosen = {"search": {"trials": 4}, "stop": {"after": [0.5], "keep": 0.5}}

    def read(path: Path) -> None:
        spec = SweepSpec.read(path)
        assert spec.varying is not None
        assert spec.going_on(8)

    return Kind(folder / "sweep.yaml", {"settings": settings, **parts, **chosen}, read, write_yaml)


def kinds(name: str, runs: list[Path], prior_file: Path, folder: Path) -> Kind:
    run = shutil.copytree(runs[1], folder / "run")
    match name:
        case "config":
            return config_kind(run)
        case "metrics":
            return metrics_kind(run)
        case "votes":
            return votes_kind(folder)
        case "heard votes":
            return heard_kind(folder)
        case "sidecar":
            return sidecar_kind(run, folder)
        case "record on a page":
            return page_kind(run, folder)
        case "corpus report":
            return report_kind(folder)
        case "frontier" | "references":
            return frontier_kind(folder, name)
        case "profile":
            return profile_kind(folder)
        case "note rnn":
            return weights_kind(Path(shutil.copy(prior_file, folder)), "card", load_note_rnn)
        case "zip of sb3":
            (path,) = (run / "checkpoints").glob("*.zip")
            return zip_kind(path)
        case "tokens" | "record of tokens":
            return tokens_kind(folder, name)
        case "sweep":
            return sweep_kind(folder)
        case "magenta":
            return magenta_kind(folder)
        case "token taste":
            path = folder / "taste.safetensors"
            write_token_taste(path, TokenTaste(np.ones((1, NUM_FEATURES)), *np.ones((3, NUM_FEATURES))))
            return weights_kind(path, "kind", token_taste_rule)
        case "policy":
            (weights,) = (run / "checkpoints").glob("*.safetensors")
            return weights_kind(weights, "policy", load_composer)
    return corpus_kind(folder)


KINDS = (
    *("config", "metrics", "votes", "sidecar", "corpus report", "frontier", "references", "profile", "note rnn"),
    *("policy", "corpus", "zip of sb3", "magenta", "heard votes", "tokens", "record of tokens", "record on a page"),
    *("sweep", "token taste"),
)


@pytest.fixture
def no_training(monkeypatch):
    """A frontier that answers at once where it would train or search."""
    from agents.training import frontier_agents

    monkeypatch.setattr(frontier_agents, "search", lambda config: {"music_theory": 1.0})
    monkeypatch.setattr(frontier_agents, "compose_pieces", lambda *arguments, **more: None)
    monkeypatch.setattr(frontier_agents, "table_metrics", lambda pieces: {"kl": 0.0})
    monkeypatch.setattr(frontier_agents, "results_of", no_results)


def no_results(function: Any, items: Any, *arguments: Any, **options: Any) -> Any:
    if items:
        raise InputError("It would be trained.")
    return []


@pytest.mark.parametrize("name", KINDS)
def test_a_mutated_file_is_read_or_answered_in_a_sentence(
    name, small_runs, lookback_prior_file, tmp_path, no_training, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    survives(kinds(name, small_runs, lookback_prior_file, tmp_path), rounds=40, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 4))
@pytest.mark.parametrize("name", KINDS)
def test_many_mutated_files(name, seed, small_runs, lookback_prior_file, tmp_path, no_training, monkeypatch):
    monkeypatch.chdir(tmp_path)
    survives(kinds(name, small_runs, lookback_prior_file, tmp_path), rounds=1_000, seed=seed)
