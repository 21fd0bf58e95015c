"""The commands calibrate and match, on corpora with known properties."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from melody_env import RewardProfile, WeightedRule, audit, load_profile, score_melodies
from melody_env import calibrate as calibrate_command
from melody_env import match as match_command
from melody_env.measures.populations import POPULATIONS, human_melodies, prior_melodies
from melody_env.reward.profile_yaml import profile_text
from melody_env.reward.rules import HUMAN_RULES
from melody_env.reward_design import moment_matching, ranking_audit, ranking_fit
from melody_env.reward_design.fits import log_odds_scale
from melody_env.reward_design.moment_matching import MATCHED, MatchConfig, counts, match, weighted_rules
from melody_env.reward_design.ranking_fit import PAIRS, SIGNS, CalibrateConfig, calibrate, capped_rules
from melody_env.setting import Setting
from note_rnn import NO_EVENT, InputError, NoteRNN, run_command, save_note_rnn
from note_rnn.corpus import Corpus, read_corpus, split, write_corpus
from note_rnn.extraction.tunes import Bars
from note_rnn.vocabulary import FIRST_PITCH_TOKEN


def corpus_of(segments: list[np.ndarray], bars: Bars) -> Corpus:
    number = len(segments)
    return Corpus(segments, np.arange(number), [""] * number, [""] * number, bars=[bars] * number)


def riff_tunes(number, rng):
    """Tunes of four bars, the same bar four times: eighths of C major, after a pickup of two steps."""
    notes = rng.choice([9, 11, 13, 14, 16, 18, 19, 21, 23, 25, 26], (number, 8))
    bars = np.kron(notes, [1, 0]) + np.kron(np.ones_like(notes), [0, 1])
    return corpus_of([np.concatenate([[21, 1], *[bar] * 4]) for bar in bars], Bars("4/4", 2))


def tunes_like_the_priors(prior, number, rng):
    """Tunes of four bars as `prior` composes them, but with fewer notes off the beats and fewer outside C major."""
    melodies = prior_melodies(prior, number, 64, rng)
    melodies[melodies[:, 0] < FIRST_PITCH_TOKEN, 0] = 14
    fewer = (np.arange(64) % 4 != 0) & (rng.random(melodies.shape) < 0.05)
    melodies[fewer] = NO_EVENT
    outside = ~Setting().in_scale[melodies] & (rng.random(melodies.shape) < 0.25)
    return corpus_of(list(melodies - outside), Bars("4/4", 0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, small_prior):
    """Corpora `riffs.npz` and `tunes.npz`, another Note RNN."""
    folder = tmp_path_factory.mktemp("calibrate")
    write_corpus(riff_tunes(400, np.random.default_rng(0)), folder / "riffs.npz")
    write_corpus(tunes_like_the_priors(small_prior, 400, np.random.default_rng(0)), folder / "tunes.npz")
    save_note_rnn(NoteRNN(5), folder / "other")
    return folder


@pytest.fixture
def given(folder, small_prior_file, monkeypatch):
    """Arguments of both configurations; a tenth of the pairs is enough for corpora as small as these."""
    monkeypatch.setattr(ranking_fit, "PAIRS", {pair: count // 10 for pair, count in PAIRS.items()})
    return {"collections": (str(folder / "riffs.npz"),), "prior": str(small_prior_file), "melodies": 200}


def command(module, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
    run_command(module.main)


def test_a_profile_rewards_what_the_tunes_of_a_corpus_do(given, tmp_path):
    profile = calibrate(CalibrateConfig(**given))
    weights = dict(zip(profile.rule_names, profile.weights, strict=True))
    assert weights["bar_repeat"] > 0
    assert all(np.sign(weight) == SIGNS[name] for name, weight in weights.items())
    assert profile.c == 1
    path = tmp_path / "riffs.yaml"
    path.write_text(profile_text(profile, ["of riffs"]))
    read = load_profile(path)
    assert (read.rules, read.c, read.setting) == (profile.rules, profile.c, profile.setting)
    limits = {rule.name: rule.parameters["cap"] for rule in profile.rules if rule.parameters}
    # eight notes a bar, but those that repeat the one before, in three of four bars
    assert 5 < limits["bar_repeat"] <= 6


@pytest.mark.parametrize("module", [calibrate_command, match_command], ids=["calibrate", "match"])
def test_each_option_decides_the_profile_that_a_command_writes(module, given, folder, monkeypatch, tmp_path, capsys):
    base = {
        **{"--collections": [folder / "tunes.npz"], "--prior": [given["prior"]], "--melodies": [100]},
        **{"--penalty": [0.01], "--seed": [0], "--length": [32]},
    }
    changes = {
        **{"nothing": {}, "--collections": [folder / "riffs.npz"], "--prior": [folder / "other"], "--melodies": [150]},
        **{"--penalty": [0.5], "--seed": [1], "--length": ["3 bars"], "--key": ["D"], "--mode": ["dorian"]},
        **({"--bars": [1, 2]} if module is calibrate_command else {}),
    }
    written = {}
    for option, values in [("base", []), *changes.items()]:
        out = tmp_path / f"{option}.yaml"
        options = {**base, **({option: values} if option.startswith("--") else {})}
        if option == "--bars":
            del options["--length"]
        arguments = [argument for name, given in options.items() for argument in (name, *given)]
        command(module, monkeypatch, *arguments, "--out", out)
        assert f"Saved {out}" in capsys.readouterr().out
        profile = load_profile(out)
        comments = " ".join(line[2:] for line in out.read_text().splitlines() if line.startswith("# "))
        assert f"Human tunes: {options['--collections'][0]}, without held-out tunes" in comments
        assert f"Note RNN: {options['--prior'][0]}. Seed {options['--seed'][0]}." in comments
        written[option] = profile.rules
        assert profile.rules
        assert profile.log_prior
        assert profile.c == 1
        assert profile.setting.length == {"--bars": 32, "--length": "3 bars"}.get(option, 32)
        assert profile.setting.key == ("D" if option == "--key" else "C")
        assert profile.setting.mode == ("dorian" if option == "--mode" else "major")
    assert written.pop("nothing") == written["base"]
    assert len({str(rules) for rules in written.values()}) == len(written)


def test_weights_are_log_odds_of_human_tunes_against_those_of_the_note_rnn(given, folder, small_prior):
    setting = Setting(key="D")
    tunes = str(folder / "tunes.npz")
    profile = calibrate(CalibrateConfig(**{**given, "collections": (tunes,), "melodies": 1000}, key="D"))
    train, rng = split(read_corpus(tunes)).train, np.random.default_rng(7)
    sums = [
        [
            score_melodies(melodies, profile).music_theory.sum(axis=1)
            for melodies in (
                human_melodies(train, replace(setting, length=length)),
                prior_melodies(small_prior.transposed(2), 1000, length, rng),
            )
        ]
        for length in (32, 64)
    ]
    assert log_odds_scale([human for human, _ in sums], [prior for _, prior in sums]) == pytest.approx(1, abs=0.25)


def test_held_out_tunes_do_not_count(given, folder, tmp_path):
    """Of the tunes held out only one of each kind is left, and nothing changes."""
    corpus = read_corpus(folder / "tunes.npz")
    parts = split(corpus)
    few = [{segment.tobytes() for segment in part.segments[1:]} for part in (parts.validation, parts.test)]
    kept = np.array([segment.tobytes() not in set.union(*few) for segment in corpus.segments])
    assert kept.sum() == len(parts.train.segments) + 2 < len(kept)
    write_corpus(corpus.of_tunes(kept), tmp_path / "fewer.npz")
    names = [(str(folder / "tunes.npz"),), (str(tmp_path / "fewer.npz"),)]
    one, other = (calibrate(CalibrateConfig(**{**given, "collections": name}, length=32)) for name in names)
    assert one.rules == other.rules
    one, other = (match(MatchConfig(**{**given, "collections": name})) for name in names)
    assert one.rules == other.rules


def test_every_length_needs_its_tunes(given, tmp_path):
    short = [segment[:34] for segment in riff_tunes(400, np.random.default_rng(0)).segments]
    write_corpus(corpus_of(short, Bars("4/4", 2)), tmp_path / "short.npz")
    short = {**given, "collections": (str(tmp_path / "short.npz"),)}
    for bars in ((2, 4), (4, 2)):
        with pytest.raises(InputError, match="Only 0 tunes have 4 bars in a meter like 4/4"):
            calibrate(CalibrateConfig(**short, bars=bars))
    assert calibrate(CalibrateConfig(**short, bars=(2,))).rules
    assert calibrate(CalibrateConfig(**short, length="2 bars")).rules  # one length instead of --bars


def test_a_profile_keeps_the_setting_that_it_was_fitted_in(given, tmp_path):
    changes = {"key": "Bb", "length": "2 bars", "pitch_range": (50, 80), "tempo": 90.0}
    for profile in (calibrate(CalibrateConfig(**given, **changes)), match(MatchConfig(**given, **changes))):
        path = tmp_path / "mine.yaml"
        path.write_text(profile_text(profile, []))
        assert load_profile(path).setting == profile.setting == Setting(**changes)


def test_a_rules_cap_is_what_nine_of_ten_tunes_have_in_a_bar():
    """Of eleven tunes of two bars, the n-th has n steps of the scale; nine of ten have at most 9 of them, 4.5 a bar."""
    tunes = np.array([[(14, 16)[min(t, n) % 2] if t <= n else NO_EVENT for t in range(32)] for n in range(11)])
    (stepwise, turn) = capped_rules(["stepwise", "turn"], tunes, Setting())
    assert stepwise == WeightedRule("stepwise", 1.0, {"cap": 4.5})
    assert turn == WeightedRule("turn")
    (stepwise,) = capped_rules(["stepwise"], tunes, Setting(meter="2/4"))
    assert stepwise.parameters == {"cap": 2.25}


def test_a_rules_cap_is_that_of_the_tunes_in_their_key():
    tunes = np.tile([14, 15, 16, 17] * 8, (3, 1))
    (in_c,) = capped_rules(["chromatic_step"], tunes, Setting())
    (in_d_flat,) = capped_rules(["chromatic_step"], tunes, Setting(key="Db"))
    assert (in_c.parameters, in_d_flat.parameters) != ({"cap": 0.0}, {"cap": 0.0})
    assert capped_rules(["chromatic_step"], tunes + 1, Setting(key="Db")) == (in_c,)


def test_too_few_tunes_are_reported(given):
    with pytest.raises(InputError, match=r"Only 0 tunes have .* in a meter like 3/4: choose other collections"):
        calibrate(CalibrateConfig(**given, meter="3/4"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"melodies": 0}, "--melodies must be at least 1, not 0"),
        ({"bars": (2, 0)}, "--bars must be at least 1, not 0"),
        ({"penalty": -1.0}, "--penalty must be a number of at least 0, not -1.0"),
        ({"meter": "4/0"}, "meter"),
    ],
)
def test_bad_settings_are_reported(given, change, sentence):
    with pytest.raises(InputError, match=sentence):
        calibrate(CalibrateConfig(**{**given, **change}))


def test_a_profile_of_single_bars_has_nothing_to_say_of_phrases(given):
    assert not {"long_end", "stable_end", "bar_repeat"} & {*calibrate(CalibrateConfig(**given, bars=(1,))).rule_names}


def test_a_profile_that_calibrate_wrote_can_be_audited(given, folder, monkeypatch, tmp_path):
    arguments = ["--collections", folder / "riffs.npz", "--prior", given["prior"], "--melodies", 100, "--length", 64]
    command(calibrate_command, monkeypatch, *arguments, "--key", "G", "--out", tmp_path / "mine.yaml")
    monkeypatch.setattr(ranking_audit, "load_corpus", lambda names=(): read_corpus(folder / "riffs.npz"))
    command(
        *(audit, monkeypatch, "--profile", tmp_path / "mine.yaml", "--prior", given["prior"], "--melodies", 50),
        *("--require-human-first", "--out", tmp_path / "audit"),
    )
    written = json.loads((tmp_path / "audit" / "audit.json").read_text())
    assert set(written["aucs"]) == {*load_profile(tmp_path / "mine.yaml").rule_names, "sum"}
    assert set(written["sizes"]) == set(POPULATIONS)
    assert written["humans_first"]


@pytest.mark.parametrize("module", [calibrate_command, match_command], ids=["calibrate", "match"])
def test_a_folder_is_no_profile(module, monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit) as exited:
        command(module, monkeypatch, "--out", tmp_path)
    assert exited.value.code == 2
    assert "is a folder: --out must be a file" in capsys.readouterr().err


def test_melodies_of_the_note_rnn_weighed_by_a_matched_profile_have_the_human_means(given, folder, small_prior):
    setting = Setting(key="D")
    tunes = str(folder / "tunes.npz")
    config = MatchConfig(**{**given, "collections": (tunes,), "melodies": 3000}, penalty=1e-5, key="D", seed=3)
    profile = match(config)
    assert profile.rules[-1].name == "onset"
    assert len(profile.rules[-1].parameters["worth"]) == 16
    assert len({rule.name for rule in profile.rules}) > 10
    human = human_melodies(split(read_corpus(tunes)).train, setting)
    machine = prior_melodies(small_prior.transposed(2), 3000, 32, np.random.default_rng(3))
    rules = capped_rules(MATCHED, human, setting)
    limits = {rule.name: rule.parameters for rule in rules}
    assert all(rule.parameters == limits[rule.name] for rule in profile.rules[:-1])
    human_counts, machine_counts = (counts(melodies, rules, setting) for melodies in (human, machine))
    chances = np.exp(score_melodies(machine, profile).music_theory.sum(axis=1))
    varied = human_counts.std(axis=0) > 1e-9
    off = [
        (human_counts.mean(0) - mean) / np.maximum(human_counts.std(0), 1e-9)
        for mean in (machine_counts.mean(axis=0), chances @ machine_counts / chances.sum())
    ]
    before, after = (np.abs(each[varied]) for each in off)
    assert varied.sum() > 30
    assert before.max() > 0.5
    assert after.max() < 0.05


def test_a_matched_profile_rewards_what_it_counts(given, folder):
    given = {**given, "collections": (str(folder / "tunes.npz"),)}
    profile = match(MatchConfig(**{**given, "melodies": 2000}))
    weights = {rule.name: rule.weight for rule in profile.rules}
    assert weights["key"] > 0  # a note outside the key counts -1
    assert "density" in weights
    assert all(abs(weight) < 10 for weight in weights.values())
    melodies = np.random.default_rng(0).integers(0, 38, (5, 32))
    unweighted = [replace(rule, weight=1.0) for rule in profile.rules[:-1]]
    counted = counts(melodies, unweighted, profile.setting)
    every = [*(rule.weight for rule in profile.rules[:-1]), *profile.rules[-1].parameters["worth"]]
    np.testing.assert_allclose(score_melodies(melodies, profile).music_theory.sum(axis=1), counted @ every)
    for change, sentence in (({"melodies": 0}, "melodies"), ({"penalty": 0.0}, "--penalty must be a number above 0")):
        with pytest.raises(InputError, match=sentence):
            match(MatchConfig(**{**given, **change}))


def test_counts_by_hand():
    """In 2/4, notes at the first, third and ninth step are two at the first place of a bar and one at the third."""
    melody = np.full((1, 16), NO_EVENT)
    melody[0, [0, 2, 8]] = [14, 16, 17]
    counted = counts(melody, [WeightedRule("stepwise"), WeightedRule("rest")], Setting(meter="2/4"))
    assert counted.tolist() == [[1 + 1, 0, 2, 0, 1, 0, 0, 0, 0, 0]]
    chromatic = np.tile([14, 15, 16, 17], (1, 4))
    (in_c,) = counts(chromatic, [WeightedRule("key")], Setting(meter="2/4"))[:, 0]
    (in_d_flat,) = counts(chromatic, [WeightedRule("key")], Setting(meter="2/4", key="Db"))[:, 0]
    assert (in_c, in_d_flat) == (-8, -4)  # C# and D# are not in C major, D is not in Db major


def test_counts_in_blocks_are_those_of_all_at_once(monkeypatch):
    melodies = np.random.default_rng(0).integers(0, 38, (7, 32))
    rules = [WeightedRule("key"), WeightedRule("stepwise")]
    together = counts(melodies, rules, Setting())
    monkeypatch.setattr(moment_matching, "_BLOCK", 3)
    np.testing.assert_array_equal(counts(melodies, rules, Setting()), together)


def test_weights_go_to_their_rules_and_places():
    rules = [WeightedRule("key"), WeightedRule("stepwise", 1.0, {"cap": 3.0}), WeightedRule("turn")]
    assert weighted_rules(rules, np.array([0.123456, 0.0009, -2.0, 5.55555, 0.0, -1.0, 0.25])) == (
        WeightedRule("key", 0.123),
        WeightedRule("turn", -2.0),
        WeightedRule("onset", 1.0, {"worth": [5.56, 0.0, -1.0, 0.25]}),
    )


def test_every_rule_has_a_sign_and_every_pair_two_populations():
    assert set(SIGNS) <= {*HUMAN_RULES, "key"}
    assert {name for pair in PAIRS for name in pair} == set(POPULATIONS)
    assert all(higher != lower for higher, lower in PAIRS)


def test_the_shipped_profile_follows_the_signs():
    profile = load_profile("calibrated")
    assert profile.c == 1
    assert all(np.sign(rule.weight) == SIGNS[rule.name] for rule in profile.rules)


def test_a_profile_as_text_has_its_setting_and_rules():
    profile = RewardProfile(
        "mine",
        (WeightedRule("key", 2.0), WeightedRule("stepwise", -0.5, {"cap": 3.0})),
        2.0,
        setting=Setting(key="F#", pitch_range=(50, 80), tempo=90.0),
    )
    assert profile_text(profile, ["one", "two"]).splitlines() == [
        *("# one", "# two", "", "c: 2", "log_prior: true", ""),
        *("setting:", '  key: "F#"', "  pitch_range: [50, 80]", "  tempo: 90.0", ""),
        *("rules:", "  key: {weight: 2.0}", "  stepwise: {weight: -0.5, cap: 3.0}"),
    ]
