"""User-defined rules and masks: written in a file, named in a profile, reported by name, file and step if they fail."""

import inspect
import pickle
import re
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3.common.vec_env import DummyVecEnv

from melody_env import (
    Composition,
    EnvironmentSpec,
    MelodyCompositionEnv,
    MelodyEngine,
    MelodyVecEnv,
    NamedMask,
    ProfileError,
    RewardProfile,
    RuleError,
    WeightedRule,
    load_profile,
    melody_statistics,
    score_melodies,
)
from melody_env.envs.masking import nearest_allowed
from melody_env.reward.plugins import find_plugin
from melody_env.reward.profile import BUILT_IN_RULES
from melody_env.reward.rules import HUMAN_RULES, MASKS, RULES
from melody_env.reward_design.optimizers import METHODS, Value

FILE = """
import numpy as np
from melody_env import mask, rule

@rule
def fewer_rests(melody, cost=1.0):
    return -cost if melody.newest == 0 else 0

@rule(batched=True)
def fewer_rests_batched(composition, *, cost=1.0):
    return -cost * (composition.newest == 0)

@rule(per="piece")
def notes(melody, at_least=2):
    assert melody.is_complete and melody.length == melody.step
    return float(len(melody.pitches) >= at_least)

@rule
def sings(melody):
    return sum(melody.degrees == 5) + 100 * sum(melody.onsets) + 10000 * sum(melody.pitches == 67)

@mask
def only_c_or_hold(melody):
    return np.isin(np.arange(38), [1, 14])

@mask(batched=True)
def start_with_a_note(composition):
    return np.tile((np.arange(38) > 1) | (composition.position > 0), (composition.batch_size, 1))

@rule
def late_trouble(melody, kind="raise"):
    if melody.step < 3:
        return 0.0
    values = {"nan": float("nan"), "huge": -1e13, "text": "much", "shape": [1, 2]}
    return 1 / 0 if kind == "raise" else values[kind]

@rule(batched=True)
def short(composition):
    return np.zeros(1)

@mask
def nothing(melody):
    return np.zeros(38, bool)

@mask
def numbers(melody):
    return np.ones(38)
"""


