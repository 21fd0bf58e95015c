"""Every keyword argument of the environment: it has an effect, the same in all three interfaces."""

import gymnasium as gym
import numpy as np
import pytest

from melody_env import (
    EnvironmentSpec,
    MelodyEngine,
    MelodyVecEnv,
    NamedMask,
    RewardProfile,
    Setting,
    WeightedRule,
    load_profile,
    score_melodies,
)
from note_rnn import InputError, NoteRNN, transposed

B = 3
ID = "MelodyComposition-v0"
TWO_RULES = RewardProfile(
    "two", (WeightedRule("key", 3.0), WeightedRule("interval", -0.5)), c=4.0, setting=Setting("F", length=9)
)
ARGUMENTS = {
    "observation": ["token", "lookback"],
    "reward": ["varied", "music_theory_only", TWO_RULES],
    "priming": ["none"],
    "key": ["D"],
    "mode": ["dorian", (0, 1, 4, 5)],
    "meter": ["3/4"],
    "length": [7, "1 bar"],
    "pitch_range": [(60, 67)],
    "tempo": [90.0],
    "primer": [[14, 18, 1, 21], "C4 - E4 G4"],
    "fixed": [{0: 14, 3: 21}],
}
CASES = [(name, value) for name, values in ARGUMENTS.items() for value in values]
TUNE = np.random.default_rng(0).integers(38, size=(40, B))


def trajectory_of_scalar_environments(environments, seed):
    """Return the trajectory of `B` single environments, each reset when its piece ends."""
    trajectory = [([env.reset(seed=seed + i)[0] for i, env in enumerate(environments)],)]
    for actions in TUNE:
        steps = [env.step(action) for env, action in zip(environments, actions, strict=True)]
        finals = [(observation, info) for observation, _, ended, _, info in steps if ended]
        observations = [
            env.reset()[0] if ended else observation
            for env, (observation, _, ended, _, _) in zip(environments, steps, strict=True)
        ]
        masks = [env.unwrapped.action_masks() for env in environments]
        trajectory.append((observations, [step[1] for step in steps], [step[2] for step in steps], masks, finals))
    return trajectory


def trajectory_of_vector_environment(env, seed):
    trajectory = [(env.reset(seed=seed)[0],)]
    for actions in TUNE:
        observations, rewards, terminated, _, infos = env.step(actions)
        finals = []
        if terminated.any():
            final = infos["final_info"]
            plain = ("melody", "music_theory", "log_prob")
            for i in range(B):
                info = {name: final[name][i] for name in plain}
                info["rules"] = {name: final["rules"][name][i] for name in final["rules"] if name[0] != "_"}
                finals.append((infos["final_obs"][i], info))
        trajectory.append((observations, rewards, terminated, env.unwrapped.action_masks(), finals))
    return trajectory


def trajectory_of_sb3_environment(env, seed):
    env.seed(seed)
    trajectory = [(env.reset(),)]
    for actions in TUNE:
        observations, rewards, dones, infos = env.step(actions)
        finals = []
        for info in infos:
            if info:
                assert info["episode"]["l"] == len(info["melody"])
                finals.append((info["terminal_observation"], info))
        trajectory.append((observations, rewards, dones, np.array(env.env_method("action_masks")), finals))
    return trajectory


def assert_same(one, other):
    for (*step, finals), (*expected, expected_finals) in zip(one[1:], other[1:], strict=True):
        for mine, theirs in zip(step, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-4)
        for (seen, info), (expected_seen, expected_info) in zip(finals, expected_finals, strict=True):
            np.testing.assert_array_equal(seen, expected_seen)
            np.testing.assert_array_equal(info["melody"], expected_info["melody"])
            assert info["rules"] == expected_info["rules"]
            for name in ("music_theory", "log_prob"):
                assert info[name] == pytest.approx(expected_info[name], rel=1e-4)
    np.testing.assert_array_equal(one[0][0], other[0][0])


