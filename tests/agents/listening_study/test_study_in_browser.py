"""The study's page in Chromium: both melodies are played before a vote counts, and the file has the votes."""

import json

import pytest

from agents.evaluation.votes import read_votes
from agents.listening_study.study_page import NewConfig, new_study
from agents.votes.heard import heard_votes
from melody_env import Setting


@pytest.fixture(scope="module")
def study(browser, small_runs, tmp_path_factory):
    config = NewConfig(
        tuple(small_runs[:1]), tmp_path_factory.mktemp("study"), pieces=2, repeats=2, hidden_repeats=0, orders=3
    )
    return new_study(config)


def listen(page) -> None:
    """Play A and B to the end, by keyboard."""
    for key in ("a", "b"):
        page.keyboard.press(key)
        while page.evaluate("player.playing"):
            page.wait_for_timeout(20)


def test_votes_by_keyboard_come_back_as_a_file(visit, study, tmp_path):
    page = visit(study, "#1")
    page.get_by_role("button", name="Start").press("Enter")
    assert page.locator("#count").inner_text() == "Pair 1 of 2"
    page.keyboard.press("5")  # too soon
    assert page.locator("#hint").inner_text() == "Listen to A and B to the end first."
    listen(page)
    page.keyboard.press("5")
    assert page.locator("#count").inner_text() == "Pair 2 of 2"
    listen(page)
    page.keyboard.press("t")
    with page.expect_download() as download:
        page.get_by_text("Download your answers").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    votes = read_votes([path])
    assert votes.preference.tolist() == [5, 3]
    assert {votes.models[i] for i in votes.left} == {"Note RNN", "Q"}  # sides are balanced
    record = json.loads(path.read_text())
    order = page.evaluate("study.orders[1]")
    melodies = page.evaluate("study.melodies")
    heard = [[vote["left_melody"], vote["right_melody"]] for vote in record["votes"]]
    assert heard == [[melodies[left], melodies[right]] for left, right in order]
    assert heard_votes([path]).setting == Setting(tempo=480)
    assert all(vote["seconds"] > 0 for vote in record["votes"])


def test_a_vote_can_be_changed_and_a_study_left_early(visit, study):
    page = visit(study)
    page.get_by_role("button", name="Start").click()
    listen(page)
    page.get_by_role("button", name="A, slightly").click()
    page.get_by_role("button", name="Back").click()
    assert page.get_by_role("button", name="A, slightly").get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="B, strongly").click()
    page.get_by_role("button", name="Stop here").click()
    assert "You have judged 1 of 2 pairs." in page.locator("#summary").inner_text()
    assert page.evaluate("votes[0].preference") == 5
    page.get_by_role("button", name="Continue").click()
    assert page.locator("#count").inner_text() == "Pair 2 of 2"
    assert page.locator("[data-preference]:disabled").count() == 5


def test_it_fits_a_phone(visit, study):
    page = visit(study, viewport={"width": 320, "height": 640})
    page.get_by_role("button", name="Start").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
