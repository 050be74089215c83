"""The rules that keep the code's rooms apart, checked on the text alone: nothing is imported to be judged.

``offences`` takes the package's folder and the plan, so that it can be tried on a tree with a planted offence.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

MAX_FILE_LINES = 250
MAX_FUNCTION_LINES = 50


@dataclass(frozen=True, slots=True)
class Room:
    """Modules that belong together; they may import each other and the rooms they *see*, and nothing else of ours.

    A name that ends in ``.`` stands for a whole folder. *foreign* are the only third-party packages of a pure room;
    None = the *reserved* ones of the plan are the only limit.
    """

    modules: tuple[str, ...]
    sees: tuple[str, ...] = ()
    foreign: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The rooms, each after those it sees; who may import what is *reserved*; who may import *late*, in functions."""

    rooms: Mapping[str, Room]
    reserved: Mapping[str, tuple[str, ...]]
    late: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Module:
    """One file: its name inside the package (``engine.store``, ``""`` for the package itself) and its text, parsed."""

    name: str
    path: Path
    lines: int
    tree: ast.Module


def offences(root: Path, plan: Plan) -> list[str]:
    """Return every breach of the rules by the package whose folder is *root*."""
    modules = [_module(path, root) for path in sorted(root.rglob("*.py"))]
    ours = {module.name for module in modules}
    imports = {module.name: dict(_imports(module, root.name, ours)) for module in modules}
    return [
        *_plan_offences(plan, ours),
        *(each for module in modules for each in _size_offences(module)),
        *(each for module in modules for each in _hidden_imports(module, root.name, plan)),
        *(each for module in modules for each in _direction_offences(module, imports[module.name], plan)),
        *(each for module in modules for each in _foreign_offences(module, plan, root.name)),
        *_cycles(imports),
    ]


def _module(path: Path, root: Path) -> Module:
    parts = path.relative_to(root).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    text = path.read_text()
    return Module(name, path, len(text.splitlines()), ast.parse(text))


def _imports(module: Module, package: str, ours: set[str]) -> Iterator[tuple[str, int]]:
    """Yield each module of ours that is imported, with its line."""
    for node in ast.walk(module.tree):
        for full in _named(node):
            name = full.removeprefix(package).removeprefix(".")
            if full.split(".")[0] != package:
                continue
            while name not in ours:  # what is imported is a name inside a module
                name = name.rpartition(".")[0]
            yield name, getattr(node, "lineno", 0)


def _named(node: ast.AST) -> list[str]:
    """Return the dotted names that an import statement binds or reads from."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _plan_offences(plan: Plan, ours: set[str]) -> Iterator[str]:
    earlier: set[str] = set()
    for name, room in plan.rooms.items():
        yield from (f"plan: {name} sees {seen}, which does not come before it" for seen in {*room.sees} - earlier)
        yield from (f"plan: {name} names {each}, which does not exist" for each in room.modules if not _any(each, ours))
        earlier.add(name)


def _any(pattern: str, ours: set[str]) -> bool:
    return any(_matches(name, pattern) for name in ours)


def _matches(name: str, pattern: str) -> bool:
    return f"{name}.".startswith(pattern) if pattern.endswith(".") else name == pattern


def _rooms_of(name: str, plan: Plan) -> list[str]:
    return [room for room, each in plan.rooms.items() if any(_matches(name, pattern) for pattern in each.modules)]


def _size_offences(module: Module) -> Iterator[str]:
    if module.lines > MAX_FILE_LINES:
        yield f"{module.path.name}: {module.lines} lines, at most {MAX_FILE_LINES}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield f"{module.name}:{node.lineno} {node.name}: {lines} lines, at most {MAX_FUNCTION_LINES}"


def _hidden_imports(module: Module, package: str, plan: Plan) -> Iterator[str]:
    for function in ast.walk(module.tree):
        if module.name in plan.late or not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if any(name.split(".")[0] == package for name in _named(node)):
                yield f"{module.name}:{getattr(node, 'lineno', 0)} imports inside {function.name}: say it at the top"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield f"{module.name}:{node.lineno} imports relatively"


def _direction_offences(module: Module, imports: Mapping[str, int], plan: Plan) -> Iterator[str]:
    rooms = _rooms_of(module.name, plan)
    if module.name and len(rooms) != 1:
        yield f"{module.name}: must stand in exactly one room, stands in {rooms}"
        return
    for name, line in imports.items():
        seen = {*rooms, *(plan.rooms[rooms[0]].sees if rooms else ())}
        if name and not seen & {*_rooms_of(name, plan)}:
            yield f"{module.name}:{line} imports {name}, which {rooms[0] if rooms else 'the package'} must not see"


def _foreign_offences(module: Module, plan: Plan, package: str) -> Iterator[str]:
    rooms = _rooms_of(module.name, plan)
    allowed = plan.rooms[rooms[0]].foreign if rooms else None
    for node in ast.walk(module.tree):
        for full in _foreign(node):
            for name in (full, full.split(".")[0]):
                who = plan.reserved.get(name)
                if who is not None and not any(_matches(module.name, each) for each in who):
                    yield f"{module.name}:{getattr(node, 'lineno', 0)} uses {name}, which is reserved"
            top = full.split(".")[0]
            if allowed is not None and top not in {package, *allowed}:
                yield f"{module.name}:{getattr(node, 'lineno', 0)} imports {top}: its room is pure"


def _foreign(node: ast.AST) -> list[str]:
    """Return what a node uses by import, or as ``os.something``."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
        return [f"os.{node.attr}"]
    return _named(node)


def _cycles(imports: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    graph = {name: {each for each in found if each not in ("", name)} for name, found in imports.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield "these import each other: " + " <- ".join(error.args[1])
