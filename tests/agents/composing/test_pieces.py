"""Composing draws from softmax(scores), whoever composes, and counts what the environment counts."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from agents import PPOKL, RecurrentDQN, compose, compose_pieces
from agents.composing.composers import Agent, load_composer
from agents.composing.pieces import log_likelihood
from agents.composing.players import NoteRNNPlayer, agent_player
from agents.composing.selection import good_and_diverse
from agents.evaluation.metrics import learning_metrics, table_metrics
from agents.evaluation.table import metrics_table
from melody_env import EnvironmentSpec, MelodyVecEnv, NamedMask, load_profile, score_melodies
from note_rnn import NO_EVENT, CheckpointError, InputError, read_primer, transposed
from note_rnn.network.generation import sample_melodies


@pytest.fixture(scope="module")
def environment(small_prior) -> EnvironmentSpec:
    """The one that the agent belongs to."""
    return EnvironmentSpec.of(prior=small_prior, length=12)


@pytest.fixture(scope="module")
def agent(environment) -> RecurrentDQN:
    env = MelodyVecEnv(2, **environment.arguments)
    return RecurrentDQN(env=env, prior=environment.prior, seed=0, device="cpu")


def test_untrained_agent_composes_as_its_prior(agent, environment):
    by_agent = compose_pieces(agent_player(agent.policy), 50, 7, environment)
    by_prior = compose_pieces(NoteRNNPlayer(), 50, 7, environment)
    np.testing.assert_array_equal(by_agent.melodies, by_prior.melodies)
    np.testing.assert_allclose(by_agent.kl, 0, atol=1e-5)


def test_sums_are_those_of_the_scored_melodies(small_prior):
    pieces = compose_pieces(NoteRNNPlayer(), 30, 0, EnvironmentSpec.of(prior=small_prior))
    scores = score_melodies(pieces.melodies)
    np.testing.assert_allclose(pieces.finished.music_theory, scores.music_theory.sum(1), atol=1e-9)
    for name, values in scores.rules.items():
        np.testing.assert_allclose(pieces.finished.rules[name], values.sum(1), atol=1e-9)
    heard = np.concatenate([pieces.priming_tokens[:, None], pieces.melodies], axis=1)
    log_probs = small_prior.log_probs(heard[:, :-1]).gather(-1, torch.from_numpy(heard[:, 1:, None]))
    np.testing.assert_allclose(pieces.finished.log_prob, log_probs.sum((1, 2)), rtol=1e-5)


def test_probabilities_entropy_and_kl_belong_together(small_prior, agent, environment):
    with torch.no_grad():
        agent.policy.network.head.logits.bias[14] += 2.0
    pieces = compose_pieces(agent_player(agent.policy), 40, 0, environment, retained=40)
    chances = pieces.steps.probabilities
    assert chances.shape == (40, 12, 38)
    np.testing.assert_allclose(chances.sum(-1), 1, rtol=1e-6)
    np.testing.assert_allclose(pieces.entropy, -(chances * np.log(chances)).sum(-1).mean(1), rtol=1e-6)
    heard = np.concatenate([pieces.priming_tokens[:, None], pieces.melodies[:, :-1]], axis=1)
    prior = small_prior.log_probs(heard).numpy()
    np.testing.assert_allclose(pieces.kl, (chances * (np.log(chances) - prior)).sum((1, 2)), rtol=1e-4)
    with torch.no_grad():
        agent.policy.network.head.logits.bias[14] -= 2.0


def test_a_saved_policy_gradient_composes_from_its_file(small_prior, tmp_path):
    env = MelodyVecEnv(2, prior=small_prior, length=12)
    PPOKL(env=env, prior=small_prior, seed=0, device="cpu").save(tmp_path / "agent.zip")
    melodies = compose(tmp_path / "agent.zip", 4, seed=1, prior=small_prior)
    np.testing.assert_array_equal(melodies, compose(small_prior, 4, seed=1, length=12))


def test_log_likelihood_of_given_melodies_is_the_networks(small_prior, agent):
    melodies = np.random.default_rng(0).integers(38, size=(7, 12))
    heard = np.concatenate([np.full((7, 1), NO_EVENT), melodies[:, :-1]], axis=1)
    expected = np.take_along_axis(small_prior.log_probs(heard).numpy(), melodies[..., None], -1).mean()
    for player in (NoteRNNPlayer(), agent_player(agent.policy)):
        likelihood = log_likelihood(player, melodies, EnvironmentSpec.of(prior=small_prior))
        assert likelihood == pytest.approx(expected, rel=1e-5)


def test_log_likelihood_ignores_primer_masks_fixed_tokens_and_length_of_the_environment(small_prior, agent):
    """Those are for composing, not for human tunes, before which nothing was heard."""
    melodies = np.random.default_rng(0).integers(38, size=(7, 12))
    masked = replace(load_profile("paper"), masks=(NamedMask("in_scale"),))
    plain = EnvironmentSpec.of(prior=small_prior)
    composing = plain.changed(reward=masked, length=30, primer=[14, 16], fixed={2: 14})
    for player in (NoteRNNPlayer(), agent_player(agent.policy)):
        expected = log_likelihood(player, melodies, plain)
        assert log_likelihood(player, melodies, composing) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_tokens_come_as_often_as_their_probabilities_say(small_prior, temperature):
    environment = EnvironmentSpec.of(prior=small_prior, length=1, priming="none")
    pieces = compose_pieces(NoteRNNPlayer(), 6_000, 0, environment, temperature, retained=1)
    expected = (small_prior.log_probs([[NO_EVENT]])[0, 0].double() / temperature).softmax(-1).numpy()
    np.testing.assert_allclose(pieces.steps.probabilities[0, 0], expected, atol=1e-6)
    frequencies = np.bincount(pieces.melodies[:, 0], minlength=38) / 6_000
    np.testing.assert_allclose(frequencies, expected, atol=0.02)


@pytest.mark.parametrize("priming", ["random_note", "none"])
def test_the_seed_decides_the_priming_tokens_and_what_follows_in_every_batch(small_prior, monkeypatch, priming):
    monkeypatch.setattr("agents.composing.pieces._BATCH", 20)
    environment = EnvironmentSpec.of(prior=small_prior, length=6, priming=priming)

    def composed(n, seed):
        pieces = compose_pieces(NoteRNNPlayer(), n, seed, environment)
        return np.concatenate([pieces.priming_tokens[:, None], pieces.melodies], axis=1)

    whole = composed(50, 3)
    np.testing.assert_array_equal(composed(50, 3), whole)
    np.testing.assert_array_equal(composed(20, 3), whole[:20])
    for other in (composed(20, 4), whole[20:40]):
        assert (other[:, 1:] != whole[:20, 1:]).any(axis=1).all()
        assert priming == "none" or (other[:, 0] != whole[:20, 0]).sum() > 10


def test_what_is_summed_belongs_to_its_piece_in_every_batch(small_prior, agent, environment, monkeypatch):
    monkeypatch.setattr("agents.composing.pieces._BATCH", 4)
    with torch.no_grad():
        agent.policy.network.head.logits.bias[14] += 2.0
    pieces = compose_pieces(agent_player(agent.policy), 10, 0, environment, retained=6)
    with torch.no_grad():
        agent.policy.network.head.logits.bias[14] -= 2.0
    scores = score_melodies(pieces.melodies)
    np.testing.assert_allclose(pieces.finished.music_theory, scores.music_theory.sum(1), atol=1e-9)
    np.testing.assert_allclose(pieces.finished.rules["motif"], scores.rules["motif"].sum(1), atol=1e-9)
    log_prob = small_prior.log_prob(pieces.melodies, pieces.priming_tokens).sum(1).numpy()
    np.testing.assert_allclose(pieces.finished.log_prob, log_prob, rtol=1e-5)
    np.testing.assert_allclose(pieces.finished.returns, log_prob + scores.music_theory.sum(1) / 0.5, rtol=1e-5)
    chances = pieces.steps.probabilities
    np.testing.assert_allclose(pieces.entropy[:6], -(chances * np.log(chances)).sum(-1).mean(1), rtol=1e-5)
    heard = np.concatenate([pieces.priming_tokens[:, None], pieces.melodies[:, :-1]], axis=1)[:6]
    kl = chances * (np.log(chances) - small_prior.log_probs(heard).numpy())
    np.testing.assert_allclose(pieces.kl[:6], kl.sum((1, 2)), rtol=1e-4)


@pytest.mark.parametrize("reward", ["paper", "varied"])
def test_steps_of_retained_pieces_are_what_the_melodies_score_and_the_prior_gives(small_prior, monkeypatch, reward):
    monkeypatch.setattr("agents.composing.pieces._BATCH", 4)
    environment = EnvironmentSpec.of(prior=small_prior, reward=reward, key="D", meter="3/4", length=24)
    pieces = compose_pieces(NoteRNNPlayer(), 10, 0, environment, retained=6)
    steps, melodies = pieces.steps, pieces.melodies[:6]
    scores = score_melodies(melodies, environment.profile)
    assert list(steps.rules) == list(scores.rules)
    for name, values in scores.rules.items():
        np.testing.assert_allclose(steps.rules[name], values, atol=1e-9)
    np.testing.assert_allclose(steps.music_theory, scores.music_theory, atol=1e-9)
    log_prob = environment.prior_in_key.log_prob(melodies, pieces.priming_tokens[:6]).numpy()
    np.testing.assert_allclose(steps.log_prob, log_prob, rtol=1e-5, atol=1e-6)
    chosen = np.take_along_axis(steps.probabilities, melodies[..., None], -1)[..., 0]
    assert steps.probabilities.shape == (6, 24, 38)
    np.testing.assert_allclose(chosen, np.exp(steps.log_prob), rtol=1e-5)
    np.testing.assert_allclose(steps.log_prob.sum(1), pieces.finished.log_prob[:6], rtol=1e-6)
    np.testing.assert_allclose(steps.music_theory.sum(1), pieces.finished.music_theory[:6], atol=1e-9)


def test_nothing_is_retained_unless_requested(environment):
    steps = compose_pieces(NoteRNNPlayer(), 3, 0, environment).steps
    assert steps.probabilities.shape == (0, 12, 38)
    assert {values.shape for values in (steps.log_prob, steps.music_theory, *steps.rules.values())} == {(0, 12)}


def test_batches_are_joined_in_order_and_counted(small_prior):
    told: list[int] = []
    environment = EnvironmentSpec.of(prior=small_prior, length=4)
    pieces = compose_pieces(NoteRNNPlayer(), 520, 0, environment, 1.0, 515, told.append)
    assert told == [512, 8]
    assert pieces.melodies.shape == (520, 4)
    assert pieces.steps.probabilities.shape == (515, 4, 38)


def test_primers_are_random_notes_or_nothing(small_prior):
    environment = EnvironmentSpec.of(prior=small_prior, length=2)
    random = compose_pieces(NoteRNNPlayer(), 400, 0, environment).priming_tokens
    assert set(random.tolist()) == set(range(38))
    nothing = compose_pieces(NoteRNNPlayer(), 5, 0, environment.changed(priming="none")).priming_tokens
    assert nothing.tolist() == [1] * 5


def test_compose_takes_a_note_rnn_an_agent_and_their_files(agent, small_prior, small_prior_file, tmp_path):
    agent.save(tmp_path / "agent.zip")
    by_network = compose(small_prior, 4, seed=1, length=12)
    np.testing.assert_array_equal(compose(small_prior_file, 4, seed=1, length=12), by_network)
    by_agent = compose(agent, 4, seed=1)
    assert by_agent.shape == (4, 12)
    np.testing.assert_array_equal(compose(tmp_path / "agent.zip", 4, seed=1), by_agent)


def test_g_composes_with_the_prior_that_it_was_tuned_from(small_prior):
    env = MelodyVecEnv(2, prior=small_prior, length=12)
    model = RecurrentDQN(env=env, objective="g", prior=small_prior, seed=0, device="cpu")
    np.testing.assert_array_equal(compose(model, 20, seed=5), compose(small_prior, 20, seed=5, length=12))


@pytest.fixture(scope="module")
def agents_in_d(small_prior) -> dict[str, RecurrentDQN]:
    """Agents that know from learning that they are in D, their weights far from where they started."""
    agents = {}
    for objective in ("q", "g"):
        env = MelodyVecEnv(2, prior=small_prior, length=12, key="D")
        agents[objective] = RecurrentDQN(env=env, objective=objective, prior=env.engine.prior, seed=0, device="cpu")
        agents[objective].learn(2)  # too few steps for an update
        torch.manual_seed(0)
        with torch.no_grad():
            for weights in agents[objective].policy.network.parameters():
                weights.add_(0.3 * torch.randn_like(weights))
    return agents


@pytest.mark.parametrize("objective", ["q", "g"])
@pytest.mark.parametrize("key", ["D", "C", "A"])
def test_a_saved_agent_composes_as_the_live_one_in_its_key_and_in_others(
    objective, key, agents_in_d, small_prior, tmp_path
):
    model = agents_in_d[objective]
    model.save(tmp_path / "agent.zip")
    agent = Agent(model.policy, EnvironmentSpec.of(prior=small_prior, **model.get_env().setting.as_dict()))
    environment = agent.environment.changed(key=key)
    expected = compose_pieces(agent.player(environment), 8, 3, environment).melodies
    changes = {"key": key} | ({"prior": small_prior} if objective == "q" else {})  # G has a prior of its own
    for source in (model, tmp_path / "agent.zip", str(tmp_path / "agent.zip")):
        np.testing.assert_array_equal(compose(source, 8, 3, **changes), expected)


def test_the_prior_of_a_saved_g_agent_of_another_key_is_moved_back_to_c(agents_in_d, small_prior, tmp_path):
    agents_in_d["g"].save(tmp_path / "agent.zip")
    environment = load_composer(tmp_path / "agent.zip").environment
    melodies = np.random.default_rng(0).integers(38, size=(4, 12))
    torch.testing.assert_close(environment.prior.log_probs(melodies), small_prior.log_probs(melodies))
    setting = environment.setting
    assert (setting.key, setting.length, environment.observation) == ("D", 12, "position")


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 4},
        {"temperature": 0.5},
        {"strength": 0.4},
        {"key": "E"},
        {"fixed": {3: 20}},
        {"primer": [14, 16, 18]},
        {"priming": "none"},
        {"length": 7},
        {"pitch_range": (60, 75)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_argument_of_compose_counts(changes, agents_in_d, small_prior):
    model = agents_in_d["g"]
    agent = Agent(model.policy, EnvironmentSpec.of(prior=small_prior, **model.get_env().setting.as_dict()))
    own = {"seed": 3, "temperature": 1.0, "strength": 1.0}
    own |= {name: changes[name] for name in changes.keys() & own.keys()}
    environment = agent.environment.changed(**{name: changes[name] for name in changes.keys() - own.keys()})
    player = agent.player(environment, own["strength"])
    pieces = compose_pieces(player, 8, own["seed"], environment, own["temperature"])
    melodies = compose(model, 8, **{"seed": 3, **changes})
    np.testing.assert_array_equal(melodies, pieces.melodies)
    assert not np.array_equal(melodies, compose(model, 8, seed=3))


@pytest.mark.parametrize("temperature", [1e-300, 1e7])
def test_a_temperature_that_scores_cannot_be_divided_by_is_refused(temperature, small_prior):
    with pytest.raises(InputError, match=r"^temperature must be a number from 0\.000001 to 1,000,000"):
        compose(small_prior, 1, temperature=temperature)
    with pytest.raises(InputError, match=r"^temperature must be a number from 0\.000001 to 1,000,000"):
        sample_melodies(small_prior, 1, 4, temperature=temperature)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0])
def test_a_seed_is_one_that_the_commands_take(seed, small_prior):
    for composed in (compose, lambda *arguments, seed: sample_melodies(*arguments, 4, seed=seed)):
        with pytest.raises(InputError, match=r"^seed must be (a whole number|at least 0|at most 4,294,967,295), not "):
            composed(small_prior, 1, seed=seed)
    assert compose(small_prior, 1, seed=2**32 - 1, length=4).shape == (1, 4)


def test_the_kept_pieces_have_the_highest_rewards(small_prior, environment):
    """By log p + r_MT / c, not by the rules or by log p alone."""
    pieces = compose_pieces(NoteRNNPlayer(), 40, 1, environment)
    rewards = pieces.finished.log_prob + pieces.finished.music_theory / 0.5
    best = [4 * group + int(rewards[4 * group : 4 * group + 4].argmax()) for group in range(10)]
    np.testing.assert_array_equal(compose(small_prior, 10, 1, length=12, best_of=4), pieces.melodies[best])
    various = good_and_diverse(pieces.melodies, rewards, 10)
    melodies = compose(small_prior, 10, 1, length=12, best_of=4, diverse=True)
    np.testing.assert_array_equal(melodies, pieces.melodies[various])


def test_a_tune_is_a_primer_in_the_key_of_the_pieces(small_prior, tmp_path):
    tune = tmp_path / "scale.abc"
    tune.write_text("X:1\nT:A scale\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|dcBA|GFED|\n")
    environment = EnvironmentSpec.of(prior=small_prior, length=4, key="A")
    in_a = transposed(read_primer(tune), -3)
    pieces = compose_pieces(NoteRNNPlayer(), 3, 0, environment.changed(primer=tune))
    np.testing.assert_array_equal(pieces.with_primer()[:, :32], np.tile(in_a, (3, 1)))
    from_tokens = compose_pieces(NoteRNNPlayer(), 3, 0, environment.changed(primer=in_a))
    np.testing.assert_array_equal(pieces.melodies, from_tokens.melodies)


def test_a_run_composes_with_its_newest_agent_as_it_was_trained(small_runs, tmp_path):
    run = shutil.copytree(small_runs[1], tmp_path / "run")
    newest = max((run / "checkpoints").glob("model_*.zip"), key=lambda path: int(path.stem.removeprefix("model_")))
    older = PPOKL.load(newest)
    older.policy.network.head.logits.bias.data += 1.0
    older.save(run / "checkpoints" / "model_000000000001.zip")
    agent = load_composer(run)
    for name, weights in PPOKL.load(newest).policy.state_dict().items():
        assert torch.equal(agent.policy.state_dict()[name], weights)
    environment = agent.environment
    assert (environment.observation, environment.profile.name, environment.profile.c) == ("lookback", "varied", 1.1)
    assert environment.setting.tempo == 480
    expected = compose_pieces(agent.player(), 5, 2, environment).melodies
    np.testing.assert_array_equal(compose(run, 5, seed=2), expected)


def test_nothing_to_load_is_told():
    with pytest.raises(CheckpointError, match="nowhere is not a run's folder, an agent's weights"):
        compose("nowhere", 1)


def test_metrics_are_means_per_step(small_prior):
    pieces = compose_pieces(NoteRNNPlayer(), 30, 0, EnvironmentSpec.of(prior=small_prior))
    metrics = learning_metrics(pieces)
    assert metrics["reward"] == pytest.approx(metrics["log_prob"] + metrics["music_theory"] / 0.5, rel=1e-5)
    assert metrics["music_theory"] == pytest.approx(sum(v for name, v in metrics.items() if name.startswith("rule/")))
    assert metrics["log_prob"] == pytest.approx(pieces.finished.log_prob.mean() / 32)


def test_table_shows_each_composer_beside_the_paper(small_prior):
    metrics = table_metrics(compose_pieces(NoteRNNPlayer(), 30, 0, EnvironmentSpec.of(prior=small_prior)))
    table = metrics_table({"mine": {**metrics, "leaps_resolved": float("nan"), "notes_in_motif": 0.5}}, "title", True)
    columns = {str(column.header): list(column.cells) for column in table.columns}
    row = {label: position for position, label in enumerate(columns[""])}
    assert columns["mine"][row["Notes in motif"]] == "50.0%"
    assert columns["mine"][row["Leaps resolved"]] == "-"
    assert columns["paper: Q"][row["Notes in motif"]] == "75.7%"


@pytest.mark.parametrize("objective", ["psi", "g"])
def test_an_agent_learned_in_one_key_composes_in_any(small_prior, tmp_path, objective):
    env = MelodyVecEnv(2, prior=small_prior, length=12, key="D")
    model = RecurrentDQN(env=env, objective=objective, prior=env.engine.prior, learning_starts=0, seed=0, device="cpu")
    model.learn(24)
    model.save(tmp_path / "agent.zip")
    saved = RecurrentDQN.load(tmp_path / "agent.zip")
    assert saved.setting == env.setting
    agent = load_composer(saved)
    environment = agent.environment.changed(prior=small_prior)
    melodies = np.random.default_rng(0).integers(38, size=(9, 12))
    expected = log_likelihood(agent.player(), transposed(melodies, 2), environment)
    in_g = environment.changed(key="G")
    likelihood = log_likelihood(agent.player(in_g), transposed(melodies, -5), in_g)
    assert likelihood == pytest.approx(expected)
    assert log_likelihood(agent.player(), melodies, environment) != pytest.approx(expected)
    assert compose(saved, 3, key="G").shape == (3, 12)


def test_an_untrained_agent_of_another_key_is_the_transposed_note_rnn(small_prior):
    env = MelodyVecEnv(2, prior=small_prior, length=12, key="Eb", mode="minor")
    model = RecurrentDQN(env=env, prior=env.engine.prior, seed=0, device="cpu")
    environment = EnvironmentSpec.of(prior=small_prior, length=12, key="Eb", mode="minor")
    pieces = compose_pieces(agent_player(model.policy), 50, 7, environment)
    np.testing.assert_allclose(pieces.kl, 0, atol=1e-5)
    assert pieces.setting.transposition == 6 - 12