@pytest.mark.parametrize(("name", "value"), [("prior", None), *CASES])
def test_the_three_interfaces_give_identical_trajectories(prior, small_prior, name, value):
    arguments = {"prior": prior, "length": 6} | {name: small_prior if name == "prior" else value}
    scalars = [gym.make(ID, **arguments) for _ in range(B)]
    vector, sb3 = gym.make_vec(ID, num_envs=B, **arguments), MelodyVecEnv(B, **arguments)
    trajectory = trajectory_of_vector_environment(vector, 5)
    assert_same(trajectory, trajectory_of_scalar_environments(scalars, 5))
    assert_same(trajectory, trajectory_of_sb3_environment(sb3, 5))
    assert sum(bool(step[-1]) for step in trajectory[1:]) == 40 // vector.unwrapped.engine.length
    settings = [vector.unwrapped.setting, sb3.setting, *(env.unwrapped.setting for env in scalars)]
    assert set(settings) == {EnvironmentSpec.of(**arguments).setting}


WITNESS = {
    "observation": lambda env: env.observation_space,
    "reward": lambda env: [env.step(action)[1] for action in (15, 22)],
    "priming": lambda env: [int(env.reset(seed=seed)[0][0]) for seed in range(4)],
    "prior": lambda env: env.unwrapped.engine.prior_log_probs.tolist(),
    "key": lambda env: [env.step(action)[1] for action in (15, 22)],
    "mode": lambda env: [env.step(action)[1] for action in (16, 23)],
    "meter": lambda env: env.unwrapped.setting.steps_per_bar,
    "length": lambda env: env.unwrapped.engine.length,
    "pitch_range": lambda env: np.flatnonzero(env.unwrapped.action_masks()).tolist(),
    "tempo": lambda env: env.unwrapped.metadata["render_fps"],
    "primer": lambda env: env.unwrapped.engine.prior_log_probs.tolist(),
    "fixed": lambda env: np.flatnonzero(env.unwrapped.action_masks()).tolist(),
}


@pytest.mark.parametrize(("name", "value"), [("prior", None), *CASES])
def test_every_argument_matters(prior, small_prior, name, value):
    base = {"prior": prior, "length": 6}
    changed = base | {name: small_prior if name == "prior" else value}
    environments = [gym.make(ID, **arguments) for arguments in (base, changed)]
    for env in environments:
        env.reset(seed=2)
    one, other = map(WITNESS[name], environments)
    assert one != other


README = {"key": "G", "mode": "dorian", "meter": "6/8", "length": "4 bars", "pitch_range": (55, 79)}


def reward_by_hand(prior, setting, primer, pieces, profile):
    """Return log p + r_MT / c [B, T] of `pieces` after the tokens `primer` [P]."""
    tokens = np.concatenate([np.tile(primer, (len(pieces), 1)), pieces], axis=1)
    # The piece is moved to the key that the Note RNN was trained in: each token keeps its probability.
    home = transposed(tokens, -setting.transposition)
    log_p = prior.log_probs(home[:, :-1]).numpy()[:, len(primer) - 1 :]
    newest = home[:, len(primer) :, None]
    r_mt = sum(rule.weight * score_melodies(pieces, profile, setting).rules[rule.name] for rule in profile.rules)
    return np.take_along_axis(log_p, newest, axis=2)[:, :, 0] + r_mt / profile.c


@pytest.mark.parametrize("primer", [[1], [14, 1, 18, 23]])
@pytest.mark.parametrize("reward", ["paper", "varied", "unique_extremes", "matched"])
def test_the_reward_of_a_piece_in_another_setting_is_log_p_and_every_weighted_rule_over_c(prior, primer, reward):
    setting = Setting(**README)
    pieces = np.where(TUNE.T > 1, TUNE.T.clip(9, 33), TUNE.T)
    pieces = np.concatenate([pieces, pieces[:, :8]], axis=1)
    assert pieces.shape[1] == setting.steps == 48
    given = {"priming": "none"} if len(primer) == 1 else {"primer": primer}
    engine = MelodyEngine(B, EnvironmentSpec.of(prior=prior, reward=reward, **given, **README))
    expected = reward_by_hand(prior, setting, np.array(primer), pieces, load_profile(reward))
    for _ in range(2):  # the second pieces start anew
        engine.reset()
        steps = [engine.step(column) for column in pieces.T]
        rewards = np.stack([step[0] for step in steps], axis=1)
        np.testing.assert_allclose(rewards, expected, rtol=1e-4, atol=2e-4)
        np.testing.assert_allclose(steps[-1][1].returns, expected.sum(axis=1), rtol=1e-4, atol=1e-2)
        scores = score_melodies(pieces, reward, setting)
        np.testing.assert_allclose(steps[-1][1].music_theory, scores.music_theory.sum(axis=1), atol=1e-9)
        assert steps[-1][1].infos()[1]["rules"] == pytest.approx(
            {name: values[1].sum() for name, values in scores.rules.items()}
        )


