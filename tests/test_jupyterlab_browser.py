"""JupyterLab in headless Chromium: Validate, Assignment List and formgrader, as people use them.

Pictures of what was seen are left in _build/screenshots/.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.grading.status import outcome

import nbformat
import pytest

from tests import small_assignment
from tests.test_book_browser import LAUNCH
from tools import browser as chromium
from tools.grade_demo import begin_with, read_assignment, solve
from tools.scratch_course import ScratchCourse

playwright_api = pytest.importorskip("playwright.sync_api")
expect = playwright_api.expect
expect.set_options(timeout=120_000)  # grading starts a sandbox: seconds, more on a busy machine

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "_build" / "screenshots"
NAME = small_assignment.NAME
TOKEN = "only-for-this-test"
SCRIPT = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'>"

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("jupyterlab")]


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab in the folder of a scratch course."""

    course: ScratchCourse
    url: str

    def address(self, path: str) -> str:
        return f"{self.url}/{path}{'&' if '?' in path else '?'}token={TOKEN}"


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> ScratchCourse:
    """A released assignment; `ada` was graded, `mallory` sent scripts and was not graded yet."""
    folder = tmp_path_factory.mktemp("lab")
    source = small_assignment.write(folder / "solutions")
    course = ScratchCourse(folder)
    course.create([source], cell_seconds=10)
    course.nbgrader("generate_assignment", NAME)
    course.nbgrader("release_assignment", NAME)
    assignment = read_assignment(source)

    def right(nb: nbformat.NotebookNode) -> None:
        solve(nb, assignment)

    def hostile(nb: nbformat.NotebookNode) -> None:
        solve(nb, assignment)
        answer = next(cell for cell in nb.cells if cell.id == "double")
        show = f"from IPython.display import HTML, display\ndisplay(HTML({SCRIPT!r}))"
        answer.source = begin_with(answer.source, show) + "\n" + show
        nb.cells.append(nbformat.v4.new_markdown_cell("Look: " + SCRIPT))

    for name, change in (("ada", right), ("mallory", hostile)):
        student = course.student(name)
        student.fetch(NAME)
        student.edit(NAME, change)
        student.submit(NAME)
    course.nbgrader("collect", NAME)
    course.nbgrader("autograde", NAME, "--student=ada")
    solved = course.course / "solved" / NAME
    solved.mkdir(parents=True)
    (solved / f"{NAME}.ipynb").write_bytes(course.student("ada").notebook(NAME).read_bytes())
    return course


