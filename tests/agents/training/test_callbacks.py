"""Training callbacks: when an agent is evaluated and saved, what is logged, how it is stopped."""

import signal
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.logger import Logger, TensorBoardOutputFormat

import agents.training.callbacks
from agents import PPOKL, compose_pieces
from agents.composing.pieces import log_likelihood
from agents.composing.players import NoteRNNPlayer, agent_player
from agents.evaluation.metrics import learning_metrics
from agents.training.callbacks import EvaluationCallback, ProgressCallback, SaveCallback, log_pieces
from melody_env import EnvironmentSpec, MelodyVecEnv, score_melodies
from note_rnn import SAMPLE_RATE, Progress, synthesize

LENGTH, N_ENVS = 8, 4


@pytest.fixture
def environment(small_prior) -> EnvironmentSpec:
    return EnvironmentSpec.of(prior=small_prior, length=LENGTH, reward="key", tempo=90.0)


@pytest.fixture
def model(environment) -> PPOKL:
    env = MelodyVecEnv(N_ENVS, **environment.arguments)
    return PPOKL(env=env, prior=env.engine.prior, n_steps=6, seed=0, device="cpu", kl_weight=0.0)


class Log(Logger):
    """Keeps what is dumped, by the steps."""

    def __init__(self):
        super().__init__(None, [])
        self.dumped: list[tuple[int, dict[str, Any]]] = []

    def dump(self, step: int = 0) -> None:
        self.dumped.append((step, dict(self.name_to_value)))
        super().dump(step)


def learned(model: PPOKL, steps: int, callback: Any, resumed: bool = False) -> Log:
    log = Log()
    model.set_logger(log)
    model.learn(steps, callback, log_interval=None, reset_num_timesteps=not resumed)
    return log


def test_the_agent_is_evaluated_at_first_and_after_every_multiple_of_the_interval(model, environment):
    log = learned(model, 96, EvaluationCallback(30, environment, num_pieces=4))
    assert [step for step, _ in log.dumped] == [0, 32, 60, 92]
    log = learned(model, 96, EvaluationCallback(30, environment, num_pieces=4), resumed=True)
    assert [step for step, _ in log.dumped] == [120, 152, 180]


def test_an_interval_shorter_than_a_step_evaluates_at_every_step(model, environment):
    log = learned(model, 24, EvaluationCallback(0, environment, num_pieces=2))
    assert [step for step, _ in log.dumped] == [0, 4, 8, 12, 16, 20, 24]


def test_what_is_logged_are_the_metrics_of_pieces_of_the_agent_as_it_is(model, environment):
    human = np.random.default_rng(0).integers(38, size=(5, LENGTH))
    lines: list[str] = []
    stop = SimpleNamespace(should_continue=lambda model, metrics: False)  # before it learns more
    options = {"num_pieces": 7, "seed": 3, "human_tunes": human, "report": lines.append}
    log = learned(model, 192, EvaluationCallback(96, environment, monitor=stop, **options))
    (_, values) = log.dumped[-1]
    pieces = compose_pieces(agent_player(model.policy), 7, 3, environment)
    metrics = learning_metrics(pieces)
    assert len(metrics) > 8
    for name, value in metrics.items():
        assert values[name if name.startswith("rule/") else f"melody/{name}"] == pytest.approx(value, nan_ok=True)
    likelihood = log_likelihood(agent_player(model.policy), human, environment)
    assert values["melody/human_log_prob"] == pytest.approx(likelihood)
    assert likelihood != pytest.approx(log_likelihood(NoteRNNPlayer(), human, environment))
    assert len(lines) == 2
    assert lines[-1] == (f"r_MT {metrics['music_theory']:.2f}, log p {metrics['log_prob']:.2f}, KL {metrics['kl']:.1f}")


def test_without_human_tunes_there_is_no_likelihood_of_them(model, environment):
    log = learned(model, 8, EvaluationCallback(8, environment, num_pieces=2))
    assert "melody/human_log_prob" not in log.dumped[-1][1]


def test_a_monitor_is_given_agent_and_metrics_and_can_end_the_training(model, environment):
    judged = []

    class Monitor:
        def should_continue(self, evaluated_model, metrics):
            judged.append((evaluated_model, evaluated_model.num_timesteps, metrics["rule/in_key"]))
            return len(judged) < 2

    log = learned(model, 96, EvaluationCallback(24, environment, num_pieces=4, monitor=Monitor()))
    assert model.num_timesteps == 48
    assert judged == [(model, step, values["rule/in_key"]) for step, values in log.dumped[1:]]


def test_pictures_are_made_at_first_and_every_few_times(model, environment, monkeypatch, tmp_path):
    shown = []
    monkeypatch.setattr(agents.training.callbacks, "log_pieces", lambda *arguments: shown.append(arguments))
    board = TensorBoardOutputFormat(str(tmp_path))
    model.set_logger(Logger(str(tmp_path), [board]))
    model.learn(48, EvaluationCallback(8, environment, num_pieces=4, pictures_every=3), log_interval=None)
    assert [step for *_, step in shown] == [0, 24, 48]
    writer, pieces, _ = shown[0]
    assert (writer, pieces.setting) == (board.writer, environment.setting)
    assert tuple(pieces.steps.rules) == environment.profile.rule_names
    assert pieces.steps.probabilities.shape == (2, LENGTH, 38)


