"""The layout of docs/architecture.md: who may import whom, read from the code; sizes of files and functions.

A program is a file that is started (`if __name__ == "__main__"`). Nothing but tests and benchmarks
imports it, so that the entry points in utils may call the rooms above.
"""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT

# From the top: a room may import those of its own layer and of all below.
LAYERS = (
    {"config", "config_rules", "applications"},
    {
        *("deploy", "dataloader", "models", "criterions", "metrics", "optim"),
        *("distortions", "public_datasets", "data_tools"),
    },
    {"utils"},
    {"rankiqa"},
)
ROOMS = {room for layer in LAYERS for room in layer}
BESIDE = {
    "demos": {"rankiqa", "deploy", "utils"},
    "benchmarks": {*ROOMS, "main"},
}  # rooms that no other imports
LONGEST_FILE, LONGEST_FUNCTION = 300, 60  # lines
TORCH_FREE = ("torch", "cv2", "scipy")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def modules() -> dict[str, Path]:
    """Dotted name -> file, of every module but the tests."""
    tops = [*ROOMS, *BESIDE, "main"]
    files = [path for top in tops for path in (ROOT / top).rglob("*.py")]
    files += [path for top in tops if (path := ROOT / f"{top}.py").is_file()]
    return {dotted(path): path for path in sorted(files)}


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    return module.split(".")[0]


def is_program(module: str) -> bool:
    guards = (node.test for node in tree(modules()[module]).body if isinstance(node, ast.If))
    return any(ast.unparse(test) == "__name__ == '__main__'" for test in guards)


@cache
def imports(module: str) -> frozenset[str]:
    """The modules of the project that `module` imports, at its top and inside functions.

    `from package import name` is the module `package.name` where there is one, else the package. Imports for
    type checkers alone are none.
    """
    found: set[str] = set()
    for node in without_type_checking(tree(modules()[module])):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: a relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            inner = names & modules().keys()
            found |= inner if inner == names else {*inner, str(node.module)}
    return frozenset(name for name in found if name in modules() and name != module)


def without_type_checking(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those below `if TYPE_CHECKING:`."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from without_type_checking(child)


def parts_of(room: str) -> list[str]:
    """The modules of a room; the programs in utils are entry points, none of its parts."""
    return [
        name for name in modules() if room_of(name) == room and not (room == "utils" and is_program(name))
    ]


def allowed(room: str) -> set[str]:
    if room in BESIDE:
        return {room, *BESIDE[room]}
    place = next(number for number, layer in enumerate(LAYERS) if room in layer)
    return {name for layer in LAYERS[place:] for name in layer}


def cycle(graph: dict[str, set[str]]) -> str:
    """The first cycle that is found, as text; "" where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " <- ".join(error.args[1])
    return ""


def where(module: str, names: Iterable[str]) -> str:
    return f"{modules()[module].relative_to(ROOT)} imports {', '.join(sorted(names))}"


@pytest.mark.parametrize("room", sorted(ROOMS | BESIDE.keys()))
def test_imports_go_one_way(room: str) -> None:
    assert parts_of(room), f"{room}: no such room"
    foreign = {name: {m for m in imports(name) if room_of(m) not in allowed(room)} for name in parts_of(room)}
    assert not [where(name, found) for name, found in foreign.items() if found]


def test_only_tests_and_benchmarks_import_programs() -> None:
    programs = {name for name in modules() if is_program(name)}
    assert {"main", "utils.check_images", "demos.image_assessment"} <= programs
    found = {name: imports(name) & programs for name in modules() if room_of(name) != "benchmarks"}
    assert not [where(name, those) for name, those in found.items() if those]


def test_only_main_and_benchmarks_import_applications() -> None:
    callers = {room_of(name) for name in modules() for m in imports(name) if room_of(m) == "applications"}
    # main chooses the recipe by its name, as each brings its libraries, so that no import shows it
    assert callers <= {"main", "applications", "benchmarks"}


def test_recipes_are_run_by_main_alone() -> None:
    recipes = {dotted(path) for path in (ROOT / "applications").glob("*.py") if path.stem != "__init__"}
    for name in recipes:
        functions = [node.name for node in tree(modules()[name]).body if isinstance(node, ast.FunctionDef)]
        assert "run" in functions, f"{name} is no recipe; its home is a folder of applications"
    found = {name: imports(name) & recipes for name in modules() if room_of(name) != "benchmarks"}
    assert not [where(name, those) for name, those in found.items() if those]


def test_no_cycle_between_files() -> None:
    assert not cycle({name: set(imports(name)) for name in modules()})


def test_no_cycle_between_rooms() -> None:
    rooms = {
        room: {room_of(m) for name in parts_of(room) for m in imports(name)} - {room}
        for room in ROOMS | BESIDE.keys()
    }
    assert not cycle(rooms)


def test_nothing_below_applications_names_the_config() -> None:
    above = {"main", "benchmarks", *LAYERS[0]}
    for name in (name for name in modules() if room_of(name) not in above):
        named = {node.id for node in ast.walk(tree(modules()[name])) if isinstance(node, ast.Name)}
        assert "Config" not in named and "config" not in imports(name), name


def test_the_runtime_imports_no_training_library() -> None:
    check = f"import rankiqa, sys; print(*(name for name in {TORCH_FREE} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_files_and_functions_fit_on_a_screen_or_two() -> None:
    long = []
    for name, path in modules().items():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LONGEST_FILE:
            long.append(f"{name}: {lines} lines")
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or 0) - node.lineno + 1
                if size > LONGEST_FUNCTION:
                    long.append(f"{name}.{node.name}: {size} lines")
    assert not long


def test_parts_of_applications_import_one_way() -> None:
    below = {"setup": {"setup"}, "evaluation": {"setup", "evaluation"}}
    for name in (name for name in modules() if name.startswith("applications.") and name.count(".") == 2):
        part = name.split(".")[1]
        own = {m.split(".")[1] for m in imports(name) if m.startswith("applications.")}
        assert own <= below.get(part, {*below, "training"}), where(name, imports(name))
