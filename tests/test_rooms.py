"""Imports go one way, as DESIGN lays down: main -> applications -> the rooms -> utils."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

# What each room may import of the project, itself aside.
ALLOWED = {
    "config": {"deploy", "optim", "utils"},
    "applications": {
        *(
            "config",
            "criterions",
            "dataloader",
            "deploy",
            "distortions",
            "metrics",
            "models",
            "optim",
            "utils",
        )
    },
    "deploy": {"criterions", "dataloader", "models", "utils"},
    "demos": {"dataloader", "deploy", "utils"},
    "criterions": {"utils"},
    "metrics": {"utils"},
    "dataloader": {"utils"},
    "models": {"utils"},
    "optim": {"utils"},
    "distortions": {"utils"},
    "public_datasets": {"utils"},
    "utils": {"dataloader", "distortions", "public_datasets"},  # its command-line tools
}
# The shared parts of utils, which every room imports, import none of them back.
TOOLS = {"check_images", "compare_indexes", "data_generate", "image_checks", "prepare", "prepare_dataset"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)


def files(room: str) -> list[Path]:
    folder = ROOT / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_a_room_imports_only_what_it_may(room: str) -> None:
    project = {*ALLOWED, "main"}
    for path in files(room):
        foreign = {name for name in imports(path) if name in project} - {room} - ALLOWED[room]
        assert not foreign, f"{path.relative_to(ROOT)} imports {sorted(foreign)}"


def test_the_shared_parts_of_utils_stand_alone() -> None:
    for path in files("utils"):
        if path.relative_to(ROOT / "utils").parts[0].removesuffix(".py") not in TOOLS:
            assert not {name for name in imports(path) if name in ALLOWED} - {"utils"}, path.name


def test_only_applications_and_main_see_the_config() -> None:
    seeing = {room for room in ALLOWED for path in files(room) if "config" in set(imports(path))}
    assert seeing <= {"applications", "config"}


# What the parts of applications import of each other; recipes, which nothing imports, import any of them.
PARTS = {"setup": set(), "evaluation": {"setup"}, "training": {"setup", "evaluation"}}


def parts(path: Path) -> Iterator[str]:
    """The part, or the recipe, of applications behind each import of `path` from there."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name}" for name in names]
        yield from (name.split(".")[1] for name in names if name.startswith("applications."))


def test_no_recipe_imports_a_recipe_and_parts_import_one_way() -> None:
    folder = ROOT / "applications"
    for path in folder.rglob("*.py"):
        own = path.parent.name
        allowed = set(PARTS) if path.parent == folder else {own} | PARTS[own]
        assert set(parts(path)) <= allowed, path.relative_to(ROOT)


def test_every_file_beside_the_parts_is_a_recipe() -> None:
    for path in (ROOT / "applications").glob("*.py"):
        names = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
        assert "run" in names or path.name == "__init__.py", path.name
