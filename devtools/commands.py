"""What does the command line take? Its reference, read from the Typer application itself."""

from collections.abc import Iterator
from enum import Enum
from typing import Any

import typer.main
from rich.markup import render

from devtools.markdown import NOTE, code, wrapped
from devtools.markdown import table as rows_table
from nambari.cli.program import app

PROGRAM = "nambari"


def commands() -> Iterator[tuple[str, Any, Any]]:
    """Each command that does something, by its whole name, with the context its help is written in."""
    top = typer.main.get_command(app)
    yield from _within(top, PROGRAM, None)


def _within(command: Any, name: str, above: Any) -> Iterator[tuple[str, Any, Any]]:
    context = command.context_class(command, info_name=name.rsplit(" ", 1)[-1], parent=above)
    for each in getattr(command, "commands", {}).values():
        if not each.hidden:
            yield from _within(each, f"{name} {each.name}", context)
    if not hasattr(command, "commands"):
        yield name, command, context


def table() -> str:
    return rows_table(
        ["command", "does"],
        ([f"[`{name}`](docs/cli.md#{_anchor(name)})", _sentence(command)] for name, command, _ in commands()),
    )


def page() -> str:
    found = list(commands())
    return "\n".join(
        [
            "# The command line\n",
            NOTE,
            code("nambari demo", "sh"),
            wrapped(
                """
                One program. Settings come from the environment ([settings](settings.md)). Every command takes
                `--help`. Where there is a `--json`, standard output has JSON and nothing else: one object, or for a
                list one a line. Errors are one line on standard error. The exit code is 0; 1 for a refusal; 2 for
                wrong usage or a wrong setting; 3 for a server that cannot be asked just now, so that the same may
                work later; 130 after Ctrl-C in a command that is not meant to be ended so.
                """
            ),
            wrapped(
                """
                Operators' commands open the database. Customers' commands (`numbers`, `endpoints`, `webhooks`,
                `credits balance` and `credits transactions`) ask a server: the one that `NAMBARI_BASE_URL` or
                `--base-url` names, with the key of `NAMBARI_API_KEY`. A key is not taken as an option, as other users
                of a machine could read it there. What costs money or gives something away is asked for first;
                `--yes` says so beforehand, and where nobody can be asked it must. `nambari --install-completion` lets
                the shell complete commands and options.
                """
            ),
            table().replace("docs/cli.md#", "#"),
            *(_section(name, command, context) for name, command, context in found),
        ]
    )


def _section(name: str, command: Any, context: Any) -> str:
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    parts = [f"## {name}\n", code(usage), *_paragraphs(command.help)]
    shown = [each for each in command.params if not getattr(each, "hidden", False)]
    if shown:
        parts.append(rows_table(["", "takes", "default", "meaning"], (_row(each, context) for each in shown)))
    parts += _examples(command.epilog)
    return "\n".join(parts)


def _row(parameter: Any, context: Any) -> list[str]:
    is_option = parameter.param_type_name == "option"
    name = ", ".join(f"`{each}`" for each in [*parameter.opts, *parameter.secondary_opts]) if is_option else ""
    return [
        name or f"`{parameter.metavar or parameter.name.upper()}`",
        _takes(parameter, context),
        "required" if parameter.required else _default(parameter),
        _plain(parameter.help or "")
        + (" May be given several times." if getattr(parameter, "multiple", False) else ""),
    ]


def _takes(parameter: Any, context: Any) -> str:
    if getattr(parameter, "is_flag", False):
        return ""
    if parameter.metavar and parameter.param_type_name == "option":
        return f"`{parameter.metavar}`"
    if parameter.min is not None or parameter.max is not None:
        return f"{parameter.min} to {parameter.max}"
    told = parameter.display_type(context).strip("<>")
    return " or ".join(f"`{each}`" for each in told.split("|")) if "|" in told else _KINDS.get(told, told)


_KINDS = {"str": "text", "int": "whole number", "float": "number", "path": "path", "file": "file"}


def _default(parameter: Any) -> str:
    value = parameter.default
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    if not parameter.show_default or value in (None, False, (), [], "") or callable(value):
        return ""
    return f"`{value.value if isinstance(value, Enum) else value}`"


def _plain(text: str) -> str:
    """Without the markup that colours it on a terminal."""
    return " ".join(render(text).plain.split())


def _sentence(command: Any) -> str:
    return _plain((command.help or "").split("\n\n")[0])


def _paragraphs(text: str | None) -> Iterator[str]:
    yield from (wrapped(_plain(each)) for each in (text or "").split("\n\n") if each.strip())


def _examples(epilog: str | None) -> Iterator[str]:
    """The end of the help: what begins with our name, or is piped into us, is a line to copy, all else a sentence."""
    lines = [_plain(each) for each in (epilog or "").split("\n\n") if each.strip()]
    copied = [each for each in lines if each.startswith(PROGRAM) or f"| {PROGRAM} " in each]
    yield from (wrapped(each) for each in lines if each not in copied)
    if copied:
        yield code("\n".join(copied), "sh")


def _anchor(name: str) -> str:
    return name.replace(" ", "-")
