"""A corpus of 5,000 files on a Ray cluster of three machines, of which one dies in the middle: that of one process."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from note_rnn import write_midi
from note_rnn.common import ray_cluster
from note_rnn.common.parallel import Cluster
from note_rnn.corpus import build
from note_rnn.corpus.build import build_corpus
from note_rnn.corpus.report import Report
from note_rnn.corpus.sharded.shards import read_shards

ray = pytest.importorskip("ray", reason="Ray is not installed")
from ray.cluster_utils import Cluster as LocalCluster  # noqa: E402

FILES, FILES_PER_SHARD = 5_000, 2_048
BATCHES_BEFORE_DEATH = 4
"""Of 20, in the first of three shards."""


def write_music(folder: Path) -> set[str]:
    """Write melodies of eight bars: every third a variant of the one before, every fiftieth a file cut short.

    Return the names of the files.
    """
    rng = np.random.default_rng(0)
    before = np.zeros(128, np.int64)
    names = [f"music/{number // 500}/{number}.mid" for number in range(FILES)]
    for number, name in enumerate(names):
        notes = rng.choice([14, 16, 18, 19, 21, 23, 25, 26], 128)
        if number % 3 == 2:
            notes[:64] = before[:64]
        before = notes
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_midi(np.where(np.arange(128) % 2, 1, notes), path)
        if number % 50 == 49:
            path.write_bytes(path.read_bytes()[: number // 50])
    return {*names}


@pytest.fixture
def deaths(monkeypatch):
    """One for each task whose machine died."""
    counted = []

    class Counted(ray_cluster.WorkerDied):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            counted.append(1)

    monkeypatch.setattr(ray_cluster, "WorkerDied", Counted)
    return counted


def build_while_a_machine_dies(folder: Path, out: Path) -> Report:
    """Build the corpus on three machines of one core each, one of which dies after so many batches."""
    cluster = LocalCluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    doomed = cluster.add_node(num_cpus=1)

    def kill_in_the_middle():
        while len(list(out.with_suffix(".parts").glob("*.npz"))) < BATCHES_BEFORE_DEATH:
            time.sleep(0.01)
        cluster.remove_node(doomed, allow_graceful=False)

    try:
        threading.Thread(target=kill_in_the_middle, daemon=True).start()
        return build_corpus([folder], out, num_workers=Cluster(cluster.address))
    finally:
        ray.shutdown()
        cluster.shutdown()


def contents(out: Path) -> dict[str, bytes]:
    """Return all files of the corpus `out`, by name."""
    files = [*out.parent.glob(f"{out.name}.*"), *out.with_suffix(".shards").iterdir()]
    return {str(file.relative_to(out.parent)): file.read_bytes() for file in files if file.is_file()}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_no_file_is_lost_or_counted_twice_if_a_machine_dies(tmp_path, monkeypatch, deaths):
    monkeypatch.setenv("RAY_worker_niceness", "0")  # by default workers wait for whatever else this machine does
    monkeypatch.setattr(build, "FILES_PER_SHARD", FILES_PER_SHARD)
    made = write_music(tmp_path)
    alone, cluster = tmp_path / "alone" / "corpus", tmp_path / "cluster" / "corpus"
    report = build_while_a_machine_dies(tmp_path / "music", cluster)
    assert deaths  # files were being read on the machine that died
    shards = read_shards(cluster.with_suffix(".npz"))
    kept = [source.rpartition("#")[0] for shard in shards for source in shard.sources]
    assert len(shards) == 3
    assert len(kept) == len({*kept}) == report.files_kept
    assert report.files == FILES == report.files_kept + sum(each["files"] for each in report.reasons().values())
    assert {*kept} == made - {f"music/{number // 500}/{number}.mid" for number in range(49, FILES, 50)}
    build_corpus([tmp_path / "music"], alone, num_workers=0)
    assert contents(cluster) == contents(alone)