def test_every_given_setting_takes_precedence_over_that_of_the_profile(prior):
    profile = RewardProfile("mine", (), setting=Setting("F", "minor", "3/4", 12, (50, 80), 100))
    given = Setting("G", "dorian", "6/8", "4 bars", (55, 79), 90)
    for name, value in given.as_dict().items():
        expected = profile.setting.as_dict() | {name: value}
        spec = EnvironmentSpec.of(prior=prior, reward=profile, priming="none", **{name: value})
        assert spec.setting.as_dict() == expected
        assert MelodyEngine(1, spec).setting == spec.setting
    spec = EnvironmentSpec.of(prior=prior, reward=profile)
    assert MelodyEngine(1, spec).setting == spec.setting == profile.setting
    assert EnvironmentSpec.of(prior=prior).setting == Setting()


def test_without_log_p_only_the_rules_over_c_count(prior):
    engine = MelodyEngine(B, EnvironmentSpec.of(prior=prior, reward="music_theory_only", length=10))
    engine.reset()
    rewards = np.stack([engine.step(column)[0] for column in TUNE[:10]], axis=1)
    np.testing.assert_allclose(rewards, score_melodies(TUNE[:10].T).music_theory, rtol=1e-6, atol=1e-6)
    assert (engine.log_prob < 0).all()


def test_c_can_be_changed_between_steps(prior):
    env = MelodyVecEnv(B, prior=prior, reward="music_theory_only")
    env.reset()
    assert env.c == 1
    env.step(np.array([15, 15, 14]))
    env.c = 4.0
    assert env.step(np.array([22, 22, 22]))[1] == pytest.approx(env.engine.music_theory / 4)
    assert (env.c, env.get_attr("c")) == (4, [4] * B)
    assert (env.engine.music_theory != 0).all()


def test_priming_notes_are_drawn_for_each_piece_by_its_own_seed(prior):
    engine = MelodyEngine(4, EnvironmentSpec.of(prior=prior, length=1))

    def primers(count):
        drawn = []
        for _ in range(count):
            engine.reset()
            drawn.append(engine.last_tokens.tolist())
        return np.array(drawn)

    engine.seed([3, 4, 3, 5])
    first = primers(12)
    assert (first[:, 0] == first[:, 2]).all()
    assert (first[:, 0] != first[:, 1]).any()
    engine.seed([3, None, None, 5])  # the second and the third go on
    second = primers(12)
    np.testing.assert_array_equal(second[:, [0, 3]], first[:, [0, 3]])
    by_gymnasium = [np.random.default_rng(seed).integers(38, size=24) for seed in (3, 4)]
    assert first[:, 0].tolist() == by_gymnasium[0][:12].tolist()
    assert np.concatenate([first, second])[:, 1:3].T.tolist() == [by_gymnasium[1].tolist(), by_gymnasium[0].tolist()]


def test_the_priming_token_conditions_the_note_rnn_and_is_no_part_of_the_piece(prior):
    engine = MelodyEngine(2, EnvironmentSpec.of(prior=prior, observation="position", length=3))
    engine.seed([0, 1])
    engine.reset()
    primers = engine.last_tokens
    assert engine.observations().tolist() == [[primers[0], 0], [primers[1], 0]]
    np.testing.assert_allclose(engine.prior_log_probs, prior.log_probs(primers[:, None])[:, 0], rtol=1e-5)
    assert engine.composition.priming_tokens.tolist() == primers.tolist()
    for column in ([14, 15], [16, 17], [18, 19]):
        _, finished = engine.step(column)
    assert finished.melodies.tolist() == [[14, 16, 18], [15, 17, 19]]
    assert engine.observations().tolist() == [[18, 3], [19, 3]]


