"""Collect every kind of error from the source, without running it: which class carries it, and how its message reads.

A kind is followed from the call that makes the error back to the text it comes from: a constant, a local variable, a
table that a loop goes through, or a parameter (then every call of that function). One that cannot be followed stops the
generator, so the reference cannot leave it out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Kind:
    """One kind of error; ``message`` has an ellipsis where a message names something."""

    name: str
    error_class: str
    message: str


@dataclass(frozen=True)
class Function:
    """A function, the module it stands in, and the names of its positional parameters without ``self``."""

    module: ast.Module
    node: ast.FunctionDef

    @property
    def parameters(self) -> list[str]:
        """Names in the order of positional arguments, then those that are given by name only."""
        given = [a.arg for a in (*self.node.args.posonlyargs, *self.node.args.args, *self.node.args.kwonlyargs)]
        return [name for name in given if name not in ("self", "cls")]


class Unknown(Exception):
    """A kind whose text the source does not show."""


def collect(folders: list[Path], classes: set[str]) -> list[Kind]:
    """Every kind in the Python files below the folders. Raises: Unknown."""
    source = _Source([ast.parse(f.read_text("utf-8")) for folder in folders for f in sorted(folder.rglob("*.py"))])
    found: dict[tuple[str, str], Kind] = {}
    for call, function in source.calls():
        name = _callee(call)
        if name not in classes or function is None:
            continue
        value = next((k.value for k in call.keywords if k.arg == "kind"), None)
        if value is None:
            raise Unknown(f"line {call.lineno}: {name} without a kind")
        message = _template(call.args[0]) if call.args else ""
        for kind in source.texts(value, function):
            found.setdefault((kind, name), Kind(kind, name, message if isinstance(value, ast.Constant) else ""))
    return sorted(found.values())


class _Source:
    def __init__(self, modules: list[ast.Module]) -> None:
        self._calls = [pair for module in modules for pair in _calls_in(module)]

    def calls(self) -> Iterator[tuple[ast.Call, Function | None]]:
        yield from self._calls

    def texts(self, value: ast.expr, function: Function) -> set[str]:
        """The texts that an expression may have. Raises: Unknown."""
        match value:
            case ast.Constant(value=str(text)):
                return {text}
            case ast.IfExp(body=one, orelse=other):
                return self.texts(one, function) | self.texts(other, function)
            case ast.Attribute(attr="kind") | ast.Subscript():
                return set()  # passed on from an error that is found where it is made
            case ast.Name(id=name):
                found = self._named(name, function)
                if found:
                    return found
            case _:
                pass
        raise Unknown(f"{function.node.name}: where does {ast.unparse(value)} come from?")

    def _named(self, name: str, function: Function) -> set[str]:
        if name in function.parameters:
            return self._passed(name, function)
        found: set[str] = set()
        for node in ast.walk(function.node):
            if isinstance(node, ast.Assign):
                found |= _assigned(node, name)
            elif isinstance(node, ast.For):
                found |= _looped(node, name, function.module)
        return found

    def _passed(self, name: str, function: Function) -> set[str]:
        """What every call of the function gives for a parameter."""
        found: set[str] = set()
        at = function.parameters.index(name)
        for call, caller in self._calls:
            if _callee(call) != function.node.name or caller is None or caller.node is function.node:
                continue
            if not (_in_same_module(caller, function) or _imports(caller.module, function.node.name)):
                continue
            given = next((k.value for k in call.keywords if k.arg == name), None)
            if given is None and len(call.args) > at:
                given = call.args[at]
            if given is not None:
                found |= self.texts(given, caller)
        return found


def _in_same_module(one: Function, other: Function) -> bool:
    return one.module is other.module


def _imports(module: ast.Module, name: str) -> bool:
    return any(isinstance(n, ast.ImportFrom) and name in {a.name for a in n.names} for n in ast.walk(module))


def _calls_in(module: ast.Module) -> Iterator[tuple[ast.Call, Function | None]]:
    waiting: list[tuple[ast.AST, Function | None]] = [(module, None)]
    while waiting:
        node, function = waiting.pop()
        if isinstance(node, ast.FunctionDef):
            function = Function(module, node)
        if isinstance(node, ast.Call):
            yield node, function
        waiting += [(child, function) for child in ast.iter_child_nodes(node)]


def _callee(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _assigned(node: ast.Assign, name: str) -> set[str]:
    """What ``name = "text"`` or ``name, other = "text", ...`` gives."""
    target, value = node.targets[0], node.value
    pairs = [(target, value)]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = list(zip(target.elts, value.elts, strict=True))
    named = (v for t, v in pairs if isinstance(t, ast.Name) and t.id == name)
    return {v.value for v in named if isinstance(v, ast.Constant) and isinstance(v.value, str)}


def _looped(node: ast.For, name: str, module: ast.Module) -> set[str]:
    """What ``for _, name in TABLE`` gives, where TABLE is a tuple of tuples at the top of the module."""
    if not (isinstance(node.target, ast.Tuple) and isinstance(node.iter, ast.Name)):
        return set()
    names = [t.id if isinstance(t, ast.Name) else "" for t in node.target.elts]
    for top in module.body:
        if isinstance(top, ast.Assign) and ast.unparse(top.targets[0]) == node.iter.id and name in names:
            assert isinstance(top.value, ast.Tuple)
            cells = [row.elts[names.index(name)] for row in top.value.elts if isinstance(row, ast.Tuple)]
            return {c.value for c in cells if isinstance(c, ast.Constant) and isinstance(c.value, str)}
    return set()


def _template(message: ast.expr) -> str:
    """A message with … for what is filled in; empty where it is put together elsewhere."""
    if isinstance(message, ast.Constant):
        return str(message.value)
    if not isinstance(message, ast.JoinedStr):
        return ""
    parts = [str(p.value) if isinstance(p, ast.Constant) else "…" for p in message.values]
    return "".join(parts).partition("\n")[0]
