"""Votes become arrays of what was heard; whatever cannot be used is counted, never guessed."""

import json
from dataclasses import replace

import numpy as np
import pytest

from agents.votes.files import MAX_VOTES, VotesError
from agents.votes.heard import GIVEN_TWICE, NO_MELODY, OTHER_SETTING, heard_votes, in_setting
from melody_env import Setting

SETTING = {"key": "G", "mode": "major", "meter": "3/4", "length": 4, "tempo": 90.0}
A, B = [14, 1, 16, 1], [18, 0, 1, 2]


def vote(preference=1, left=A, right=B, setting=SETTING, models=("Note RNN", "Q")):
    sides = {"left": models[0], "right": models[1], "left_melody": left, "right_melody": right}
    return {**sides, "setting": setting, "preference": preference, "seconds": 2.5}


def votes_file(path, votes, session="s", study="abc", models=("Note RNN", "Q")):
    path.write_text(json.dumps({"study": study, "session": session, "models": models, "votes": votes}))
    return path


def test_votes_hold_what_was_heard(tmp_path):
    paths = [
        votes_file(tmp_path / "1.json", [vote(n) for n in (1, 2, 3)]),
        votes_file(tmp_path / "2.json", [vote(4), vote(5, B, A)], session="t", study="other"),
    ]
    heard = heard_votes(paths)
    assert heard.first.tolist() == [A, A, A, A, B]
    assert heard.second.tolist() == [B, B, B, B, A]
    assert heard.outcomes.tolist() == [1, 1, 0.5, 0, 0]
    assert heard.listener.tolist() == [0, 0, 0, 1, 1]
    assert (heard.setting, heard.listeners, heard.left_out) == (Setting(**SETTING), 2, {})
    assert heard.pairs().tolist() == [0, 0, 0, 0, 0]  # on any side


@pytest.mark.parametrize(
    "changes",
    [
        {"left_melody": 7},
        {"left_melody": None},
        {"right_melody": [14, 1, 16]},
        {"right_melody": [14, 1, 16, 38]},
        {"left_melody": [14, 1, 16, -1]},
        {"setting": None},
        {"setting": {"key": "H"}},
        {"setting": {"color": "red"}},
        {"setting": {"length": "9999999 bars"}},
    ],
)
def test_a_vote_on_unknown_melodies_is_left_out_and_counted(tmp_path, changes):
    heard = heard_votes([votes_file(tmp_path / "1.json", [vote(), {**vote(), **changes}])])
    assert len(heard.outcomes) == 1
    assert heard.left_out == {NO_MELODY: 1}


def test_votes_of_version_0_2_have_no_melodies_to_learn_from(tmp_path):
    old = {"left": "Q", "right": "Note RNN", "preference": 1, "left_melody": 3, "right_melody": 0, "seconds": 1.0}
    with pytest.raises(VotesError, match="holds the melodies that were heard: collect votes with a page"):
        heard_votes([votes_file(tmp_path / "1.json", [old])])


def test_votes_in_another_setting_than_most_are_left_out(tmp_path):
    faster, other = {**SETTING, "tempo": 200.0}, {**SETTING, "key": "C"}
    heard = heard_votes([votes_file(tmp_path / "1.json", [vote(1, setting=each) for each in (other, SETTING, faster)])])
    assert len(heard.outcomes) == 2  # at any tempo
    assert heard.setting == Setting(**SETTING)
    assert heard.left_out == {OTHER_SETTING: 1}


def test_of_two_files_of_a_listener_the_longer_counts(tmp_path):
    first = votes_file(tmp_path / "1.json", [vote(1)])
    second = votes_file(tmp_path / "2.json", [vote(1), vote(5)])
    heard = heard_votes([first, second])
    assert heard.outcomes.tolist() == [1, 0]
    assert heard.left_out == {GIVEN_TWICE: 1}


def test_a_copy_under_another_number_is_left_out(tmp_path):
    votes = [vote(n) for n in (1, 5, 1, 5, 2, 4, 3, 1)]
    paths = [votes_file(tmp_path / f"{name}.json", votes, session=name) for name in "ab"]
    assert heard_votes(paths).left_out == {GIVEN_TWICE: 8}
    few = [votes_file(tmp_path / f"{name}.json", votes[:7], session=name) for name in "ab"]
    assert heard_votes(few).left_out == {}  # two listeners can agree


def test_no_listener_drowns_the_others(tmp_path):
    votes = [{"left": "Q", "right": "Note RNN", "preference": 1}] * (MAX_VOTES + 1)
    with pytest.raises(VotesError, match="it has 10,001 votes, and one listener has at most 10,000"):
        heard_votes([votes_file(tmp_path / "1.json", votes)])


def test_names_are_never_used(tmp_path):
    models = ("<script>alert(1)</script>", "\x1b[2J\nc: 0.0001")
    heard = heard_votes([votes_file(tmp_path / "1.json", [vote(models=models)], models=models)])
    assert heard.outcomes.tolist() == [1]


def test_an_agent_in_another_setting_cannot_learn_from_them(tmp_path):
    heard = heard_votes([votes_file(tmp_path / "1.json", [vote()])])
    assert in_setting(heard, replace(Setting(**SETTING), tempo=50.0)) is heard
    with pytest.raises(VotesError, match=r"are in G major, 3/4, of 4 steps .* choose the same key, mode, meter"):
        in_setting(heard, Setting())


def test_votes_are_of_one_length(tmp_path):
    heard = heard_votes([votes_file(tmp_path / "1.json", [vote()])])
    assert np.shape(heard.first) == np.shape(heard.second) == (1, 4)
