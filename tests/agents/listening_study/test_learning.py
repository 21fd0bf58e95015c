"""From votes to a reward profile by the command: a planted taste is found, and noise is told."""

import json
import sys
from dataclasses import asdict

import numpy as np
import pytest

from agents import compose
from agents.listening_study import learning
from agents.listening_study.learning import CANDIDATES, learn_taste, rule_sums
from agents.listening_study.next_round import NextConfig, next_round
from agents.listening_study.pair_choice import pair_choice
from agents.study import main
from agents.votes.heard import HeardVotes, heard_votes
from melody_env import RewardProfile, Setting, load_profile, score_melodies
from note_rnn import InputError, load_note_rnn, run_command

SETTING = Setting(length=16)
NAMES = [rule.name for rule in CANDIDATES]
STEADY = "stepwise"
"""The rule of the planted taste."""


def melodies(number, seed, length=16):
    """Random walks with rests."""
    rng = np.random.default_rng(seed)
    notes = np.clip(14 + rng.integers(-3, 4, (number, length)).cumsum(1), 2, 37)
    return np.where(rng.random((number, length)) < 0.4, 1, notes)


def heard(strength, votes=200, each=20, seed=0, bias=0.0):
    first, second = melodies(votes, seed), melodies(votes, seed + 1_000)
    column = NAMES.index(STEADY)
    lead = (rule_sums(first, SETTING) - rule_sums(second, SETTING))[:, column]
    chances = 1 / (1 + np.exp(-strength * lead - bias))
    outcomes = (np.random.default_rng(seed).random(votes) < chances).astype(float)
    return HeardVotes(first, second, outcomes, np.arange(votes) // each, SETTING, {})


def write(votes, folder):
    """Write files of `votes`, one for each listener."""
    paths = []
    for listener in range(votes.listeners):
        rows = np.flatnonzero(votes.listener == listener)
        own = [
            {
                **{"left": "Q", "right": "Q", "preference": int(4 - 2 * votes.outcomes[row])},
                **{"left_melody": votes.first[row].tolist(), "right_melody": votes.second[row].tolist()},
                "setting": SETTING.as_dict(),
            }
            for row in rows
        ]
        paths.append(folder / f"votes-{listener}.json")
        record = {"study": "abc", "session": f"s{listener}", "models": ["Q"], "votes": own}
        paths[-1].write_text(json.dumps(record))
    return paths


def test_a_planted_taste_is_found():
    taste = learn_taste(heard(1.0))
    assert not taste.is_noise
    assert NAMES[int(taste.shares.argmax())] == STEADY
    share, low, high = taste.predicted
    assert 0.5 < low < share < high < 1
    assert dict(zip(taste.profile.rule_names, taste.profile.weights, strict=True))[STEADY] > 0.3


def test_the_reward_of_a_piece_is_the_log_odds_of_being_preferred(monkeypatch):
    monkeypatch.setattr(learning, "_LEAST", 0.0)
    votes = heard(1.0)
    taste = learn_taste(votes)
    reward = [score_melodies(side, taste.profile).music_theory.sum(1) for side in (votes.first, votes.second)]
    units = np.where(taste.scales > 0, taste.scales, np.inf)
    differences = (rule_sums(votes.first, SETTING) - rule_sums(votes.second, SETTING)) / units
    assert reward[0] - reward[1] == pytest.approx(differences @ taste.fitted.weights, abs=0.05)  # weights are rounded


def test_a_bias_to_a_side_is_no_taste():
    taste = learn_taste(heard(0.0, bias=1.5))
    assert taste.is_noise
    assert taste.fitted.bias > 1


def test_noise_that_is_learned_all_the_same_rewards_almost_nothing():
    votes = heard(0.0)
    taste = learn_taste(votes)
    reward = score_melodies(votes.first, taste.profile).music_theory.sum(1)
    assert taste.is_noise
    assert reward.std() < 0.8  # its KL from the prior, about half the square, is far below 2 nats


def test_what_cannot_be_told_from_noise_is_weighed_as_little_as_can_be(monkeypatch):
    told = learn_taste(heard(1.0))
    monkeypatch.setattr(learning, "_noise", lambda parts, rng: learning.SIGNIFICANT)
    doubted = learn_taste(heard(1.0))
    assert np.abs(doubted.fitted.weights).max() < 0.2 * np.abs(told.fitted.weights).max()
    assert doubted.predictions.penalty == told.predictions.penalty


def test_the_same_votes_teach_the_same():
    some, same = learn_taste(heard(1.0)), learn_taste(heard(1.0))
    assert (some.profile, some.noise, some.predicted) == (same.profile, same.noise, same.predicted)


@pytest.fixture
def study(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["study", *map(str, arguments)])
        try:
            run_command(main)
            status = 0
        except SystemExit as end:
            status = end.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_the_command_writes_a_profile_to_train_with(study, tmp_path):
    status, printed, _ = study("learn", *write(heard(1.0), tmp_path), "--out", tmp_path / "taste.yaml")
    assert status == 0
    assert printed.startswith("200 votes of 10 listeners\nOf the votes held out, ")
    assert STEADY in printed
    assert f"--reward {tmp_path / 'taste.yaml'}" in " ".join(printed.split())
    profile = load_profile(tmp_path / "taste.yaml")
    expected = learn_taste(heard(1.0)).profile
    assert (profile.c, profile.setting, profile.rules) == (1.0, SETTING, expected.rules)
    assert "--kl-budget 12" in " ".join(printed.split())


def test_the_command_calls_noise_noise(study, tmp_path):
    files = write(heard(0.0), tmp_path)
    status, _, told = study("learn", *files, "--out", tmp_path / "taste.yaml")
    assert status == 2
    assert told.startswith("error: There is no taste to learn in these 200 votes: ")
    assert told.count("\n") == 1
    assert not (tmp_path / "taste.yaml").exists()
    status, printed, _ = study("learn", *files, "--out", tmp_path / "taste.yaml", "--force")
    assert status == 0
    assert "--kl-budget" not in printed  # it would go as far for noise as for a taste
    assert (tmp_path / "taste.yaml").exists()


def test_names_and_paths_in_files_do_not_reach_the_profile(study, tmp_path):
    folder = tmp_path / "c: 9"
    folder.mkdir()
    files = write(heard(1.0), folder)
    record = json.loads(files[0].read_text())
    evil = "x\nc: 0.0001\n<script>"
    record |= {"models": [evil], "study": evil, "session": evil}
    record["votes"] = [{**vote, "left": evil, "right": evil} for vote in record["votes"]]
    files[0].write_text(json.dumps(record))
    out = tmp_path / "taste.yaml"
    assert study("learn", *files, "--out", out)[0] == 0
    text = out.read_text()
    assert "script" not in text
    assert [line for line in text.splitlines() if line.startswith("c:")] == [f"c: {load_profile(out).c}"]


def page_data(page):
    text = page.read_text(encoding="utf-8")
    return json.loads(text.partition('id="data">')[2].partition("</script>")[0])


def test_the_page_of_the_next_round_chooses_its_pairs(small_prior_file, tmp_path):
    config = NextConfig((), out=tmp_path / "next.html", prior=str(small_prior_file), pieces=30, pairs=6)
    data = page_data(next_round(config))
    pool = compose(load_note_rnn(small_prior_file), 30, seed=0)
    np.testing.assert_array_equal(data["melodies"], np.unique(pool, axis=0))
    expected = pair_choice(np.array(data["melodies"]), Setting(**data["setting"]), None, 6, 4)
    assert data["choice"] == asdict(expected)
    assert "orders" not in data
    assert "You will hear 10 pairs" in (tmp_path / "next.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "next.json").read_text())["composers"] == ["Note RNN"] * len(data["melodies"])
    again = NextConfig((), out=tmp_path / "again.html", prior=str(small_prior_file), pieces=30, pairs=6)
    assert page_data(next_round(again)) == data


def test_it_plays_what_runs_composed_and_begins_with_the_votes_so_far(small_runs, small_prior_file, tmp_path):
    config = {"pieces": 30, "pairs": 8}
    first = page_data(next_round(NextConfig((small_runs[0],), out=tmp_path / "a.html", **config)))
    votes = [
        {
            **{"left": "Q", "right": "Q", "preference": 2, "setting": first["setting"]},
            **{"left_melody": first["melodies"][left], "right_melody": first["melodies"][left + 1]},
        }
        for left in range(20)
    ]
    file = tmp_path / "votes.json"
    file.write_text(json.dumps({"study": first["id"], "session": "s", "models": ["Q"], "votes": votes}))
    second = page_data(next_round(NextConfig((small_runs[0],), (file,), tmp_path / "b.html", **config)))
    assert second["melodies"] == first["melodies"]
    assert second["choice"]["values"] == first["choice"]["values"]
    assert first["choice"]["prior"]["mean"] == [0.0] * (len(NAMES) + 1)
    expected = pair_choice(np.array(first["melodies"]), Setting(**first["setting"]), heard_votes([file]), 8, 4)
    assert second["choice"] == asdict(expected)
    record = json.loads((tmp_path / "b.json").read_text())
    assert record["models"] == ["Note RNN", "Q"]
    by_prior = compose(load_note_rnn(small_prior_file), 30, seed=0).tolist()  # what both composed is the Note RNN's
    by_either = by_prior + compose(small_runs[0], 30, seed=0).tolist()
    assert record["melodies"] == np.unique(by_either, axis=0).tolist()
    assert record["composers"] == ["Note RNN" if melody in by_prior else "Q" for melody in record["melodies"]]


@pytest.mark.parametrize("name", ["study2", "study2.json"])
def test_the_page_of_the_next_round_is_an_html_file(name, tmp_path):
    with pytest.raises(InputError, match=f"^--out must end in [.]html, not '{(tmp_path / name).suffix}'[.]$"):
        next_round(NextConfig((), out=tmp_path / name))
    assert not list(tmp_path.iterdir())


def test_whether_the_composers_can_be_named_beside_it_is_known_before_the_work(tmp_path):
    (tmp_path / "study2.json").mkdir()
    with pytest.raises(InputError, match=r"study2\.json is a folder"):
        next_round(NextConfig((), out=tmp_path / "study2.html"))
    assert not (tmp_path / "study2.html").exists()


def test_votes_in_another_setting_than_the_runs_are_refused(small_runs, tmp_path):
    files = write(heard(1.0, votes=20), tmp_path)
    with pytest.raises(InputError, match="and the agent's are not: choose the same"):
        next_round(NextConfig((small_runs[0],), tuple(files), tmp_path / "x.html", pieces=4))
    assert heard_votes(files).setting == SETTING


def test_candidates_are_rules_that_any_setting_has():
    assert "form" not in NAMES
    assert len(set(NAMES)) == len(NAMES)
    sums = rule_sums(melodies(5, 0, 12), Setting(meter="6/8", length=12))
    assert sums.shape == (5, len(NAMES))
    profile = RewardProfile("one", (CANDIDATES[3],))
    values = score_melodies(melodies(5, 0, 12), profile, Setting(meter="6/8", length=12))
    assert sums[:, 3] == pytest.approx(values.music_theory.sum(1))
