"""A sweep on a Ray cluster of three machines, of which one dies in the middle: the same table as by one process."""

import csv
import threading
import time
from pathlib import Path

import pytest

from agents.sweeps.sweep import SweepConfig, sweep

ray = pytest.importorskip("ray", reason="Ray is not installed")
from ray.cluster_utils import Cluster  # noqa: E402

SPEC = """
settings:
  algo: ppo_kl
  prior: {prior}
  total_timesteps: 256
  n_envs: 4
  evaluations: 1
  checkpoints: 2
  compositions: 20
  melodies: 0
  batch_size: 4
  device: cpu
  c: {{range: [0.5, 2.5, 0.5]}}
  gamma: [0.5, 0.9]
objectives: {{r_MT: maximize, KL: minimize}}
seeds: 2
stop: {{after: [0.5], keep: 0.2}}
"""
TIMES = ("seconds", "machine", "date", "version", "commit")


def rows_of(folder: Path) -> list[dict[str, str]]:
    rows = csv.DictReader((folder / "results.csv").read_text().splitlines())
    return [{name: value for name, value in row.items() if name not in TIMES} for row in rows]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_sweep_of_24_stages_is_the_same_though_a_machine_dies(small_prior_file, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_worker_niceness", "0")  # by default workers wait for whatever else this machine does
    (tmp_path / "spec.yaml").write_text(SPEC.format(prior=small_prior_file))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    doomed = cluster.add_node(num_cpus=1)

    def kill_in_the_middle():
        while len(list(tmp_path.glob("cluster/results/*.json"))) < 6:
            time.sleep(0.1)
        cluster.remove_node(doomed, allow_graceful=False)

    try:
        threading.Thread(target=kill_in_the_middle, daemon=True).start()
        sweep(SweepConfig(spec=tmp_path / "spec.yaml", out=tmp_path / "cluster", cluster=("ray", cluster.address)))
    finally:
        ray.shutdown()
        cluster.shutdown()
    sweep(SweepConfig(spec=tmp_path / "spec.yaml", out=tmp_path / "alone", workers=1))
    assert len(list(tmp_path.glob("cluster/results/*.json"))) == 24
    assert rows_of(tmp_path / "cluster") == rows_of(tmp_path / "alone")
