"""The same results on a Ray cluster as here, also if a machine dies in the middle; a cluster that cannot be used."""

import os
import socket
import threading
import time
from importlib import metadata

import pytest

from note_rnn.common.errors import InputError
from note_rnn.common.parallel import Cluster, results_of

ray = pytest.importorskip("ray", reason="Ray is not installed")
from ray.cluster_utils import Cluster as LocalCluster  # noqa: E402

from note_rnn.common import ray_cluster  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def cluster():
    """Three machines of one core on the loopback of this one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")  # by default workers wait for whatever else this machine does
        started = LocalCluster(initialize_head=True, head_node_args={"num_cpus": 1})
        for _ in range(2):
            started.add_node(num_cpus=1)
        yield started
        ray.shutdown()
        started.shutdown()


def square(number):
    return number * number


@pytest.mark.slow
def test_a_cluster_computes_what_this_process_does(cluster):
    assert list(results_of(square, range(20), Cluster(cluster.address), repr, items_at_once=3)) == list(
        map(square, range(20))
    )


@pytest.mark.slow
def test_a_task_that_dies_twice_is_given_up_and_an_error_is_raised_as_it_is(cluster):
    def work(number):
        if number == 2:
            os._exit(1)
        return number

    where = Cluster(cluster.address)
    assert list(results_of(work, range(4), where, lambda number: -number)) == [0, 1, -2, 3]
    with pytest.raises(InputError, match=r"^no 1$"):
        list(results_of(complain, [1], where, repr))


def complain(number):
    raise InputError(f"no {number}")


@pytest.mark.slow
def test_processes_are_prepared_once_and_use_one_thread(cluster, tmp_path, monkeypatch):
    def prepare():
        os.environ["PREPARED"] = os.environ.get("PREPARED", "") + "once"

    def seen(number):
        return os.environ["PREPARED"], os.environ["OMP_NUM_THREADS"], os.getcwd()

    monkeypatch.chdir(tmp_path)  # what a relative path means, it means everywhere
    here = ("once", "1", str(tmp_path))
    assert set(results_of(seen, range(8), Cluster(cluster.address), repr, prepare)) == {here}


@pytest.mark.slow
def test_nothing_is_lost_or_done_twice_in_the_results_if_a_machine_dies(cluster, tmp_path):
    """One of three machines dies while 24 items are computed."""
    doomed = cluster.add_node(num_cpus=1)
    its_name = doomed.node_id

    def slow(number):
        node = ray.get_runtime_context().get_node_id()
        (tmp_path / f"{number}-{node}").touch()
        time.sleep(600 if node == its_name else 0.5)
        return number * number

    def kill_when_it_works():
        while not list(tmp_path.glob(f"*-{its_name}")):
            time.sleep(0.1)
        cluster.remove_node(doomed, allow_graceful=False)

    threading.Thread(target=kill_when_it_works, daemon=True).start()
    assert list(results_of(slow, range(24), Cluster(cluster.address), pytest.fail)) == list(map(square, range(24)))
    assert len(list(tmp_path.iterdir())) == 25  # one was begun on the machine that died, and done elsewhere


@pytest.mark.slow
def test_another_version_on_a_machine_is_refused(cluster, monkeypatch):
    monkeypatch.setattr(ray_cluster, "version", lambda name: "99.0")
    with pytest.raises(InputError, match=f"of the cluster has melody-rl {metadata.version('melody-rl')}, not 99.0"):
        next(results_of(square, [1], Cluster(cluster.address), repr))


def test_a_cluster_that_does_not_answer_is_reported_in_a_sentence(monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(InputError, match=f"There is no Ray cluster at {address} .Connection refused.: start one"):
            next(results_of(square, [1], Cluster(address), repr))


@pytest.mark.parametrize("address", ["nowhere", "host:port", ":1"])
def test_no_address_is_no_cluster(address):
    with pytest.raises(InputError, match=f"--cluster ray {address} is no address: write HOST:PORT"):
        next(results_of(square, [1], Cluster(address), repr))


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            ConnectionError("none"),
            "There is no Ray cluster, since this machine belongs to none: start one with ray start",
        ),
        (
            RuntimeError("Version mismatch:\nRay: 1.0 Python: 3.8"),
            "The Ray cluster at auto cannot be used: Version mismatch: Ray: 1.0 Python: 3.8",
        ),
    ],
)
def test_what_ray_objects_to_is_reported_in_a_sentence(error, sentence, monkeypatch):
    def refused(**options):
        raise error

    monkeypatch.setattr(ray, "init", refused)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(InputError) as told:
        next(results_of(square, [1], Cluster(), repr))
    assert str(told.value).startswith(sentence)
    assert "\n" not in str(told.value)
