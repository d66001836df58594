"""Grade over an existing Dask cluster: whole submissions travel, and no disk is shared.

A machine holds one engine, and each worker on it grades as many submissions at once as it has
threads (see `worker`). The gradebook and all results stay with whoever called.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from course_utils.errors import CourseError
from course_utils.grading import worker
from course_utils.grading.engines import Engines
from course_utils.grading.job import Result, quarantined
from course_utils.grading.runner import POLL
from course_utils.grading.scan import Submission
from course_utils.grading.worker import ClusterError

CONNECT = 15.0  # seconds to wait for a scheduler to answer, and for a first worker


class Cluster:
    """Grades on the workers of the Dask scheduler at `address`."""

    def __init__(self, address: str, engines: Engines, imports: Sequence[str]) -> None:
        try:
            import distributed
        except ImportError:
            raise ClusterError(
                "--scheduler needs the package distributed. Install it: "
                "python -m pip install 'build-deep[cluster]'"
            ) from None
        self._distributed = distributed
        self._address = address
        self._run = secrets.token_hex(8)
        self._engines = engines
        self._imports = tuple(imports)
        try:
            self._client = distributed.Client(
                address, timeout=CONNECT, set_as_default=False, name="course-grade"
            )
        except (OSError, ValueError, TypeError) as error:
            raise ClusterError(
                f"No Dask scheduler answers at {address} ({_first_line(error)}). Start one with "
                "dask scheduler, or look at its address, which begins with tcp:// or tls://"
            ) from None
        try:
            self._home = worker.versions(engines)
            self._check()
        except BaseException:
            self.close()
            raise

    def _check(self) -> None:
        """Refuse workers that would grade otherwise than this machine."""
        try:
            self._client.wait_for_workers(1, timeout=CONNECT)
        except TimeoutError:
            raise ClusterError(
                f"The scheduler at {self._address} has no workers. Start some: dask worker "
                f"{self._address}"
            ) from None
        try:
            there = self._client.run(worker.versions, self._engines, on_error="return")
        except Exception as error:  # what a worker raises travels here as it is
            raise ClusterError(_no_course(error)) from None
        wrong = []
        for address, found in there.items():
            if isinstance(found, BaseException):
                raise ClusterError(_no_course(found))
            if different := worker.differences(self._home, found):
                wrong.append(f"{address} has {different}")
        if wrong:
            more = f" (and {len(wrong) - 3} more)" if len(wrong) > 3 else ""
            raise ClusterError(f"The worker {'; '.join(wrong[:3])}{more}. {worker.SAME}")

    def _room(self) -> int:
        """Return how many submissions may be on their way: two for each thread of the cluster."""
        try:
            return max(4, 2 * sum(self._client.nthreads().values()))
        except (OSError, RuntimeError, self._distributed.CancelledError) as error:
            raise self._lost(error) from None

    def run(
        self, submissions: Iterator[Submission], stopped: Callable[[], bool]
    ) -> Iterator[tuple[Submission, list[Result]]]:
        """Yield each submission with its results, in any order; end early when `stopped`.

        Dask does the work of a lost worker again elsewhere; a submission that has lost several is
        quarantined. Raises ClusterError when the scheduler itself is lost.
        """
        pending: dict[Any, Submission] = {}
        more = True
        room = self._room()
        count = 0
        try:
            while True:
                while more and len(pending) < room and not stopped():
                    submission = next(submissions, None)
                    if submission is None:
                        more = False
                    else:
                        pending[self._send(submission)] = submission
                        del submission
                if not pending:
                    return
                done = self._some(list(pending))
                for future in done:
                    submission = pending.pop(future)
                    results = self._results(future, submission)
                    future.release()
                    yield submission, results
                    del submission, results
                    count += 1
                    if count % 50 == 0:  # a cluster may have grown or shrunk
                        room = self._room()
                if stopped():
                    return
        finally:
            if pending:
                self._quietly(lambda: self._client.cancel(list(pending)))

    def _send(self, submission: Submission) -> Any:
        name = hashlib.sha256(submission.student.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        try:
            return self._client.submit(
                worker.work,
                self._run,
                self._engines,
                self._imports,
                self._home,
                [job.to_data() for job in submission.jobs],
                pure=False,
                key=f"course-grade-{self._run}-{name}",
            )
        except Exception as error:  # Dask raises many kinds for a connection that broke
            raise self._lost(error) from error

    def _some(self, futures: list[Any]) -> list[Any]:
        """Wait a moment; return the futures that are done."""
        try:
            with self._client.as_current():
                self._distributed.wait(futures, timeout=POLL, return_when="FIRST_COMPLETED")
        except TimeoutError:
            pass
        except self._distributed.CancelledError as error:
            raise self._lost(error) from None
        return [future for future in futures if future.done()]

    def _results(self, future: Any, submission: Submission) -> list[Result]:
        try:
            return [Result.from_data(data) for data in future.result(timeout=60)]
        except self._distributed.KilledWorker:
            reason = (
                "Every worker that graded it was lost: it may take more memory than a worker has. "
                "Grade it on this machine: course grade without --scheduler."
            )
        except ClusterError:
            raise
        except (self._distributed.CancelledError, TimeoutError) as error:
            raise self._lost(error) from None
        except CourseError as error:  # no sandbox on that worker, say
            raise ClusterError(f"A worker cannot grade: {error}") from None
        except Exception as error:  # whatever a worker raises travels here
            reason = (
                f"A worker failed ({type(error).__name__}: {_first_line(error)}). Grade it again; "
                "if it fails again, report it."
            )
        return [quarantined(job, reason) for job in submission.jobs]

    def _lost(self, error: BaseException) -> ClusterError:
        return ClusterError(
            f"The scheduler at {self._address} was lost ({_first_line(error)}). What was graded is "
            "stored. Start it again and run the command again: it goes on where it stopped."
        )

    def close(self) -> None:
        """Close the engines of this run on all workers, and the connection."""
        if self._client.status == "running":
            self._quietly(lambda: self._client.run(worker.close, self._run, on_error="ignore"))
        self._quietly(lambda: self._client.close(timeout=5))

    @staticmethod
    def _quietly(action: Callable[[], Any]) -> None:
        try:
            action()
        except Exception:  # the cluster may be gone: nothing is left to be closed then
            return


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]


def _no_course(error: BaseException) -> str:
    return (
        f"The workers cannot grade ({type(error).__name__}: {_first_line(error)}). Install the "
        "course on each of them, from the same requirements.lock, and restart them."
    )