@pytest.fixture(scope="module")
def lab(course: ScratchCourse) -> Iterator[Lab]:
    """JupyterLab on the loopback interface, with settings of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = course.environment("lab")
    quiet = Path(environment["JUPYTER_CONFIG_DIR"]) / "lab/user-settings/@jupyterlab"
    quiet = quiet / "apputils-extension" / "notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.ip=127.0.0.1",
    ]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={course.course}"]
    log = course.root / "jupyterlab.log"
    with log.open("w") as file:
        server = subprocess.Popen(
            command, cwd=course.course, env=environment, stdout=file, stderr=file
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, server, log)
        yield Lab(course, url)
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, f"JupyterLab ended:\n{log.read_text()[-3000:]}"
        try:
            urllib.request.urlopen(f"{url}/api", timeout=2).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"JupyterLab did not answer within a minute:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="module")
def context(lab: Lab) -> Iterator[playwright_api.BrowserContext]:
    """A browser that reaches this machine only."""
    del lab  # the server outlives the browser
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(chromium.find_chromium()), args=list(LAUNCH)
        )
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(30_000)
        context.route(re.compile(r"^https?://(?!127\.0\.0\.1[:/])"), lambda route: route.abort())
        yield context
        browser.close()


@pytest.fixture
def page(context: playwright_api.BrowserContext) -> Iterator[playwright_api.Page]:
    page = context.new_page()
    yield page
    page.close()


def picture(page: playwright_api.Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(PICTURES / f"jupyterlab-{name}.png"))


def validate(page: playwright_api.Page, lab: Lab, folder: str, name: str) -> str:
    """Open a notebook, press Validate, return the text of the dialog."""
    page.goto(lab.address(f"lab/tree/{folder}/{NAME}/{NAME}.ipynb?reset"))
    page.get_by_role("heading", name="Assignment 99").wait_for()
    page.locator("jp-button.validate-button").click()
    dialog = page.locator(".jp-Dialog .validate-assignments-dialog, .nbgrader-ModalDialog, dialog")
    dialog.first.wait_for()
    picture(page, name)
    return dialog.first.inner_text()


def test_validate_says_what_fails_in_an_unsolved_exercise(
    page: playwright_api.Page, lab: Lab
) -> None:
    text = validate(page, lab, "exercises", "validate-unsolved")
    assert "failed" in text.lower()
    assert "NotImplementedError" in text


def test_validate_praises_a_solved_exercise(page: playwright_api.Page, lab: Lab) -> None:
    text = validate(page, lab, "solved", "validate-solved")
    assert "success" in text.lower() or "passes" in text.lower()


def test_an_assignment_is_fetched_and_submitted(page: playwright_api.Page, lab: Lab) -> None:
    page.goto(lab.address("lab?reset"))
    page.get_by_role("menuitem", name="Nbgrader").click()
    page.locator('#jp-mainmenu-nbgrader li[data-command="nbgrader:open-assignment-list"]').click()
    released = page.locator("#released_assignments_list > .list_item")
    expect(released).to_have_count(1)
    picture(page, "assignment-list-released")
    released.get_by_text("Fetch").click()
    fetched = page.locator("#fetched_assignments_list > .list_item")
    expect(fetched.first).to_contain_text(NAME)
    assert (lab.course.course / NAME / f"{NAME}.ipynb").exists()
    fetched.get_by_text("Submit", exact=True).click()
    submitted = page.locator("#submitted_assignments_list > .list_item")
    expect(submitted.first).to_contain_text(NAME)
    picture(page, "assignment-list-submitted")
    inbound = list((lab.course.exchange / "build-deep" / "inbound").iterdir())
    assert len(inbound) == 3  # ada, mallory and whoever runs this test


def test_formgrader_shows_the_class_and_autogrades(page: playwright_api.Page, lab: Lab) -> None:
    page.goto(lab.address("lab?reset"))
    page.get_by_role("menuitem", name="Nbgrader").click()
    page.locator('#jp-mainmenu-nbgrader li[data-command="nbgrader:open-formgrader"]').click()
    frame = page.frame_locator("iframe")
    frame.get_by_role("link", name=NAME, exact=True).wait_for()
    picture(page, "formgrader-assignments")
    frame.locator("td.num-submissions a").click()
    rows = {
        name: frame.locator("tr").filter(has=frame.get_by_text(name, exact=True))
        for name in ("ada", "mallory")
    }
    expect(rows["ada"]).to_contain_text("needs manual grading")
    expect(rows["mallory"]).to_contain_text("needs autograding")
    picture(page, "formgrader-submissions")
    rows["mallory"].locator("td.autograde a").click()
    modal = frame.locator("#success-modal")
    expect(modal).to_contain_text("Successfully autograded")
    expect(modal).to_have_css("opacity", "1")
    expect(rows["mallory"]).to_contain_text("needs manual grading")
    picture(page, "formgrader-autograded")
    with lab.course.gradebook() as gradebook:
        result = outcome(
            gradebook,
            NAME,
            "mallory",
            lab.course.autograded("mallory", NAME),
            lab.course.submitted("mallory", NAME),
        )
    assert (result.status, result.total) == ("needs manual grading", 9.0)
    assert grades(lab.course) == graded_by_command(lab.course)


def grades(course: ScratchCourse) -> list[tuple[Any, ...]]:
    """What the gradebook says of mallory's cells."""
    with course.gradebook() as gradebook:
        notebook = gradebook.find_submission_notebook(NAME, NAME, "mallory")
        found = [(g.name, g.auto_score, g.needs_manual_grade) for g in notebook.grades]
        return sorted(found) + sorted((c.name, c.auto_comment) for c in notebook.comments)


def graded_by_command(course: ScratchCourse) -> list[tuple[Any, ...]]:
    """What `course grade` enters for the same submission, in a copy of the course."""
    other = ScratchCourse(course.root / "copy")
    shutil.copytree(course.course, other.course)
    command = [str(Path(sys.executable).parent / "course"), "grade", NAME, "--student=mallory"]
    ran = subprocess.run(
        command,
        cwd=other.course,
        env=other.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return grades(other)


def ensure_graded(lab: Lab) -> None:
    """Grade mallory, if the test of the Autograde button has not done so in this process."""
    if not lab.course.autograded("mallory", NAME).is_dir():
        lab.course.nbgrader("autograde", NAME, "--student=mallory")


def test_a_submission_opens_and_its_scripts_do_not_run(page: playwright_api.Page, lab: Lab) -> None:
    ensure_graded(lab)
    with lab.course.gradebook() as gradebook:
        submission = gradebook.find_submission_notebook(NAME, NAME, "mallory").id
    page.goto(lab.address(f"formgrader/submissions/{submission}/"))
    score = page.locator("#double-check")
    expect(score).to_have_attribute("placeholder", "3")
    expect(page.locator("#why")).to_be_visible()
    picture(page, "formgrader-submission")
    assert page.evaluate("window.pwned") is None
    assert page.get_by_text("[picture left out]").count() > 0
    with page.expect_response(lambda response: response.request.method == "PUT") as saved:
        page.locator("#why").fill("1")
        page.locator("#why").blur()
    assert saved.value.ok
    with lab.course.gradebook() as gradebook:
        assert gradebook.find_submission(NAME, "mallory").score == 10


def test_feedback_opens_and_its_scripts_do_not_run(page: playwright_api.Page, lab: Lab) -> None:
    ensure_graded(lab)
    lab.course.nbgrader("generate_feedback", NAME, "--student=mallory")
    with lab.course.gradebook() as gradebook:
        score = gradebook.find_submission(NAME, "mallory").score
    assert score >= 9  # 10 with the point that the test before gave by hand
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    address = (lab.course.feedback("mallory", NAME) / f"{NAME}.html").as_uri()
    page.goto(address)
    expect(page.get_by_text(f"Score: {score} / 10.0")).to_be_visible()
    picture(page, "feedback")
    assert page.evaluate("window.pwned") is None
    assert requests == [address]
