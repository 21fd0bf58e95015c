"""The table's numbers by hand, and that they respect key, mode and meter of the pieces, of human tunes too."""

import math
from dataclasses import replace

import numpy as np
import pytest

from agents import PPOKL, compose_pieces
from agents.composing.composers import Agent, NoteRNNComposer
from agents.composing.players import NoteRNNPlayer
from agents.evaluation.comparison import evaluate_agent
from agents.evaluation.metrics import (
    MIN_COMPARED,
    human_metrics,
    learning_metrics,
    melody_metrics,
    split_half_likeness,
    table_metrics,
)
from agents.evaluation.published import is_comparable
from agents.evaluation.table import ROWS, format_value, metrics_table
from melody_env import EnvironmentSpec, HumanReference, MelodyVecEnv, Setting, load_profile, melody_statistics
from melody_env.measures import populations
from melody_env.measures.human_statistics import HumanStatistics
from note_rnn import NO_EVENT, NoteRNN, transposed, weights_checksum
from note_rnn.corpus import Corpus, Split
from note_rnn.extraction.tunes import Bars

C_MAJOR = [9, 11, 13, 14, 16, 18, 19, 21, 23, 25, 26]  # G3 to C5
IN_KEYS = [("C", 0, (48, 83)), ("D", 2, (48, 83)), ("Bb", -2, (48, 83)), ("G", 7, (55, 79))]


def tunes(number, seed, length=32):
    """Return human tunes [number, length] in C major that begin with a note, its tonic in half of them."""
    rng = np.random.default_rng(seed)
    made = rng.choice([*C_MAJOR, *[1] * 8, 0], (number, length))
    made[:, 0] = np.resize([14, 21], number)
    return made


TRAINING, HUMAN = tunes(6, 1), tunes(40, 2)


def corpus_of(segments) -> Corpus:
    names = [""] * len(segments)
    return Corpus(list(segments), np.arange(len(segments)), names, names, bars=[Bars("4/4", 0)] * len(segments))


@pytest.fixture(autouse=True)
def available_tunes(monkeypatch):
    """A corpus whose training tunes are `TRAINING`."""
    parts = Split(corpus_of(TRAINING), corpus_of(HUMAN[:20]), corpus_of(HUMAN[20:]))
    monkeypatch.setattr(populations, "_cached_split", lambda: parts)


def machine() -> np.ndarray:
    """Return melodies in C, of which 9 in 16 continue as a training tune for 20 steps."""
    melodies = np.random.default_rng(3).choice([*C_MAJOR, 15, 1], (32, 32))
    melodies[:18, 12:] = TRAINING[0, :20]
    return melodies


@pytest.mark.parametrize(("key", "semitones", "pitch_range"), IN_KEYS)
def test_a_tune_in_another_key_has_the_numbers_that_it_has_in_c(key, semitones, pitch_range):
    setting = Setting(key=key, pitch_range=pitch_range)
    melodies = machine()
    human = HumanReference.of(HUMAN, Setting())
    in_c = melody_metrics(melodies, Setting(), human)
    there = HumanReference.of(transposed(HUMAN, semitones), setting)
    moved = melody_metrics(transposed(melodies, semitones), setting, there)
    assert moved == pytest.approx(in_c)
    assert moved["longest_shared_run"] == 20
    if semitones:
        as_if_in_c = melody_metrics(transposed(melodies, semitones), Setting(), human)
        for name in ("notes_not_in_key", "autocorrelation_lag1", "paper_music_theory", "overlap_scale_degree"):
            assert as_if_in_c[name] != pytest.approx(in_c[name], abs=1e-3), name
        assert as_if_in_c["longest_shared_run"] < 10


@pytest.mark.parametrize(("key", "semitones", "pitch_range"), IN_KEYS)
def test_the_column_of_human_tunes_is_the_same_in_every_key(small_prior, key, semitones, pitch_range):
    setting = Setting(key=key, pitch_range=pitch_range)
    column = human_metrics(HumanReference.of(transposed(HUMAN, semitones), setting), small_prior)
    assert column["notes_not_in_key"] == 0
    assert column["compositions_starting_with_tonic"] == 0.5
    heard = np.concatenate([np.full((40, 1), NO_EVENT), HUMAN[:, :-1]], axis=1)
    log_probs = np.take_along_axis(small_prior.log_probs(heard).numpy(), HUMAN[..., None], -1)
    assert column["log_prob"] == pytest.approx(log_probs.mean(), rel=1e-5)
    in_c = human_metrics(HumanReference.of(HUMAN, Setting()), small_prior)
    assert column == pytest.approx(in_c, rel=1e-5)