def test_pictures_and_sounds_are_those_of_the_first_pieces(environment, monkeypatch):
    pieces = compose_pieces(NoteRNNPlayer(), 5, 0, environment, retained=2)
    pictures, added = [], []

    class Writer:
        def add_image(self, name, image, step, dataformats):
            added.append((name, image.shape, image.dtype, step, dataformats))

        def add_audio(self, name, sound, step, rate):
            added.append((name, sound, step, rate))

        def flush(self):
            added.append("flushed")

    def picture(melody, chances, reward, title, setting, marks, chords):
        assert (marks, chords) == ({}, ())
        pictures.append((melody, chances, reward, title, setting.tempo))
        canvas = SimpleNamespace(draw=lambda: None, buffer_rgba=lambda: np.zeros((3, 4, 4), np.uint8))
        return SimpleNamespace(canvas=canvas)

    monkeypatch.setattr(agents.training.callbacks, "piano_roll_figure", picture)
    log_pieces(Writer(), pieces, 1_500)  # type: ignore[arg-type]
    rewards = score_melodies(pieces.melodies, "key").music_theory
    for number in range(2):
        melody, chances, reward, title, tempo = pictures[number]
        np.testing.assert_array_equal(melody, pieces.melodies[number])
        np.testing.assert_array_equal(chances, pieces.steps.probabilities[number])
        np.testing.assert_array_equal(reward, rewards[number])
        assert (title, tempo) == (f"piece {number + 1} at step 1,500", 90.0)
        assert added[2 * number] == (f"picture/{number + 1}", (3, 4, 3), np.uint8, 1_500, "HWC")
        name, sound, step, rate = added[2 * number + 1]
        assert (name, step, rate) == (f"sound/{number + 1}", 1_500, SAMPLE_RATE)
        np.testing.assert_array_equal(sound, synthesize(pieces.melodies[number], 90.0)[None])
    assert (len(pictures), added[4:]) == (2, ["flushed"])


def test_progress_counts_the_steps_of_all_environments(model, capsys):
    progress = Progress(1_000, "learning", "steps", done=100)
    learned(model, 48, ProgressCallback(progress))
    assert progress.done == 148


def saving(model: PPOKL, interval: int, resumed: bool = False, steps: int = 144, then: Any = None) -> list[int]:
    """Return the steps at which a `SaveCallback` saves: at the start of a rollout of 24 steps, and at the end."""
    saved: list[int] = []
    callback = SaveCallback(interval, lambda saved_model: saved.append(saved_model.num_timesteps))
    callbacks = [callback, *([] if then is None else [then(callback)])]
    learned(model, steps, callbacks, resumed)
    return saved


def test_it_is_saved_at_the_first_rollout_after_every_multiple_of_the_interval(model):
    assert saving(model, 30) == [48, 72, 96, 120, 144]
    assert saving(model, 30, resumed=True) == [168, 192, 216, 240, 288]
    assert saving(model, 100) == [120, 144]
    assert saving(model, 0) == [24, 48, 72, 96, 120, 144]


class Press(agents.training.callbacks.BaseCallback):
    """Raises a signal at a step."""

    def __init__(self, number: signal.Signals, at: int):
        super().__init__()
        self.number, self.at = number, at

    def _on_step(self) -> bool:
        if self.num_timesteps == self.at:
            signal.raise_signal(self.number)
        return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_at_the_next_rollout_and_ends_the_training_there(number, model):
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    callbacks = []

    def then(callback):
        callbacks.append(callback)
        return Press(number, at=36)

    assert saving(model, 1_000, then=then) == [48]
    assert callbacks[0].stopped
    assert model.num_timesteps == 52  # one step of every environment until it notices
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers


def test_a_signal_in_the_last_rollout_is_not_forgotten(model):
    callbacks = []
    saved = saving(model, 1_000, then=lambda callback: callbacks.append(callback) or Press(signal.SIGINT, at=140))
    assert (saved, model.num_timesteps, callbacks[0].stopped) == ([144], 144, True)


def test_a_training_in_a_thread_saves_and_ends_like_any_other(model):
    saved: list[int] = []
    thread = threading.Thread(target=lambda: saved.extend(saving(model, 100)))
    handler = signal.getsignal(signal.SIGINT)
    thread.start()
    thread.join()
    assert saved == [120, 144]
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.fixture
def interrupting():
    """Python's own handler of Ctrl-C, which a process in the background does not have."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupting")
def test_a_second_signal_ends_the_program_at_once(model):
    saved: list[int] = []
    callback = SaveCallback(1_000, lambda saved_model: saved.append(saved_model.num_timesteps))
    with pytest.raises(KeyboardInterrupt):
        learned(model, 144, [callback, Press(signal.SIGINT, 28), Press(signal.SIGINT, 32)])
    assert (saved, model.num_timesteps) == ([], 32)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_training_that_ends_gives_the_handlers_back(model):
    handler = signal.getsignal(signal.SIGINT)
    saving(model, 1_000, steps=24)
    assert signal.getsignal(signal.SIGINT) is handler
