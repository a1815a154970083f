"""What does the reference of the Python client say? Its methods, objects and errors, from signatures and docstrings."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import nambari_client
from devtools.markdown import NOTE, code, table, wrapped
from nambari_client import errors, objects
from nambari_client.client import Client
from nambari_client.methods import Does, Lists

PATH = "docs/sdk.md"


def page() -> str:
    return "\n".join(
        [
            "# The Python client, in full\n",
            NOTE,
            code(
                "from nambari_client import Client\n\n"
                "with Client() as nambari:  # NAMBARI_API_KEY, NAMBARI_BASE_URL\n"
                '    for number in nambari.list_phone_numbers(status="active"):\n'
                "        print(number.number, number.endpoint_id)",
                "python",
            ),
            wrapped(
                """
                How it is used is told in [its README](../clients/python/README.md). Here is all that it has, as its
                code says it. `AsyncClient` has the same methods, to be awaited; what is a list is walked with
                `async for`.
                """
            ),
            _callable("Client", Client.__init__, Client.__doc__),
            _callable("Retries", nambari_client.Retries, nambari_client.Retries.__doc__),
            _callable("verify", nambari_client.verify, nambari_client.verify.__doc__),
            "## Methods\n",
            *(_method(name, each) for name, each in methods()),
            "## Objects\n",
            "What the methods answer. Unknown fields of a newer server are passed over.\n",
            *(_object(name, each) for name, each in structs()),
            "## Errors\n",
            table(["class", "code", "details", "meaning"], map(_error, refusals())),
        ]
    )


def methods() -> Iterator[tuple[str, Does[..., Any] | Lists[..., Any, Any]]]:
    for name, each in vars(Client).items():
        if isinstance(each, Does | Lists):
            yield name, each


def structs() -> Iterator[tuple[str, type]]:
    for name in sorted(objects.__all__):
        found = getattr(objects, name)
        if hasattr(found, "__struct_fields__"):
            yield name, found


def refusals() -> list[type[Exception]]:
    found = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    return sorted(
        (each for each in found if each.__module__ == errors.__name__),
        key=lambda each: (bool(_code(each)), _code(each)),
    )


def _method(name: str, method: Does[..., Any] | Lists[..., Any, Any]) -> str:
    return _callable(name, method.operation, method.__doc__, "###")


def _callable(name: str, of: Callable[..., Any], told: str | None, level: str = "##") -> str:
    """Its heading, its signature and its words."""
    signature = _signature(name, of)
    return "\n".join([f"{level} {name}\n", code(signature), *_paragraphs(told)])


def _signature(name: str, of: Callable[..., Any]) -> str:
    """As it is written in the source, but for `self` and for the request around what is answered."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(of))).body[0]
    if isinstance(tree, ast.ClassDef):
        fields = [each for each in tree.body if isinstance(each, ast.AnnAssign)]
        return _laid_out(name, [ast.unparse(each).strip("()") for each in fields], "")
    assert isinstance(tree, ast.FunctionDef)
    taken = tree.args
    taken.args = [each for each in taken.args if each.arg != "self"]
    told = _parameters(taken)
    answer = "" if tree.name == "__init__" else f" -> {_answer(tree.returns)}"
    return _laid_out(name, told, answer)


def _parameters(taken: ast.arguments) -> list[str]:
    defaults: list[ast.expr | None] = [None] * (len(taken.args) - len(taken.defaults))
    told = [_parameter(*each) for each in zip(taken.args, [*defaults, *taken.defaults], strict=True)]
    if taken.kwonlyargs:
        told += ["*", *(_parameter(*each) for each in zip(taken.kwonlyargs, taken.kw_defaults, strict=True))]
    return told


def _parameter(each: ast.arg, default: ast.expr | None) -> str:
    typed = f"{each.arg}: {ast.unparse(each.annotation)}" if each.annotation else each.arg
    return f"{typed} = {ast.unparse(default)}" if default is not None else typed


def _answer(returns: ast.expr | None) -> str:
    """`Request[X]` is answered with an X, `PagedRequest[X, …]` with pages of them."""
    told = ast.unparse(returns) if returns else "None"
    paged = re.fullmatch(r"PagedRequest\[(\w+), \w+\]", told)
    if paged:
        return f"Pages[{paged[1]}]"
    one = re.fullmatch(r"Request\[(.+)\]", told)
    return one[1] if one else told


def _laid_out(name: str, told: list[str], answer: str) -> str:
    line = f"{name}({', '.join(told)}){answer}"
    if len(line) <= 100:
        return line
    return f"{name}(\n" + "".join(f"    {each},\n" for each in told) + f"){answer}"


def _paragraphs(told: str | None) -> list[str]:
    return [wrapped(_quoted(each)) for each in inspect.cleandoc(told or "").split("\n\n") if each.strip()]


def _quoted(text: str) -> str:
    """Stars and angles of a docstring are no markup."""
    return re.sub(r"(`[^`]*`)|([*<_])", lambda found: found[1] or f"\\{found[2]}", text)


def _object(name: str, struct: type) -> str:
    own = _own_fields(struct)
    above = [base.__name__ for base in struct.__bases__ if hasattr(objects, base.__name__)]
    parts = [f"### {name}\n", *_paragraphs(struct.__doc__ if "__doc__" in vars(struct) else "")]
    if above:
        parts.append(f"All of {', '.join(f'[`{each}`](#{each.lower()})' for each in above)}, and:\n")
    return "\n".join([*parts, table(["field", "type"], own)])


def _own_fields(struct: type) -> list[list[str]]:
    [tree] = ast.parse(textwrap.dedent(inspect.getsource(struct))).body
    assert isinstance(tree, ast.ClassDef)
    return [
        [f"`{ast.unparse(each.target)}`", f"`{ast.unparse(each.annotation)}`"]
        for each in tree.body
        if isinstance(each, ast.AnnAssign) and "ClassVar" not in ast.unparse(each.annotation)
    ]


def _code(error: type[Exception]) -> str:
    return str(vars(error).get("code") or "")


def _error(error: type[Exception]) -> list[str]:
    code_ = _code(error)
    meaning = _quoted(" ".join(inspect.cleandoc(vars(error).get("__doc__") or "").split("\n\n")[0].split()))
    details = ", ".join(f"`{name}`" for name, each in vars(error).items() if isinstance(each, errors.Detail))
    return [
        f"`{error.__name__}`",
        f"[`{code_}`](errors.md#{code_.lower()})" if code_ else "",
        details,
        meaning,
    ]