def test_human_tunes_are_as_likely_as_in_their_meter(lookback_prior):
    column = human_metrics(HumanReference.of(HUMAN, Setting(meter="6/8")), lookback_prior)
    expected = lookback_prior.in_meter("6/8").log_prob(HUMAN, np.full(40, NO_EVENT)).mean().item()
    assert column["log_prob"] == pytest.approx(expected)


def test_a_tune_is_as_likely_in_the_mode_of_c_major_that_it_is_in_as_in_c_major(small_prior):
    heard = np.concatenate([np.full((40, 1), NO_EVENT), HUMAN[:, :-1]], axis=1)
    expected = np.take_along_axis(small_prior.log_probs(heard).numpy(), HUMAN[..., None], -1).mean()
    for mode, tunes_there, key in (
        ("dorian", HUMAN, "D"),
        ("minor", HUMAN, "A"),
        ("minor", transposed(HUMAN, -2), "G"),
    ):
        column = human_metrics(HumanReference.of(tunes_there, Setting(key=key, mode=mode)), small_prior)
        assert column["log_prob"] == pytest.approx(expected, rel=1e-5)
        assert column["notes_not_in_key"] == 0


def test_human_tunes_are_compared_with_those_of_the_other_half():
    groups = HUMAN.copy()  # of many notes and of one, in turn
    groups[::2] = np.where(HUMAN[::2] > 1, 14, HUMAN[::2])
    halves = split_half_likeness(HumanReference.of(groups, Setting()))
    assert 0.7 < halves["human_overlap"] < 1
    assert 0.2 < halves["human_auc"] < 0.8
    assert melody_metrics(groups[::2], Setting(), HumanReference.of(groups[1::2], Setting()))["human_overlap"] < 0.6
    assert halves == split_half_likeness(HumanReference.of(groups, Setting()))
    assert split_half_likeness(HumanReference.of(HUMAN[: 2 * MIN_COMPARED - 1], Setting())) == {}
    assert split_half_likeness(HumanReference.of(HUMAN[: 2 * MIN_COMPARED], Setting())) != {}


def test_a_classifier_needs_ten_melodies_of_both_sides():
    for tunes, melodies, has_auc in ((10, 10, True), (9, 10, False), (10, 9, False), (1, 1, False)):
        metrics = melody_metrics(machine()[:melodies], Setting(), HumanReference.of(HUMAN[:tunes], Setting()))
        assert ("human_auc" in metrics) == has_auc
        assert 0 < metrics["human_overlap"] < 1


def test_the_mode_says_what_is_in_key():
    melodies = np.array([[14, 16, 17, 19, 21, 23, 24, 26] * 4])  # C D Eb F G A Bb C
    not_in_key = {
        mode: melody_metrics(melodies, Setting(mode=mode))["notes_not_in_key"] for mode in ("major", "dorian", "minor")
    }
    assert not_in_key == {"major": 2 / 8, "dorian": 0, "minor": 1 / 8}


def test_bars_are_those_of_the_meter():
    bar = [14, 1, 16, 1, 18, 1, 19, 1, 21, 1, 23, 1]
    melodies = np.array([[*bar, *bar], [*bar, *bar[::-1]]])
    metrics = melody_metrics(melodies, Setting(meter="3/4", length=24))
    assert metrics["largest_bar_share"] == 3 / 4
    assert metrics["notes_per_bar"] == 6
    assert metrics["hamming_distance"] == pytest.approx(0.5)
    assert melody_metrics(melodies, Setting(length=24))["notes_per_bar"] == 8


@pytest.fixture(scope="module")
def pieces(small_prior):
    environment = EnvironmentSpec.of(prior=small_prior, key="D", meter="6/8", length=24, reward="varied")
    return compose_pieces(NoteRNNPlayer(), 40, 5, environment, temperature=0.5)  # not as the Note RNN itself would


