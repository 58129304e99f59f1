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
    "criterions": {"metrics", "utils"},
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
