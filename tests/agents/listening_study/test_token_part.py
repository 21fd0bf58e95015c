"""What no rule describes is learned from the tokens, if that predicts votes, and only if it was asked for."""

import json

import numpy as np
import pytest

from agents.listening_study import learning
from agents.listening_study.learning import CANDIDATES, learn_taste, rule_sums
from agents.listening_study.taste_files import write_taste
from agents.listening_study.taste_table import summary
from agents.listening_study.token_part import MEMBERS, HeardTokens, predictions_with_tokens
from agents.study import main
from agents.votes.heard import HeardVotes
from melody_env import Setting, load_profile, score_melodies
from melody_env.reward.token_taste import NUM_FEATURES, read_token_taste
from melody_env.reward_design.bradley_terry import Votes
from melody_env.reward_design.taste import folds
from note_rnn import InputError

SETTING = Setting(length=16)
STEPWISE = [rule.name for rule in CANDIDATES].index("stepwise")


def melodies(number, seed, length=16):
    """Random walks with rests."""
    rng = np.random.default_rng(seed)
    notes = np.clip(14 + rng.integers(-3, 4, (number, length)).cumsum(1), 2, 37)
    return np.where(rng.random((number, length)) < 0.4, 1, notes)


def register(tunes):
    """The mean pitch of each melody, which no rule computes."""
    notes = tunes >= 2
    return 0.5 * (tunes * notes).sum(1) / notes.sum(1)


def steps(tunes):
    """A taste that is a rule."""
    return rule_sums(tunes, SETTING)[:, STEPWISE]


def no_taste(tunes):
    return np.zeros(len(tunes))