def test_metrics_logged_during_training_are_recomputed_from_the_pieces(pieces):
    metrics, finished, melodies = learning_metrics(pieces), pieces.finished, pieces.melodies
    profile = load_profile("varied")
    expected = {
        "reward": (finished.log_prob + finished.music_theory / profile.c).mean() / 24,
        "music_theory": finished.music_theory.mean() / 24,
        "log_prob": finished.log_prob.mean() / 24,
        "entropy": pieces.entropy.mean(),
        "kl": pieces.kl.mean(),
        "distinct_compositions": len({*map(tuple, melodies.tolist())}) / 40,
        "hamming_distance": np.mean([(a != b).mean() for i, a in enumerate(melodies) for b in melodies[:i]]),
        "largest_bar_share": max(np.unique(melodies.reshape(80, 12), axis=0, return_counts=True)[1]) / 80,
        **{f"rule/{name}": values.mean() / 24 for name, values in finished.rules.items()},
    }
    assert metrics == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert metrics["kl"] > 0.1
    assert {f"rule/{name}" for name in profile.rule_names} <= metrics.keys()


def test_the_table_counts_in_the_setting_of_the_pieces_whatever_their_reward(pieces):
    metrics = table_metrics(pieces)
    counted = melody_statistics(pieces.melodies, Setting(key="D", meter="6/8", length=24))
    assert metrics["notes_not_in_key"] == counted.as_dict()["notes_not_in_key"]
    assert (
        metrics["absolute_autocorrelation_lag1"]
        == counted.mean_absolute_autocorrelations()["absolute_autocorrelation_lag1"]
    )
    assert metrics["range"] == counted.means()["range"]
    rules = {f"rule_{name}" for name in load_profile("paper").rule_names}
    paper = melody_statistics(pieces.melodies, pieces.setting, "paper").as_dict()
    assert metrics["paper_music_theory"] == pytest.approx(sum(paper[name] for name in rules))
    assert metrics["paper_music_theory"] != pytest.approx(
        metrics["music_theory"]
    )  # which is that of the run's own rules
    assert "human_overlap" not in metrics
    human = HumanReference.of(HUMAN[:, :24], pieces.setting)
    assert table_metrics(pieces, human)["human_overlap"] < 1


def test_a_row_of_the_table_is_written_in_its_form():
    metrics = {row.metric: 0.12345 for row in ROWS} | {"kl": math.nan, "rule/motif": 1.0, "rule/mine": 0.5}
    del metrics["human_auc"]
    table = metrics_table({"Q": metrics, "G": {"notes_in_motif": 0.5}}, "title", with_paper=True)
    assert [column.header for column in table.columns] == ["", "Q", "G", "paper: Note RNN", "paper: Q"]
    rows = {cells[0]: cells[1:] for cells in zip(*(column.cells for column in table.columns), strict=True)}
    assert len(rows) == len(ROWS)  # one was not measured, one is of a rule
    assert rows["Notes in motif"] == ("12.3%", "50.0%", "5.9%", "75.7%")
    assert rows["Notes excessively repeated"] == ("12.35%", "-", "63.30%", "0.00%")
    assert rows["Mean autocorrelation, lag 2"] == ("0.12", "-", "0.14", "0.03")
    assert rows["KL from the Note RNN per piece, nats"] == ("-", "-", "-", "-")
    assert "Classifier AUC against human tunes" not in rows
    assert rows["Overlap with human tunes (12 statistics)"] == ("0.123", "-", "-", "-")
    assert rows["Rule mine per step"] == ("0.500", "-", "-", "-")  # the statistics cover the paper's own
    assert format_value(None, ".1%") == format_value(math.nan, ".1%") == "-"
    alone = metrics_table({"Q": metrics}, "title", with_paper=False)
    assert [column.header for column in alone.columns] == ["", "Q"]


