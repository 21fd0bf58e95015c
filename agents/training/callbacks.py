"""Training callbacks: evaluate, save checkpoints, log to TensorBoard, show progress, stop cleanly.

Shapes: N pieces, T steps, A = 38 tokens.
"""

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import TensorBoardOutputFormat
from torch.utils.tensorboard import SummaryWriter

from agents.composing.composers import Agent
from agents.composing.pieces import Pieces, compose_pieces, log_likelihood
from agents.evaluation.metrics import learning_metrics
from agents.training.collapse import CollapseMonitor
from melody_env import EnvironmentSpec, piano_roll_figure
from note_rnn import SAMPLE_RATE, Progress, Tokens, synthesize


def _next_multiple(interval: int, steps: int) -> int:
    """Return the first multiple of `interval` above `steps`, which is the same in a resumed run."""
    return (steps // interval + 1) * interval


class EvaluationCallback(BaseCallback):
    """Evaluate `num_pieces` pieces of the agent after every multiple of `interval` steps, and log their metrics.

    Every `pictures_every`-th evaluation also logs pictures and sound of the first `num_logged` pieces. The pieces start
    from the same priming tokens each time. The agent's log-likelihood of `human_tunes` [N, T] is logged, if there are
    any. `monitor` can end the training; `report` is called with a line of the main figures.
    """

    model: BaseAlgorithm

    def __init__(
        self,
        interval: int,
        environment: EnvironmentSpec,
        num_pieces: int = 256,
        num_logged: int = 2,
        pictures_every: int = 4,
        seed: int = 0,
        human_tunes: Tokens | None = None,
        monitor: CollapseMonitor | None = None,
        report: Callable[[str], None] = lambda line: None,
    ):
        super().__init__()
        self.interval = max(interval, 1)
        self.environment = environment
        self.num_pieces = num_pieces
        self.num_logged = num_logged
        self.pictures_every = pictures_every
        self.seed = seed
        self.human_tunes = human_tunes
        self.monitor = monitor
        self.report = report
        self._evaluations = 0

    def _on_training_start(self) -> None:
        self._next = _next_multiple(self.interval, self.num_timesteps)
        if self.num_timesteps == 0:
            self.evaluate()

    def _on_step(self) -> bool:
        if self.num_timesteps < self._next:
            return True
        self._next = _next_multiple(self.interval, self.num_timesteps)
        metrics = self.evaluate()
        return self.monitor is None or self.monitor.should_continue(self.model, metrics)

    def evaluate(self) -> dict[str, float]:
        """Compose pieces and log their `learning_metrics`; return them."""
        player = Agent(self.model.policy, self.environment).player()
        pieces = compose_pieces(player, self.num_pieces, self.seed, self.environment, retained=self.num_logged)
        metrics = learning_metrics(pieces)
        if self.human_tunes is not None:
            metrics["human_log_prob"] = log_likelihood(player, self.human_tunes, self.environment)
        for name, value in metrics.items():
            self.logger.record(name if "/" in name else f"melody/{name}", value)
        self.model.dump_logs()
        writer = self._tensorboard()
        if writer is not None and self._evaluations % self.pictures_every == 0:
            log_pieces(writer, pieces, self.num_timesteps)
        self._evaluations += 1
        self.report(f"r_MT {metrics['music_theory']:.2f}, log p {metrics['log_prob']:.2f}, KL {metrics['kl']:.1f}")
        return metrics

    def _tensorboard(self) -> SummaryWriter | None:
        for output in self.logger.output_formats:
            if isinstance(output, TensorBoardOutputFormat):
                return output.writer
        return None


def log_pieces(writer: SummaryWriter, pieces: Pieces, step: int) -> None:
    """Log picture and sound of the pieces that were retained step by step to TensorBoard."""
    steps = pieces.steps
    retained = zip(pieces.melodies, steps.probabilities, steps.music_theory, strict=False)
    for number, (melody, chances, reward) in enumerate(retained, start=1):
        title = f"piece {number} at step {step:,}"
        marks, chords = pieces.marks(number - 1), pieces.staff(number - 1).chords
        figure = piano_roll_figure(melody, chances, reward, title, pieces.setting, marks=marks, chords=chords)
        figure.canvas.draw()
        image = np.asarray(figure.canvas.buffer_rgba())[..., :3]  # type: ignore[attr-defined]
        writer.add_image(f"picture/{number}", image, step, dataformats="HWC")
        # Another name than the picture's: TensorBoard shows one kind of data per name.
        writer.add_audio(
            f"sound/{number}", synthesize(melody, pieces.setting.tempo, chords=chords)[None], step, SAMPLE_RATE
        )
    writer.flush()


class ProgressCallback(BaseCallback):
    """Advance `progress`, which counts steps."""

    def __init__(self, progress: Progress):
        super().__init__()
        self.progress = progress

    def _on_training_start(self) -> None:
        self._counted = self.num_timesteps

    def _on_step(self) -> bool:
        self.progress.advance(self.num_timesteps - self._counted)
        self._counted = self.num_timesteps
        return True


class SaveCallback(BaseCallback):
    """Call `save` with the model at the start of the first rollout after every multiple of `interval` steps, and at the
    end of the training.

    On Ctrl-C or SIGTERM, and after `stop_at` steps, it saves at the start of the next rollout, if there is one, and
    ends the training; a second signal ends the program at once. At that point the state is complete: a resumed training
    continues as if it had never been stopped. Only the main thread receives signals: a training in another one ends at
    its end.
    """

    def __init__(self, interval: int, save: Callable[[BaseAlgorithm], None], stop_at: int | None = None):
        super().__init__()
        self.interval = max(interval, 1)
        self.save = save
        self.stop_at = stop_at
        self.requested = False
        self.stopped = False
        """Whether the training was saved and ended on request."""
        self._handlers: dict[int, Any] = {}

    def _on_training_start(self) -> None:
        self._next = _next_multiple(self.interval, self.num_timesteps)
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._handlers[number] = signal.signal(number, self._request)

    def _request(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        self.restore_signals()

    def restore_signals(self) -> None:
        """Leave signals to those who handled them before the training."""
        while self._handlers:
            signal.signal(*self._handlers.popitem())

    def _on_rollout_start(self) -> None:
        if self.stop_at is not None and self.num_timesteps >= self.stop_at:
            self.requested = True
        if self.requested or self.num_timesteps >= self._next:
            self._next = _next_multiple(self.interval, self.num_timesteps)
            self.save(self.model)
            self.stopped = self.requested

    def _on_step(self) -> bool:
        return not self.stopped

    def _on_training_end(self) -> None:
        self.restore_signals()
        if not self.stopped:
            self.save(self.model)
            self.stopped = self.requested
