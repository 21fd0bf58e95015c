"""The study's page in Chromium: both melodies are played before a vote counts, and the file has the votes."""

import json

import pytest

from agents.evaluation.votes import read_votes
from agents.listening_study.next_round import NextConfig, next_round
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


@pytest.fixture(scope="module")
def next_study(browser, small_runs, tmp_path_factory):
    out = tmp_path_factory.mktemp("next") / "study.html"
    return next_round(NextConfig(tuple(small_runs[:1]), out=out, pieces=20, pairs=2, hidden_repeats=1))


def judged(visit, page_file, keys, folder):
    """Give the votes `keys` on order 7 of the page; return the page, and the file that it downloads."""
    page = visit(page_file, "#7")
    page.get_by_role("button", name="Start").press("Enter")
    for number, key in enumerate(keys, 1):
        assert page.locator("#count").inner_text() == f"Pair {number} of 3"
        listen(page)
        page.keyboard.press(key)
    with page.expect_download() as download:
        page.get_by_text("Download your answers").click()
    download.value.save_as(folder / "votes.json")
    return page, json.loads((folder / "votes.json").read_text())


def test_the_page_of_a_taste_chooses_its_pairs_by_the_votes(visit, next_study, tmp_path):
    page, record = judged(visit, next_study, "135", tmp_path)
    assert record["order"] == 7
    choice, melodies = page.evaluate("study.choice"), page.evaluate("study.melodies")
    asked: list[list[int]] = []
    for _ in range(3):
        asked.append(
            page.evaluate("([asked, outcomes]) => nextPair(study.choice, 7, asked, outcomes)", [asked, [1, 0.5, 0]])
        )
    heard = [[vote["left_melody"], vote["right_melody"]] for vote in record["votes"]]
    assert heard == [[melodies[left], melodies[right]] for left, right in asked]
    assert asked[2] == asked[0][::-1]
    assert len(choice["values"]) == len(melodies)
    votes = heard_votes([tmp_path / "votes.json"])
    assert votes.outcomes.tolist() == [1, 0.5, 0]
    assert votes.pairs().tolist() == [0, 1, 0]


def test_going_back_keeps_the_pairs_that_were_asked(visit, next_study):
    page = visit(next_study, "#7")
    page.get_by_role("button", name="Start").click()
    listen(page)
    page.get_by_role("button", name="A, slightly").click()
    asked = page.evaluate("trials.forEach((pair) => { pair.wasAsked = true; }), trials")
    page.get_by_role("button", name="Back").click()
    page.get_by_role("button", name="B, strongly").click()
    assert page.evaluate("trials") == asked
    page.get_by_role("button", name="Stop here").click()
    assert "You have judged 1 of 3 pairs." in page.locator("#summary").inner_text()
    page.get_by_role("button", name="Continue").click()
    assert page.locator("#count").inner_text() == "Pair 2 of 3"
    assert page.evaluate("trials") == asked
    assert page.evaluate("trials.every((pair) => pair.wasAsked)")  # not chosen anew, with the same choice by chance


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