def test_a_rule_of_pieces_is_counted_by_the_piece(small_prior, tmp_path):
    """Half of the pieces below end on C, which earns 2; a third rule counts steps."""
    (tmp_path / "rules.py").write_text(
        "from melody_env import rule\n"
        "@rule(per='piece')\ndef ends_on_c(melody, value=1.0): return value * (melody.pitches[-1] % 12 == 0)\n"
        "@rule(per='piece')\ndef minus_notes(melody): return -float(len(melody.pitches))\n"
        "@rule\ndef held(melody): return float(melody.newest == 1)\n"
    )
    own = "ends_on_c: {file: rules.py, value: 2}, minus_notes: {file: rules.py}, held: {file: rules.py}"
    (tmp_path / "mine.yaml").write_text(f"{{c: 1, rules: {{{own}}}}}")
    environment = EnvironmentSpec.of(prior=small_prior, length=4, reward=tmp_path / "mine.yaml")
    pieces = compose_pieces(FixedPlayer([[14, 1, 16, 1], [14, 1, 1, 14]]), 2, 0, environment)
    metrics = learning_metrics(pieces)
    own = {name: value for name, value in metrics.items() if "rule" in name}
    assert own == {
        "piece_rule/ends_on_c": 1,
        "piece_rule_share/ends_on_c": 0.5,
        "piece_rule/minus_notes": -2,
        "piece_rule_share/minus_notes": 1,
        "rule/held": 0.5,
    }
    table = metrics_table({"Q": metrics, "G": {}}, "title", with_paper=False)
    rows = {cells[0]: cells[1:] for cells in zip(*(column.cells for column in table.columns), strict=True)}
    assert rows["Rule ends_on_c per piece"] == ("1.000 (50.0% of pieces)", "-")
    assert rows["Rule minus_notes per piece"] == ("-2.000", "-")
    assert rows["Rule held per step"] == ("0.500", "-")
    counted = melody_statistics(pieces.melodies, profile=tmp_path / "mine.yaml").as_dict()
    assert (counted["rule_ends_on_c"], counted["rule_minus_notes"], counted["rule_held"]) == (1, -2, 0.5)


class FixedPlayer:
    """Composes given melodies [N, T]."""

    def __init__(self, melodies):
        self.melodies = np.array(melodies)

    def begin(self, num_pieces, pickup=0):
        self.step = -1

    def scores(self, observations, prior_log_probs):
        self.step += 1
        return np.where(np.arange(38) == self.melodies[:, self.step, None], 50.0, 0.0).astype(np.float32)


def test_the_paper_stands_beside_its_own_setting_and_rules_alone(small_prior):
    def comparable(**changes) -> bool:
        return is_comparable(EnvironmentSpec.of(prior=small_prior, **changes))

    assert comparable()
    assert comparable(tempo=60, reward="varied")  # other weights of the same rules
    others = ({"key": "D"}, {"mode": "dorian"}, {"meter": "6/8", "length": 32}, {"length": 64})
    others += ({"pitch_range": (55, 79)}, {"reward": "matched"}, {"reward": "unique_extremes"})
    assert not any(comparable(**other) for other in others)


@pytest.fixture(scope="module")
def agent(small_prior) -> Agent:
    """An agent in D that prefers E4."""
    environment = EnvironmentSpec.of(prior=small_prior, key="D", reward="varied")
    env = MelodyVecEnv(2, **environment.arguments)
    policy = PPOKL(env=env, prior=environment.prior_in_key, seed=0, device="cpu").policy
    policy.network.head.logits.bias.data[18] += 1.5
    return Agent(policy, environment)


def test_an_agent_is_evaluated_beside_its_note_rnn_and_the_human_tunes_of_its_setting(agent):
    composed = []
    pieces, columns = evaluate_agent(agent, 30, 4, retained=3, on_composed=composed.append)
    assert list(pieces) == ["Note RNN", "agent"]
    assert list(columns) == ["Note RNN", "agent", "Human"]
    assert composed == [30, 30]
    environment = agent.environment
    human = HumanReference.of(np.unique(transposed(HUMAN, 2), axis=0), environment.setting)
    for name, composer in (("Note RNN", NoteRNNComposer(environment)), ("agent", agent)):
        expected = compose_pieces(composer.player(), 30, 4, environment, retained=3)
        np.testing.assert_array_equal(pieces[name].melodies, expected.melodies)
        np.testing.assert_array_equal(pieces[name].steps.probabilities, expected.steps.probabilities)
        assert len(pieces[name].steps.probabilities) == 3
        assert columns[name] == pytest.approx(table_metrics(expected, human), nan_ok=True)
    assert columns["Human"] == pytest.approx(human_metrics(human, environment.prior), nan_ok=True)
    np.testing.assert_array_equal(pieces["agent"].priming_tokens, pieces["Note RNN"].priming_tokens)
    assert columns["agent"]["kl"] > 0.1 > 1e-5 > abs(columns["Note RNN"]["kl"])


