"""A corpus of 5,000 files on a Ray cluster of three machines, of which one dies in the middle: that of one process."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from note_rnn.common.parallel import Cluster
from note_rnn.corpus import build, workers
from note_rnn.corpus.build import build_corpus
from note_rnn.corpus.reading import read_file
from note_rnn.corpus.report import Report
from note_rnn.corpus.sharded.shards import read_shards

ray = pytest.importorskip("ray", reason="Ray is not installed")
from ray.cluster_utils import Cluster as LocalCluster  # noqa: E402

FILES, FILES_PER_SHARD = 5_000, 2_048
BATCHES_BEFORE_DEATH = 4
"""Of 20, in the first of three shards."""


def write_music(folder: Path, midi) -> set[str]:
    """Write melodies of eight bars: every third a variant of the one before, every fiftieth a file cut short.

    Return the names of the files.
    """
    rng = np.random.default_rng(0)
    before = np.zeros(64, np.int64)
    names = [f"music/{number // 500}/{number}.mid" for number in range(FILES)]
    for number, name in enumerate(names):
        pitches = rng.choice([60, 62, 64, 65, 67, 69, 71, 72], 64)
        if number % 3 == 2:
            pitches[:32] = before[:32]
        before = pitches
        content = midi.file(midi.track(*midi.notes(*((48 * n, 48 * n + 48, int(p)) for n, p in enumerate(pitches)))))
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content[: number // 50] if number % 50 == 49 else content)
    return {*names}


def build_while_a_machine_dies(folder: Path, out: Path, patch) -> Report:
    """Build the corpus on three machines of one core each, of which one dies while it reads a file.

    That is the first that it begins after so many batches are there.
    """
    cluster = LocalCluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    doomed = cluster.add_node(num_cpus=1)
    its_name, is_time, is_reading = doomed.node_id, folder / "is time", folder / "is reading"

    def read(file, extraction, reading):
        if is_time.exists() and ray.get_runtime_context().get_node_id() == its_name:
            is_reading.touch()
            time.sleep(600)
        return read_file(file.path, file.name, extraction, reading)

    def kill_in_the_middle():
        while len(list(out.with_suffix(".parts").glob("*.npz"))) < BATCHES_BEFORE_DEATH:
            time.sleep(0.01)
        is_time.touch()
        while not is_reading.exists():
            time.sleep(0.01)
        cluster.remove_node(doomed, allow_graceful=False)

    patch.setattr(workers, "_read", read)
    try:
        threading.Thread(target=kill_in_the_middle, daemon=True).start()
        return build_corpus([folder / "music"], out, num_workers=Cluster(cluster.address))
    finally:
        ray.shutdown()
        cluster.shutdown()
        assert is_reading.exists()


def contents(out: Path) -> dict[str, bytes]:
    """Return all files of the corpus `out`, by name."""
    files = [*out.parent.glob(f"{out.name}.*"), *out.with_suffix(".shards").iterdir()]
    return {str(file.relative_to(out.parent)): file.read_bytes() for file in files if file.is_file()}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_no_file_is_lost_or_counted_twice_if_a_machine_dies(midi, tmp_path, monkeypatch):
    made = write_music(tmp_path, midi)
    alone, cluster = tmp_path / "alone" / "corpus", tmp_path / "cluster" / "corpus"
    monkeypatch.setattr(build, "FILES_PER_SHARD", FILES_PER_SHARD)
    build_corpus([tmp_path / "music"], alone, num_workers=0)
    with monkeypatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")  # by default workers wait for whatever else this machine does
        report = build_while_a_machine_dies(tmp_path, cluster, patch)
    assert contents(cluster) == contents(alone)
    shards = read_shards(cluster.with_suffix(".npz"))
    kept = [source.rpartition("#")[0] for shard in shards for source in shard.sources]
    assert len(shards) == 3
    assert len(kept) == len({*kept}) == report.files_kept
    assert report.files == FILES == report.files_kept + sum(each["files"] for each in report.reasons().values())
    assert {*kept} == made - {f"music/{number // 500}/{number}.mid" for number in range(49, FILES, 50)}
