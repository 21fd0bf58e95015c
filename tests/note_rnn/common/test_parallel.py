"""Results of many items: in order or as completed, the same whoever computes them, and what becomes of crashes."""

import os
import random
import time
from concurrent.futures import Future

import pytest

from note_rnn.common import parallel
from note_rnn.common.errors import InputError
from note_rnn.common.parallel import Cluster, ClusterOptions, results_of


class Pool:
    """Workers of a test: they die of what is deadly, and note what they were given."""

    def __init__(self, function, size=2, deadly=()):
        self.function, self.size, self.deadly = function, size, deadly
        self.given: list[list] = []
        self.closed = False

    def submit(self, items):
        self.given.append(list(items))
        future = Future()
        future.set_result(items)
        return future

    def result(self, future):
        if set(self.deadly) & set(future.result()):
            raise parallel.WorkerDied
        return list(map(self.function, future.result()))

    def close(self):
        self.closed = True


@pytest.fixture
def pool(monkeypatch):
    """The pool that `results_of` uses, of `size` workers that die of `deadly` items."""

    def made(**options):
        mine = Pool(str, **options)
        monkeypatch.setattr(parallel, "_pool", lambda *arguments: mine)
        return mine

    return made


def test_with_no_workers_this_process_computes():
    assert list(results_of(lambda item: (item, os.getpid()), "ab", 0, pytest.fail)) == [
        ("a", os.getpid()),
        ("b", os.getpid()),
    ]


@pytest.mark.parametrize("at_once", [1, 3, 50])
def test_what_a_process_died_of_is_computed_again_alone_and_then_given_up(pool, at_once):
    used = pool(deadly=[3, 5], size=1)
    results = results_of(str, range(7), 2, lambda item: f"{item} crashed", items_at_once=at_once)
    assert list(results) == ["0", "1", "2", "3 crashed", "4", "5 crashed", "6"]
    again = {
        1: [[0], [1], [2], [3], [3], [4], [5], [5], [6]],
        3: [[0, 1, 2], [3, 4, 5], [3], [4], [5], [6]],
        50: [[0, 1, 2, 3, 4, 5, 6], [0], [1], [2], [3], [4], [5], [6]],
    }
    assert used.given == again[at_once]
    assert used.closed


def test_no_more_is_begun_than_there_are_workers(pool):
    used = pool(size=3)
    results = results_of(str, range(10), 3, pytest.fail)
    assert next(results) == "0"
    assert used.given == [[0], [1], [2]]
    results.close()
    assert used.closed
    assert used.given == [[0], [1], [2]]


def test_results_are_in_order_or_as_they_are_completed():
    def wait(seconds):
        time.sleep(seconds)
        return seconds

    assert list(results_of(wait, [1.5, 0.0, 0.1], 2, repr)) == [1.5, 0.0, 0.1]
    assert list(results_of(wait, [1.5, 0.0, 0.1], 2, repr, in_order=False)) == [0.0, 0.1, 1.5]


def test_the_results_do_not_depend_on_the_number_of_workers_or_items_at_once():
    def drawn(seed):
        return random.Random(seed).random()

    here = list(results_of(drawn, range(20), 0, repr))
    assert list(results_of(drawn, range(20), 1, repr)) == here
    assert list(results_of(drawn, range(20), 2, repr, items_at_once=3)) == here


def test_an_error_of_the_function_ends_the_work():
    with pytest.raises(ZeroDivisionError):
        list(results_of(lambda item: 1 // item, [1, 0, 1], 2, repr))


def test_nothing_is_computed_for_no_items():
    assert list(results_of(str, [], 2, pytest.fail)) == []


def test_a_cluster_takes_the_place_of_the_workers():
    assert ClusterOptions().workers_or_cluster(3) == 3
    assert ClusterOptions().workers_or_cluster(None) is None
    assert ClusterOptions(cluster=("ray",)).workers_or_cluster(3) == Cluster("auto")
    assert ClusterOptions(cluster=("ray", "10.0.0.1:6379")).workers_or_cluster(3) == Cluster("10.0.0.1:6379")


@pytest.mark.parametrize("words", [("dask",), ("ray", "a", "b"), ("10.0.0.1:6379",)])
def test_another_cluster_is_refused(words):
    with pytest.raises(InputError, match="--cluster takes ray, or ray and the address of its head"):
        ClusterOptions(cluster=words).workers_or_cluster(3)
