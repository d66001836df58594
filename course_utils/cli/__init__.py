"""The `course` command. Each subcommand is a module, imported only when it is called."""

from __future__ import annotations

import difflib
import errno
import importlib
from typing import Any

from course_utils import __version__, startup
from course_utils.errors import CourseError

import click

# name → (where it is, the line that `course --help` shows without importing it)
COMMANDS = {
    "doctor": ("course_utils.cli.doctor:doctor", "Check this machine; say what to repair and how."),
    "data": ("course_utils.cli.data:data", "List, fetch and verify the data sets."),
    "start": ("course_utils.cli.start:start", "Copy a chapter's exercise into your own folder."),
    "check": ("course_utils.cli.check:check", "Check your notebook; show hints; watch it."),
    "progress": (
        "course_utils.cli.progress:progress",
        "Show which tasks pass, chapter by chapter.",
    ),
    "compare": (
        "course_utils.cli.compare:compare",
        "See your answers beside the model answers, after an attempt.",
    ),
    "submit": ("course_utils.cli.submit:submit", "Hand in an assignment, or pack it for upload."),
    "grade": ("course_utils.cli.grade:grade", "Instructors: grade what a class has handed in."),
    "report": ("course_utils.cli.report:report", "Instructors: a page on how it went."),
    "export": (
        "course_utils.cli.export:export",
        "Instructors: grades for Canvas, Moodle, a table.",
    ),
    "answers": (
        "course_utils.cli.answers:answers",
        "Instructors: publish the model answers of an assignment.",
    ),
    "deadline": (
        "course_utils.cli.deadline:deadline",
        "Instructors: show and set deadlines, give extensions.",
    ),
}
INTERRUPTED = 130  # 128 + SIGINT, as shells report it

EXAMPLES = """\b
Examples:
  course doctor               is everything here that the course needs?
  course data list            which data sets are there, and which are on this machine?
  course data fetch mnist     download one, once
  course start perceptron     copy exercise 03 to work/03-perceptron
  course check perceptron     which of its tasks pass? --hint helps on
  course progress             what is done, what is open, in all chapters
  course submit perceptron    hand it in
  course compare perceptron   your answers beside the model answers
  course grade perceptron     grade what a class has handed in
  course start --help         what a command can do, with its own examples
"""


class CourseGroup(click.Group):
    """Loads subcommands late, and turns every expected error into one sentence."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the whole command."""
        startup.skip_address_grammar()
        return super().main(*args, **options)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order a learner meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one subcommand."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        return getattr(importlib.import_module(module), attribute)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; for an unknown one, name the nearest."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"There is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of subcommands from COMMANDS, importing none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Accept --debug anywhere before `--`, as people write it last."""
        end = args.index("--") if "--" in args else len(args)
        kept = [arg for arg in args[:end] if arg != "--debug"]
        if len(kept) < end:
            args = ["--debug", *kept, *args[end:]]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand; the only place where the command line handles errors."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Stopped.", err=True)
            ctx.exit(INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if ctx.params.get("debug") or getattr(error, "errno", None) == errno.EPIPE:
                raise
            raise Sentence(sentence(error), getattr(error, "exit_code", 1)) from None


class Sentence(click.ClickException):
    """An error that is shown as its sentence alone, with status 1 (or the error's own)."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.exit_code = status  # type: ignore[misc]

    def show(self, file: Any = None) -> None:
        """Print the sentence to stderr."""
        click.echo(self.format_message(), file=file, err=file is None)


def sentence(error: Exception) -> str:
    """Say in a sentence what went wrong, whoever raised it."""
    if isinstance(error, CourseError):
        return str(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"The disk is full{_at(error)}. Free some space and run the command again."
    if isinstance(error, PermissionError):
        return f"You may not write{_at(error) or ' there'}. Choose a folder of your own."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}{_at(error)}. Put this right and run the command again."
    return (
        f"This is a mistake in the course itself ({type(error).__name__}: {error}). "
        "Run the command again with --debug and report what it prints."
    )


def _at(error: OSError) -> str:
    return f": {error.filename}" if error.filename else ""


@click.group(
    cls=CourseGroup,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, message="Build Deep %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Build Deep: the course's own command."""