def test_shipped_statistics_stand_in_for_tunes(small_prior, monkeypatch):
    """All that needs no tunes is as with the tunes themselves."""
    tunes = HumanReference.of(HUMAN, Setting())
    figures = human_metrics(tunes, small_prior)
    needs_tunes = {name: figures.pop(name) for name in ("human_auc", "longest_shared_run")}
    log_prob = {weights_checksum(small_prior.state_dict()): figures.pop("log_prob")}
    shipped = HumanStatistics(Setting(), 40, figures, log_prob, tunes.distributions)
    alone = HumanReference(Setting(), tunes.distributions, shipped=shipped)
    with_tunes, without = (melody_metrics(machine(), Setting(), human) for human in (tunes, alone))
    assert with_tunes.keys() - without.keys() == needs_tunes.keys()
    assert without == {name: with_tunes[name] for name in without}
    assert human_metrics(alone, small_prior) == {**figures, "log_prob": next(iter(log_prob.values()))}
    assert "log_prob" not in human_metrics(alone, NoteRNN(hidden_size=12).eval())


def test_without_human_tunes_an_agent_is_evaluated_beside_its_note_rnn_alone(agent, monkeypatch):
    monkeypatch.setattr(populations, "_cached_split", lambda: None)
    pieces, columns = evaluate_agent(agent, 20, 0)
    assert list(columns) == list(pieces) == ["Note RNN", "agent"]
    assert all(len(each.steps.probabilities) == 0 for each in pieces.values())
    assert not {"human_overlap", "human_auc", "longest_shared_run"} & columns["agent"].keys()


def pieces_in(form: str, melodies: list[list[int]], forms: tuple[str, ...], small_prior):
    """Given melodies, in bars of four steps, as pieces of these forms."""
    environment = EnvironmentSpec.of(prior=small_prior, meter="1/4", length=len(melodies[0]), form=form)
    pieces = compose_pieces(NoteRNNPlayer(), len(melodies), 0, environment)
    return replace(pieces, finished=replace(pieces.finished, melodies=np.array(melodies), forms=forms))


def test_metrics_of_form_by_hand(small_prior):
    a, varied, other = [14, 16, 18, 14], [14, 16, 19, 14], [21, 23, 25, 26]
    melodies = [a + varied + other, a + a + other, a + other + a, other + varied + varied]
    pieces = pieces_in("AA'B | ABA", melodies, ("AA'B", "AA'B", "ABA", "ABA"), small_prior)
    metrics = learning_metrics(pieces)
    assert metrics["form_recovered"] == 2 / 4  # the first and the third
    assert metrics["varied_kept"] == (3 / 4 + 1) / 2
    assert metrics["sections_at_rest"] == 1  # all of them end on C
    assert metrics["pieces_ending_on_tonic"] == 1
    moved = replace(pieces, setting=pieces.setting.changed(key="D"))
    assert learning_metrics(moved)["sections_at_rest"] == learning_metrics(moved)["pieces_ending_on_tonic"] == 0
    plain = learning_metrics(pieces_in("ABA", melodies, ("ABA",) * 4, small_prior))
    assert plain["form_recovered"] == 1 / 4
    assert "varied_kept" not in plain
    alone = learning_metrics(pieces_in("A", [a], ("A",), small_prior))
    assert "sections_at_rest" not in alone
    without = learning_metrics(pieces_in("", melodies, (), small_prior))
    assert not {"form_recovered", "varied_kept", "sections_at_rest", "pieces_ending_on_tonic"} & without.keys()


def test_human_tunes_have_the_shares_that_were_measured(small_prior):
    for form, expected in (("", set()), ("AB", {"sections_at_rest"}), ("AA'", {"sections_at_rest", "varied_kept"})):
        human = HumanReference.of(HUMAN, Setting(form=form))
        assert {"sections_at_rest", "varied_kept"} & human_metrics(human, small_prior).keys() == expected
