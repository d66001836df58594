"""course grade --scheduler: the same grades as here, whatever happens to a worker."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.grading import cluster, worker
from course_utils.grading.gradebook import Course
from course_utils.grading.job import GRADED, QUARANTINED
from course_utils.grading.runner import Event, grade_class

import dask
import distributed
import pytest

from tests.grading_class import (
    NAME,
    FakeEngines,
    answered,
    copy_course,
    dump,
    grade,
    make_course,
    submit,
    submit_class,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cluster")]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return make_course(tmp_path_factory.mktemp("template") / "course")


@pytest.fixture
def course(template: Course, tmp_path: Path) -> Course:
    return copy_course(template, tmp_path / "course")


@pytest.fixture(scope="module")
def workers() -> Iterator[distributed.LocalCluster]:
    """Two worker processes, each with a nanny that starts it again when it dies."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 2}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as made,
    ):
        yield made


@pytest.fixture
def client(workers: distributed.LocalCluster) -> Iterator[distributed.Client]:
    with distributed.Client(workers.scheduler_address, set_as_default=False) as made:
        made.wait_for_workers(2)
        yield made


def over(client: distributed.Client, course: Course, engines: Any = None, **options: Any) -> Any:
    address = client.scheduler.address
    return grade_class(course, NAME, engines or FakeEngines(), scheduler=address, **options)


def test_a_cluster_gives_the_same_gradebook_as_this_machine(
    course: Course, tmp_path: Path, client: distributed.Client
) -> None:
    submit_class(course, 10)
    submit(course, "lucky", answered(course, total="lucky"))
    here = copy_course(course, tmp_path / "here")
    grade(here, seed=3)
    summary = over(client, course, seed=3)
    assert summary.reconciliation == "submitted 11 = graded 9 + quarantined 2"
    assert dump(course) == dump(here)


def test_the_work_of_a_lost_worker_is_done_again(
    course: Course, tmp_path: Path, client: distributed.Client
) -> None:
    submit_class(course, 12)
    here = copy_course(course, tmp_path / "here")
    grade(here, seed=3)
    lost: list[int] = []

    def kill_one(event: Event) -> None:
        if event.kind == "finished" and event.entry.status == GRADED and not lost:
            lost.append(next(iter(client.run(os.getpid).values())))
            os.kill(lost[0], signal.SIGKILL)

    summary = over(client, course, FakeEngines(delay=0.1), seed=3, on_event=kill_one)
    assert lost
    assert summary.reconciliation == "submitted 12 = graded 10 + quarantined 2"
    assert dump(course) == dump(here)


def test_a_submission_that_loses_every_worker_is_quarantined(
    course: Course, client: distributed.Client
) -> None:
    submit(course, "ada", answered(course, double="ends the process"))
    submit(course, "bob")
    summary = over(client, course)
    assert summary.entries["bob"].status == GRADED
    assert summary.entries["ada"].status == QUARANTINED
    assert "Every worker that graded it was lost" in summary.entries["ada"].reason


@dataclass(frozen=True)
class OtherThere:
    """Has another version in every process but this one."""

    home: int

    @property
    def version(self) -> str:
        return "1" if os.getpid() == self.home else "2"

    def imports(self, job: Any) -> tuple[str, ...]:
        return ()


def test_workers_with_other_versions_are_refused(
    course: Course, client: distributed.Client
) -> None:
    submit(course, "ada")
    with pytest.raises(cluster.ClusterError, match=r"has grading rules 2 instead of 1.*lock"):
        over(client, course, OtherThere(home=os.getpid()))


def test_differences_name_what_differs() -> None:
    home = {"torch": "2.13.0", "numpy": "2.4.6", "python": "3.11"}
    there = {"torch": "2.12.0", "numpy": "2.4.6"}
    assert worker.differences(home, home) == ""
    assert worker.differences(home, there) == (
        "torch 2.12.0 instead of 2.13.0, python none instead of 3.11"
    )


def test_engines_are_closed_on_the_workers(course: Course, client: distributed.Client) -> None:
    submit(course, "ada")
    over(client, course)
    assert set(client.run(open_engines).values()) == {0}


def open_engines() -> int:
    return len(worker._engines)


def test_few_submissions_are_on_their_way_at_once(
    course: Course, client: distributed.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit_class(course, 20)
    most = 0
    some = cluster.Cluster._some

    def counted(self: Any, futures: list[Any]) -> list[Any]:
        nonlocal most
        most = max(most, len(futures))
        return some(self, futures)

    monkeypatch.setattr(cluster.Cluster, "_some", counted)
    over(client, course)
    assert most == 4


def test_no_scheduler_is_a_sentence(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT", 1.0)
    submit(course, "ada")
    with pytest.raises(cluster.ClusterError, match="No Dask scheduler answers at tcp://127"):
        grade_class(course, NAME, FakeEngines(), scheduler="tcp://127.0.0.1:9")


def test_a_scheduler_without_workers_is_a_sentence(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "CONNECT", 2.0)
    submit(course, "ada")
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None) as empty,
        pytest.raises(cluster.ClusterError, match=r"has no workers\. Start some: dask worker"),
    ):
        grade_class(course, NAME, FakeEngines(), scheduler=empty.scheduler_address)


def test_without_distributed_the_install_command_is_named(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    submit(course, "ada")
    with pytest.raises(cluster.ClusterError, match=r"build-deep\[cluster\]"):
        grade_class(course, NAME, FakeEngines(), scheduler="tcp://127.0.0.1:8786")


def test_a_scheduler_that_goes_away_ends_with_a_sentence_and_the_run_goes_on_later(
    course: Course,
) -> None:
    submit_class(course, 8)
    made = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    )
    closed: list[bool] = []

    def close(event: Event) -> None:
        if event.kind == "finished" and event.entry.status == GRADED and not closed:
            closed.append(True)
            made.close()

    with pytest.raises(cluster.ClusterError, match=r"was lost.*goes on where it stopped"):
        grade_class(
            course,
            NAME,
            FakeEngines(delay=0.05),
            scheduler=made.scheduler_address,
            on_event=close,
        )
    assert grade(course).reconciliation == "submitted 8 = graded 7 + quarantined 1"
