"""Where every command ends: its result or its error is printed, and the exit code is set.

With `--json` stdout holds exactly one JSON document, also when the command line itself is wrong: an error is
`{"error": {"code", "detail", "fix", …facts}}`. Without it, results are rendered on stdout and errors on stderr.

Exit codes: 0 success; 2 the request is wrong (command line, spec, data, space, model, an unknown name); 3 the request is
understood and cannot be met (no architecture in the budget, an operator that the target cannot run); 130 interrupted;
1 anything else (a device or package missing, a full disk, a defect).
"""

import contextlib
import json
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import typer
from typer.core import TyperGroup

from nas.cli.answer import Answer, finite
from nas.errors import Cancelled
from search_spaces.errors import HwnasError

FAILED: Final = 1
WRONG: Final = 2
UNMET: Final = 3
INTERRUPTED: Final = 130

_BY_STATUS: Final = {400: WRONG, 404: WRONG, 422: UNMET}


@contextlib.contextmanager
def ended_politely() -> Iterator[None]:
    """Turns a request to terminate into an interrupt, so that it is handled like one."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    with _handled(signal.SIGTERM, interrupt):
        yield


@contextlib.contextmanager
def _handled(number: signal.Signals, handler: Any) -> Iterator[None]:
    """Sets a signal's handler meanwhile; only the main thread can, and elsewhere nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


class Commands(TyperGroup):
    """A group of commands that return an `Answer`. An option of one value is rejected where it is given several times."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the group's own options."""
        _reject_repeated(self, ctx, args)
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Finds the named command, and checks its arguments."""
        name, command, words = super().resolve_command(ctx, args)
        if command is not None:
            _reject_repeated(command, command.context_class(command, info_name=name, parent=ctx), words)
        return name, command, words

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Runs a command line; ends the process with its exit code unless `standalone_mode` is false."""
        words = list(sys.argv[1:] if args is None else args) or ["--help"]

        def run() -> Any:
            return super(Commands, self).main(words, prog_name, complete_var, False, windows_expand_args, **extra)

        if not standalone_mode:
            return run()
        as_json = "--json" in words
        stdout = sys.stdout
        try:
            with (
                contextlib.redirect_stdout(sys.stderr)
                if as_json and "--help" not in words
                else contextlib.nullcontext()
            ):
                answer = run()
            code = answer if isinstance(answer, int) else 0
            if isinstance(answer, Answer):
                _print(answer, as_json)
                code = answer.code
        except BrokenPipeError:
            sys.stdout = stdout
            raise SystemExit(FAILED) from None
        except Exception as error:  # noqa: BLE001 - the last place where an error can be reported
            with _handled(signal.SIGINT, signal.SIG_IGN):  # a second Ctrl-C does not cut off the report
                code = _print_error(error, as_json)
        sys.exit(code)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command; an interrupt is an error like others."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Cancelled(
                "Interrupted; what was computed is stored.", fix="Run the same command again to continue from there."
            ) from error


def _reject_repeated(command: Any, context: Any, words: Sequence[str]) -> None:
    """Rejects repeated options: the last value would silently replace the others.

    Raises:
        BadParameter: an option of one value, or a pair such as --measure and --predict, is given more than once.
    """
    try:
        _, _, given = command.make_parser(context).parse_args(args=list(words))
    except typer.TyperException:
        return  # the command itself reports what else is wrong
    for option, times in Counter(given).items():
        names = [*getattr(option, "opts", ()), *getattr(option, "secondary_opts", ())]
        switch = getattr(option, "is_flag", False) and not getattr(option, "secondary_opts", ())
        if times > 1 and option.param_type_name == "option" and not option.multiple and not switch:
            raise typer.BadParameter(
                f"It is given {times} times and takes one value.", ctx=context, param_hint=" / ".join(names)
            )


def _print(answer: Answer, as_json: bool) -> None:
    if as_json:
        _print_json(answer.document)
    else:
        from rich.console import Console

        answer.render(Console(highlight=False))


def _print_json(document: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(finite(document), indent=2, allow_nan=False) + "\n")
    sys.stdout.flush()


def _print_error(error: Exception, as_json: bool) -> int:
    """Prints an error and returns its exit code."""
    document, code = describe(error)
    if code == FAILED and document["code"] == "internal_error":
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    if as_json:
        _print_json({"error": document})
    else:
        from rich.console import Console

        from nas.cli.drawing import error_panel

        Console(stderr=True, highlight=False).print(error_panel(document))
    return code


def describe(error: Exception) -> tuple[dict[str, Any], int]:
    """An error as its document and its exit code."""
    if isinstance(error, HwnasError):
        code = INTERRUPTED if isinstance(error, Cancelled) else _BY_STATUS.get(error.status, FAILED)
        return dict(error.document()), code
    if isinstance(error, typer.TyperException):
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "hwnas"
        return _document("usage_error", error.format_message(), f"See `{path} --help`."), WRONG
    if isinstance(error, typer.Abort):
        return _document("cancelled", "Interrupted.", "Run the same command again."), INTERRUPTED
    if isinstance(error, ModuleNotFoundError):
        return _document("missing_package", f"{error}.", f"Install it: pip install {error.name}"), FAILED
    if isinstance(error, OSError):
        return _document("file_error", f"{error}.", "Check the path, its permissions and the space left."), FAILED
    if isinstance(error, MemoryError):
        return _document(
            "out_of_memory", "There is not enough memory.", "Use a lower --resolution or --effort."
        ), FAILED
    detail = f"{type(error).__name__}: {error}"
    return _document("internal_error", detail, "This is a defect; report it with the trace on stderr."), FAILED


def _document(code: str, detail: str, fix: str) -> dict[str, Any]:
    return {"code": code, "detail": detail, "fix": fix}