@pytest.fixture
def write(tmp_path):
    """Write a profile beside the file of rules; return its path."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "mine.py").write_text(FILE)

    def write(text: str) -> Path:
        path = tmp_path / "mine.yaml"
        path.write_text(text.replace("FILE", "file: rules/mine.py"))
        return path

    return write


def test_a_rule_per_step_counts_like_a_built_in_one(write, monkeypatch, prior):
    path = write("c: 2\nrules:\n  key: {weight: 1}\n  fewer_rests: {FILE, weight: 3, cost: 0.5}\n")
    monkeypatch.chdir("/")  # the file is found from the profile, wherever one is
    scores = score_melodies([[14, 0, 15, 0]], path)
    assert scores.rules["fewer_rests"].tolist() == [[0, -0.5, 0, -0.5]]
    assert scores.music_theory.tolist() == [[0, -1.5, -1, -1.5]]
    env = gym.make("MelodyComposition-v0", reward=path, prior=prior, length=2)
    env.reset()
    env.step(14)
    assert env.step(0)[-1]["rules"] == {"key": 0.0, "fewer_rests": -0.5}
    assert melody_statistics([[14, 0, 15, 0]], profile=path).as_dict()["rule_fewer_rests"] == -0.25


def test_plain_and_batched_agree(write):
    path = write("rules: {fewer_rests: {FILE}, fewer_rests_batched: {FILE}}")
    scores = score_melodies(np.random.default_rng(0).integers(38, size=(20, 32)), path).rules
    assert scores["fewer_rests"].any()
    np.testing.assert_array_equal(scores["fewer_rests"], scores["fewer_rests_batched"])


def test_a_rule_per_piece_is_rewarded_with_the_last_token(write):
    scores = score_melodies([[14, 1, 16, 1], [14, 1, 1, 1]], write("rules: {notes: {FILE}}"))
    assert scores.rules["notes"].tolist() == [[0, 0, 0, 1], [0, 0, 0, 0]]


def test_a_melody_is_seen_in_scale_degrees(write):
    path = write("rules: {sings: {FILE}}\nsetting: {key: C}")
    assert score_melodies([[14, 21, 1]], path).rules["sings"].tolist() == [[0, 10101, 10101]]


def test_the_example_of_the_documentation_is_short_and_works():
    examples = Path(__file__).parents[3] / "examples"
    profile = examples / "fewer_rests.yaml"
    assert score_melodies([[14, 0]], profile).rules["fewer_rests"].tolist() == [[0, -0.5]]
    lines = profile.read_text().splitlines() + (examples / "fewer_rests.py").read_text().splitlines()
    assert len(lines) < 15


def test_every_rule_of_the_documentation_works(tmp_path):
    text = (Path(__file__).parents[3] / "docs" / "rules.md").read_text()
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL)):
        file = tmp_path / f"rules_{number}.py"
        file.write_text(f"import numpy as np\nfrom melody_env import mask, rule\n{code}")
        names = re.findall(r"^def (\w+)", code, re.MULTILINE)
        masks = [NamedMask(name, file=file) for name in names if "@mask" in code]
        rules = [WeightedRule(name, file=file) for name in names if "@rule" in code]
        profile = RewardProfile("docs", tuple(rules), masks=tuple(masks))
        assert names
        for values in score_melodies([[14, 0, 16, 1, 14]], profile).rules.values():
            assert np.abs(values).sum() > 0
        composition = Composition(1, 5)
        composition.append(np.array([14]))
        assert profile.allowed(composition)[0, 14] == (not masks)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("raise", "failed: ZeroDivisionError: division by zero"),
        ("nan", r"returned nan for melody 0: values must be finite numbers of at most 1e\+12"),
        ("huge", r"returned -1e\+13 for melody 0: values must be finite numbers of at most 1e\+12"),
        ("text", "must return numbers, not 'much'"),
        ("shape", r"returned an array of shape \(2,\) instead of \(\)"),
    ],
)
def test_a_failing_rule_is_reported_with_file_and_step(write, kind, sentence):
    with pytest.raises(RuleError, match=rf"Rule 'late_trouble' in .*mine.py {sentence} \(melody\.step 3\)") as error:
        score_melodies([[14, 16, 18, 19]] * 2, write(f"rules: {{late_trouble: {{FILE, kind: {kind}}}}}"))
    assert "\n" not in str(error.value)


def test_a_batched_rule_of_the_wrong_shape_is_reported(write):
    with pytest.raises(RuleError, match=r"of shape \(1,\) instead of \(2,\) \(melody\.step 1\)"):
        score_melodies([[14], [16]], write("rules: {short: {FILE}}"))


@pytest.mark.parametrize(
    ("text", "error", "sentence"),
    [
        ("rules: {fewer: {FILE}}", RuleError, "mine.py has no rule or mask 'fewer': it has fewer_rests, .*notes"),
        ("rules: {nothing: {FILE}}", RuleError, "'nothing' in .*mine.py is a mask: list it under 'masks'"),
        ("masks: {notes: {FILE}}", RuleError, "'notes' in .*mine.py is a rule: list it under 'rules'"),
        ("rules: {notes: {file: no.py}}", RuleError, "Rule file .*no.py does not exist"),
        ("rules: {notes: {file: 3}}", ProfileError, "'file' under 'notes' must be a path, not 3"),
        (
            "rules: {notes: {FILE, most: 3}}",
            ProfileError,
            "unknown key 'most' under 'notes'; .* weight, file, at_least",
        ),
        (
            "rules: {notes: {FILE, at_least: x}}",
            ProfileError,
            "'at_least' under 'notes' must be a whole number from 1 to 1,000,000",
        ),
        ("rules: {notes: {}}", ProfileError, "unknown key 'notes' under 'rules'; valid keys: key"),
        ("masks: {key: {}}", ProfileError, "unknown key 'key' under 'masks'; valid keys: in_scale"),
        ("masks: {in_scale: {weight: 2}}", ProfileError, "unknown key 'weight' under 'in_scale'"),
    ],
)
def test_a_profile_with_a_bad_rule_is_refused(write, text, error, sentence):
    with pytest.raises(error, match=sentence):
        load_profile(write(text))


@pytest.mark.parametrize(
    ("code", "sentence"),
    [("def", "cannot be loaded: SyntaxError"), ("import nowhere_at_all", "cannot be loaded: ModuleNotFoundError")],
)
def test_a_file_that_cannot_be_loaded_is_reported(tmp_path, code, sentence):
    (tmp_path / "bad.py").write_text(code)
    with pytest.raises(RuleError, match=rf"Rule file .*bad.py {sentence}"):
        RewardProfile("mine", (WeightedRule("x", file=tmp_path / "bad.py"),))


def test_a_mended_file_is_read_again(write, tmp_path):
    path = write("rules: {fewer_rests: {FILE}}")
    assert score_melodies([[0]], path).rules["fewer_rests"].tolist() == [[-1]]
    file = tmp_path / "rules" / "mine.py"
    file.write_text(FILE.replace("cost=1.0", "cost=2.0"))
    assert score_melodies([[0]], path).rules["fewer_rests"].tolist() == [[-2]]


def test_an_environment_with_a_rule_of_ones_own_can_be_saved(write, prior):
    env = MelodyVecEnv(2, reward=write("rules: {fewer_rests: {FILE}}\nmasks: {start_with_a_note: {FILE}}"), prior=prior)
    env.reset()
    env.step(np.array([14, 16]))
    again = pickle.loads(pickle.dumps(env))
    for actions in ([0, 1], [16, 0]):
        np.testing.assert_array_equal(again.step(np.array(actions))[1], env.step(np.array(actions))[1])


def test_masks_and_range_restrict_the_next_token(write, prior):
    path = write("masks: {in_scale: {}, no_wide_leaps: {max_semitones: 2}, start_with_a_note: {FILE}}")
    engine = MelodyEngine(2, EnvironmentSpec.of(reward=path, prior=prior, pitch_range=(60, 72)))
    engine.reset()
    c_major = [14, 16, 18, 19, 21, 23, 25, 26]
    assert np.flatnonzero(engine.action_masks()[0]).tolist() == c_major
    engine.step([19, 26])
    assert [np.flatnonzero(row).tolist() for row in engine.action_masks()] == [[0, 1, 18, 19, 21], [0, 1, 25, 26]]


def test_a_plain_mask_sees_one_melody(write, prior):
    engine = MelodyEngine(2, EnvironmentSpec.of(reward=write("masks: {only_c_or_hold: {FILE}}"), prior=prior, length=4))
    engine.reset()
    for _ in range(4):
        _, finished = engine.step([14, 20])
    assert finished.melodies.tolist() == [[14] * 4] * 2


def test_a_forbidden_action_is_replaced_and_rewarded_as_the_nearest_allowed_token(prior):
    narrow = MelodyEngine(4, EnvironmentSpec.of(prior=prior, priming="none", pitch_range=(55, 67)))
    free = MelodyEngine(4, EnvironmentSpec.of(prior=prior, priming="none", pitch_range=(50, 72)))
    narrow.reset()
    free.reset()
    rewards, _ = narrow.step([2, 37, 0, 14])
    expected, _ = free.step([9, 21, 0, 14])
    np.testing.assert_array_equal(rewards, expected)
    assert narrow.last_tokens.tolist() == [9, 21, 0, 14]


def test_the_nearest_allowed_is_a_note_for_a_note_where_there_is_one():
    allowed = np.zeros((4, 38), bool)
    allowed[:, [1, 20, 24]] = True
    allowed[3, [20, 24]] = False
    assert nearest_allowed(np.array([2, 22, 0, 30]), allowed).tolist() == [20, 20, 1, 1]


def test_without_masks_every_token_is_allowed(prior):
    engine = MelodyEngine(2, EnvironmentSpec.of(prior=prior, length=1))
    assert engine.action_masks().all()
    engine.reset()
    assert not engine.forbids
    assert engine.action_masks().all()


def own_vec_env(**arguments):
    return MelodyVecEnv(2, **arguments)


def sb3_vec_env(**arguments):
    return DummyVecEnv([lambda: MelodyCompositionEnv(**arguments)] * 2)


@pytest.mark.parametrize("make", [own_vec_env, sb3_vec_env])
def test_every_interface_has_the_masks_of_sb3_contrib(make, prior):
    env = make(prior=prior, pitch_range=(60, 72))
    env.reset()
    assert is_masking_supported(env)
    expected = np.isin(np.arange(38), [0, 1, *range(14, 27)])
    np.testing.assert_array_equal(get_action_masks(env), [expected] * 2)
    vector = gym.make_vec("MelodyComposition-v0", num_envs=2, prior=prior, pitch_range=(60, 72))
    vector.reset()
    np.testing.assert_array_equal(vector.unwrapped.action_masks(), [expected] * 2)


def test_masks_that_allow_nothing_are_reported(write, prior):
    engine = MelodyEngine(2, EnvironmentSpec.of(reward=write("masks: {nothing: {FILE}}"), prior=prior))
    with pytest.raises(RuleError, match=r"mine.yaml: masks nothing allow no token at melody\.step 0: make"):
        engine.reset()
    engine = MelodyEngine(2, EnvironmentSpec.of(reward=write("masks: {numbers: {FILE}}"), prior=prior))
    with pytest.raises(RuleError, match=r"Mask 'numbers' in .* must return True or False for each token, not array"):
        engine.reset()


@pytest.mark.parametrize("method", METHODS)
def test_a_search_finds_nothing_forbidden(method, prior, write, monkeypatch):
    monkeypatch.setattr("melody_env.reward_design.optimizers.POPULATION", 32)
    profile = load_profile(write("rules: {key: {}, interval: {}}\nmasks: {start_with_a_note: {FILE}}"))
    profile = profile.with_setting(pitch_range=(60, 72))
    for network in (None, prior):
        value = Value(profile, 6, network)
        found = list(METHODS[method](value, 500, np.random.default_rng(0)))[-1].melodies
        assert (found[:, 0] >= 2).all()
        assert np.isin(found, [0, 1, *range(14, 27)]).all()


@pytest.mark.parametrize("name", [*BUILT_IN_RULES, *MASKS])
def test_built_in_rules_and_masks_are_under_the_decorators_that_users_have(name):
    function = {**BUILT_IN_RULES, **MASKS}[name]
    plugin = find_plugin(Path(inspect.getfile(function)), name, is_mask=name in MASKS)
    assert (plugin.per, plugin.batched) == ("step", True)  # called as they are, without an adapter


def test_built_in_rules_keep_their_order():
    paper = "key tonic repetition autocorrelation motif repeated_motif interval leap extrema"
    others = "in_key scale non_repeating extrema_so_far autocorrelation_so_far"
    human = (
        "echo overused_motif bar_repeat sequence bar_rhythm off_eighth onset syncopation rest standstill long_end "
        "stepwise scale_run turn repeated_note fourth_or_fifth tritone_or_seventh beyond_octave leap_answered "
        "leap_continued chromatic_step stable_beat opening stable_end density phrase_range pitch_entropy"
    )
    assert list(RULES) == paper.split()
    assert list(HUMAN_RULES) == human.split()
    chords = "chord_tone resolution avoid_note guide_tone"
    assert list(BUILT_IN_RULES) == f"{paper} {others} {human} form {chords}".split()
    assert list(MASKS) == ["in_scale", "no_wide_leaps", "chord_tones_on_strong_beats"]


def test_errors_count_steps_as_the_melody_does(tmp_path):
    """A rule and a mask that fail with the number of the step say the same number after it."""
    (tmp_path / "told.py").write_text(
        "from melody_env import mask, rule\n"
        "@rule\ndef late(melody):\n    if melody.step == 3: raise ValueError(f'at {melody.step}')\n    return 0.0\n"
        "@mask\ndef never(melody): raise ValueError(f'at {melody.step}')\n"
    )
    rule = RewardProfile("told", (WeightedRule("late", file=tmp_path / "told.py"),))
    with pytest.raises(RuleError, match=r"ValueError: at 3 \(melody\.step 3\)"):
        score_melodies([[14, 16, 18, 19]], rule)
    composition = Composition(1, 4)
    composition.append(np.array([14]))
    with pytest.raises(RuleError, match=r"ValueError: at 1 \(melody\.step 1\)"):
        RewardProfile("told", (), masks=(NamedMask("never", file=tmp_path / "told.py"),)).allowed(composition)
