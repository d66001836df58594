"""From an executed cell to a score in the gradebook."""

import math
from typing import Any

from nbconvert.exporters.exporter import ResourcesDict
from nbformat.notebooknode import NotebookNode
from nbgrader import utils
from nbgrader.api import Gradebook
from nbgrader.preprocessors import SaveAutoGrades


def score(cell: NotebookNode) -> float | None:
    """Points that an executed grade cell earns, or None where a person must decide.

    As nbgrader's `determine_grade`, except that (a) text on stderr costs nothing, (b) a code
    cell that was not run earns nothing by itself, (c) a displayed value is a partial score only
    if it is a finite number from 0 to the cell's points; nbgrader gives full marks for `None`,
    `-1` or `tensor(.5)`. A person then decides.
    """
    points = float(cell.metadata.nbgrader["points"])
    if utils.is_solution(cell):
        unchanged = cell.metadata.nbgrader.get("checksum") == utils.compute_checksum(cell)
        return 0.0 if unchanged else None
    if cell.cell_type != "code":
        return None
    if any(output.output_type == "error" for output in cell.outputs):
        return 0.0
    if cell.execution_count is None:
        return None
    shown = [output for output in cell.outputs if output.output_type == "execute_result"]
    if not shown:
        return points
    return _partial(shown[0].data.get("text/plain"), points)


def _partial(text: Any, points: float) -> float | None:
    """Read a displayed value as a partial score, or None if it is not one."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) and 0 <= value <= points else None


class SaveGrades(SaveAutoGrades):
    """Write the scores of one notebook in one transaction, so that no run leaves half of them."""

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Save a score for every grade cell and a comment for every unanswered one."""
        where = resources["nbgrader"]
        names = (where["notebook"], where["assignment"], where["student"])
        with Gradebook(where["db_url"]) as gradebook:
            for cell in nb.cells:
                if utils.is_grade(cell):
                    grade = gradebook.find_grade(cell.metadata.nbgrader["grade_id"], *names)
                    grade.auto_score = score(cell)
                    grade.needs_manual_grade = (
                        grade.auto_score is None or grade.manual_score is not None
                    )
                if utils.is_solution(cell) or utils.is_task(cell):
                    self._comment(gradebook, cell, names)
            gradebook.db.commit()
        return nb, resources

    def _comment(self, gradebook: Gradebook, cell: NotebookNode, names: tuple[str, ...]) -> None:
        comment = gradebook.find_comment(cell.metadata.nbgrader["grade_id"], *names)
        unchanged = cell.metadata.nbgrader.get("checksum") == utils.compute_checksum(cell)
        comment.auto_comment = "No response." if unchanged and not utils.is_task(cell) else None