def test_a_primer_replaces_priming_and_conditions_every_piece(prior):
    primer = [14, 1, 18]
    engine = MelodyEngine(2, EnvironmentSpec.of(prior=prior, primer=primer, observation="lookback", length=2))
    for _ in range(2):
        engine.reset()
        expected = prior.log_probs([primer])[0, -1]
        np.testing.assert_allclose(engine.prior_log_probs, np.tile(expected, (2, 1)), rtol=1e-5)
        assert engine.observations().tolist() == [[18, 0, 38, 38, 38, 38]] * 2
        assert engine.observations_of(14).tolist() == [[14, 0, 38, 38, 38, 38]] * 2
        engine.step([30, 31])
        engine.step([1, 1])


def test_a_tune_as_primer_is_moved_to_the_key_and_tokens_are_not(prior, tmp_path):
    path = tmp_path / "tune.abc"
    path.write_text("X:1\nT:t\nM:4/4\nL:1/16\nK:G\nG2A2B2c2d8|d2c2B2A2G8|\n")

    def primer_of(source, key):
        return MelodyEngine(1, EnvironmentSpec.of(prior=prior, primer=source, key=key)).primer

    in_c = primer_of(path, "C")
    assert in_c[:8].tolist() == [14, 1, 16, 1, 18, 1, 19, 1]
    assert primer_of(path, "D").tolist() == transposed(in_c, 2).tolist()
    assert primer_of([14, 1], "D").tolist() == [14, 1]


def test_fixed_tokens_are_the_only_ones_at_their_steps_whatever_range_and_masks_say(prior):
    spec = EnvironmentSpec.of(prior=prior, fixed={1: 37, np.int64(2): 0}, pitch_range=(60, 61), length=4)
    engine = MelodyEngine(2, spec)
    assert engine.forbids
    in_range, played = [0, 1, 14, 15], [[20, 14], [20, 0], [20, 20], [15, 1]]
    engine.reset()
    for allowed, actions in zip([in_range, [37], [0], in_range], played, strict=True):
        assert [np.flatnonzero(row).tolist() for row in engine.action_masks()] == [allowed] * 2
        _, finished = engine.step(actions)
    assert engine.action_masks().all()  # at the end anything might come
    assert finished.melodies.tolist() == [[15, 37, 0, 15], [14, 37, 0, 1]]
    assert MelodyEngine(1, EnvironmentSpec.of(prior=prior, fixed={0: 14})).forbids


@pytest.mark.parametrize("fixed", [{4: 14}, {-1: 14}, {True: 14}, {0: 38}])
def test_what_cannot_be_fixed_is_refused(prior, fixed):
    with pytest.raises(InputError, match=r"must be at a step 0\.\.3 of the piece|Token 38"):
        EnvironmentSpec.of(prior=prior, fixed=fixed, length=4)
    assert EnvironmentSpec.of(prior=prior, fixed={3: 37}, length=4).fixed == {3: 37}


def test_masks_of_an_interface_are_those_of_each_piece(prior):
    profile = RewardProfile("near", (), masks=(NamedMask("no_wide_leaps", {"max_semitones": 2}),))
    env = MelodyVecEnv(B, prior=prior, reward=profile)
    env.reset()
    env.step(np.array([14, 20, 1]))
    expected = [[0, 1, 12, 13, 14, 15, 16], [0, 1, *range(18, 23)], list(range(38))]
    assert [np.flatnonzero(row).tolist() for row in env.action_masks()] == expected
    assert [np.flatnonzero(row).tolist() for row in env.env_method("action_masks", indices=[1])] == expected[1:2]
    assert env.forbids
    np.testing.assert_array_equal(env.prior_log_probs, env.engine.prior_log_probs)


def test_the_note_rnn_is_the_one_that_is_given(small_prior):
    assert MelodyEngine(1, EnvironmentSpec.of(prior=small_prior)).prior is small_prior
    in_g = MelodyEngine(1, EnvironmentSpec.of(prior=small_prior, key="G")).prior
    assert isinstance(in_g, NoteRNN)
    assert in_g is not small_prior
