"""Votes are read as the page wrote them; any other file is refused."""

import json

import pytest

from agents.evaluation.votes import VotesError, read_votes


def votes_file(path, rows, session="s1", study="abc", models=("Note RNN", "Q", "G")):
    votes = [dict(zip(("left", "right", "preference"), row, strict=True)) for row in rows]
    record = {"study": study, "session": session, "models": models, "votes": votes}
    path.write_text(json.dumps(record))
    return path


def test_votes_of_all_listeners_are_read(tmp_path):
    first = votes_file(tmp_path / "1.json", [("Q", "Note RNN", 1), ("Note RNN", "Q", 4)])
    second = votes_file(tmp_path / "2.json", [("Note RNN", "Q", 5)], session="s2")
    votes = read_votes([first, second])
    assert votes.models == ("Note RNN", "Q")  # G has no votes
    assert votes.left.tolist() == [1, 0, 0]
    assert votes.right.tolist() == [0, 1, 1]
    assert votes.preference.tolist() == [1, 4, 5]
    assert votes.listener.tolist() == [0, 0, 1]
    assert read_votes([votes_file(tmp_path / "3.json", [("Q", "G", 2)])]).models == ("Q", "G")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "cannot be read"),
        ('{"votes": []}', "is not a file of votes written by a study's page"),
        ('{"study": "a", "models": [], "votes": []}', "is not a file of votes written by a study's page"),
        ("[1]", "is not a file of votes written by a study's page"),
        (
            '{"study": "a", "session": "b", "models": ["X"], "votes": [{"left": "X", "right": "Y", "preference": 1}]}',
            "is not a file of votes written by a study's page",
        ),
        (
            '{"study": "a", "session": "b", "models": ["X", "Y"], '
            '"votes": [{"left": "X", "right": "Y", "preference": 6}]}',
            "is not a file of votes written by a study's page",
        ),
        (
            '{"study": "a", "session": "b", "models": ["X", "Y"], '
            '"votes": [{"left": "X", "right": "Y", "preference": 0}]}',
            "is not a file of votes written by a study's page",
        ),
        ('{"study": "a", "session": "b", "models": ["X", "Y"], "votes": []}', "There are no votes between models in"),
    ],
)
def test_a_file_without_votes_is_reported(tmp_path, content, sentence):
    (tmp_path / "votes.json").write_text(content)
    with pytest.raises(VotesError, match=sentence):
        read_votes([tmp_path / "votes.json"])


def test_votes_of_another_study_or_given_twice_are_reported(tmp_path):
    rows = [("Q", "G", 1)]
    first = votes_file(tmp_path / "1.json", rows)
    with pytest.raises(VotesError, match="belongs to another study"):
        read_votes([first, votes_file(tmp_path / "2.json", rows, session="s2", study="other")])
    with pytest.raises(VotesError, match="holds the same votes as"):
        read_votes([first, votes_file(tmp_path / "3.json", rows)])


def test_a_vote_between_two_melodies_of_one_model_compares_no_models(tmp_path):
    votes = read_votes([votes_file(tmp_path / "1.json", [("Q", "Q", 1), ("Q", "G", 4)])])
    assert votes.preference.tolist() == [4]
    with pytest.raises(VotesError, match="no votes between models"):
        read_votes([votes_file(tmp_path / "2.json", [("Q", "Q", 1)])])