def heard(utility, votes=300, seed=0):
    first, second = melodies(votes, seed), melodies(votes, seed + 1_000)
    chances = 1 / (1 + np.exp(utility(second) - utility(first)))
    outcomes = (np.random.default_rng(seed).random(votes) < chances).astype(float)
    return HeardVotes(first, second, outcomes, np.arange(votes) // 20, SETTING, {})


def write(votes, folder):
    """Write files of `votes`, one for each listener; return their paths."""
    for listener in range(votes.listeners):
        own = [
            {
                **{"left": "Q", "right": "Q", "preference": int(4 - 2 * votes.outcomes[row])},
                **{"left_melody": votes.first[row].tolist(), "right_melody": votes.second[row].tolist()},
                "setting": SETTING.as_dict(),
            }
            for row in np.flatnonzero(votes.listener == listener)
        ]
        record = {"study": "abc", "session": f"s{listener}", "models": ["Q"], "votes": own}
        (folder / f"votes-{listener}.json").write_text(json.dumps(record))
    return sorted(map(str, folder.glob("votes-*.json")))


def test_a_taste_that_no_rule_describes_is_found_in_tokens():
    votes = heard(register)
    taste = learn_taste(votes, tokens=True)
    assert taste.noise < 0.01
    assert taste.tokens is not None
    fresh = melodies(300, 77)
    assert np.corrcoef(taste.tokens.log_odds(fresh, SETTING), register(fresh))[0, 1] > 0.8
    assert taste.predicted[0] > taste.predicted_by_rules + 0.1
    assert taste.shares.sum() < 0.5


def test_tokens_are_sought_only_if_asked_for():
    taste = learn_taste(heard(register))
    assert (taste.tokens, taste.predicted_by_rules) == (None, None)


def test_noise_has_no_tokens_either(monkeypatch):
    taste = learn_taste(heard(no_taste), tokens=True)
    assert taste.is_noise
    assert taste.tokens is None
    monkeypatch.setattr(learning, "_noise", lambda parts, rng: learning.SIGNIFICANT)
    assert learn_taste(heard(register), tokens=True).tokens is None


def test_p_of_noise_is_twice_the_smaller_of_rules_and_tokens(monkeypatch):
    found = iter([0.3, 0.02, 0.9, 0.8])
    monkeypatch.setattr(learning, "probability_of_noise", lambda votes, rng: next(found))
    two = [Votes(np.zeros((1, 1)), np.zeros(1), np.zeros(1, int))] * 2
    assert learning._noise(two, np.random.default_rng(0)) == 0.04
    assert learning._noise(two, np.random.default_rng(0)) == 1


def test_tokens_that_predict_no_better_are_left_out():
    votes = heard(steps)
    taste = learn_taste(votes, tokens=True)
    alone = learn_taste(votes)
    assert taste.tokens is None
    assert (taste.profile, taste.predicted) == (alone.profile, alone.predicted)
    assert "Tokens beside the rules predict them no better, and are left out" in summary(votes, taste)


def test_members_are_fitted_to_other_listeners_and_to_rules_and_tokens_together():
    votes = heard(register)
    tokens = HeardTokens.of(votes)
    sums = rule_sums(votes.first, SETTING) - rule_sums(votes.second, SETTING)
    both = tokens.beside(Votes(sums, votes.outcomes, votes.listener))
    assert both.differences.shape == (300, sums.shape[1] + NUM_FEATURES)
    assert (both.differences[:, : sums.shape[1]] == sums).all()
    one, same, other = (
        tokens.ensemble(both, 100.0, counts, votes.pairs(), np.random.default_rng(0))
        for counts in (np.ones(300), np.ones(300), np.repeat([1.0, 0.0], 150))
    )
    assert one.weights.shape == (MEMBERS, NUM_FEATURES)
    assert (one.weights == same.weights).all()
    assert len(np.unique(one.weights[:, 14])) == MEMBERS
    assert (one.weights != other.weights).any()
    assert (one.lowest <= one.center).all()
    assert (one.center <= one.highest).all()
    assert (one.weights[:, tokens.scale == 0] == 0).all()


def test_the_penalty_of_tokens_is_chosen_and_that_of_rules_stays():
    votes = heard(register)
    tokens = HeardTokens.of(votes)
    sums = rule_sums(votes.first, SETTING) - rule_sums(votes.second, SETTING)
    both = tokens.beside(Votes(sums, votes.outcomes, votes.listener))
    fold = folds(both, votes.pairs(), np.random.default_rng(0))
    penalty = predictions_with_tokens(both, sums.shape[1], fold, 7.0).penalty
    assert (penalty[: sums.shape[1]] == 7).all()
    assert len(np.unique(penalty[sums.shape[1] :])) == 1


def test_the_profile_pays_what_was_learned(tmp_path):
    votes = heard(register)
    taste = learn_taste(votes, tokens=True)
    written = write_taste(votes, taste, tmp_path / "taste.yaml", "a command")
    profile = load_profile(tmp_path / "taste.yaml")
    assert (profile.rules, profile.c) == (written.rules, 1.0)
    assert profile.rules[-1].name == "token_taste"
    values = score_melodies(votes.first, profile).rules["token_taste"][:, -1]
    assert values == pytest.approx(taste.tokens.log_odds(votes.first, SETTING), abs=1e-4)


def test_the_command_seeks_in_tokens_too(tmp_path, capsys):
    files = write(heard(register), tmp_path)
    out = tmp_path / "taste.yaml"
    main(["learn", *files, "--tokens", "--out", str(out)])
    printed = " ".join(capsys.readouterr().out.split())
    assert "The rules alone predict" in printed
    assert "of the taste is in the tokens" in printed
    assert load_profile(out).rule_names[-1] == "token_taste"
    assert read_token_taste(tmp_path / "taste.safetensors").weights.shape == (MEMBERS, NUM_FEATURES)


def test_the_command_refuses_noise_and_names_what_else_to_try(tmp_path):
    files = write(heard(no_taste), tmp_path)
    with pytest.raises(InputError, match=r"with the rules look like .* look for it in tokens \(--tokens\)"):
        main(["learn", *files, "--out", str(tmp_path / "taste.yaml")])
    with pytest.raises(InputError, match=r"the rules and tokens look like .* Collect more votes, or write a profile"):
        main(["learn", *files, "--tokens", "--out", str(tmp_path / "taste.yaml")])


def test_weights_that_cannot_be_written_are_reported_before_the_work(tmp_path):
    (tmp_path / "taste.safetensors").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        main(["learn", "missing.json", "--tokens", "--out", str(tmp_path / "taste.yaml")])
