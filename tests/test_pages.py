"""Every shell command in the READMEs and docs/: its script and its flags exist. Pages are discovered.

tests/test_every_command.py runs them, with small data.
"""

import re
import shlex
from pathlib import Path

import pytest

from config import build_parser
from rankiqa.cli import build_parser as runtime_parser
from tests.command_changes import NOT_RUN
from tests.conftest import ROOT
from utils.argv import normalise_argv

PAGES = sorted([ROOT / "README.md", ROOT / "README.zh-CN.md", *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^ *```(?:sh|bash|shell)\n(.*?)^ *```", flags=re.MULTILINE | re.DOTALL)
PROGRAMS = (
    "curl",
    "npm pack",
    "python -m http.server",
    "find ",
    "ls ",
    "ray",
    "torchrun",
    "$P",
    'P="python',
)  # of others, or shorthands of the page


def blocks(page: Path) -> list[list[str]]:
    """The commands of each fenced shell block as they stand; continued lines are joined, comments dropped."""
    found = []
    for text in FENCE.findall(page.read_text(encoding="utf-8")):
        joined = re.sub(r"\\\n\s*", " ", text)
        lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines()]
        found.append([line for line in lines if line])
    return found


CASES = [(page.name, command) for page in PAGES for block in blocks(page) for command in block]


def words_of(command: str) -> list[str]:
    """The words after `cd X &&`, `torchrun ...` and variables, from the interpreter or the script on."""
    words = shlex.split(command)
    if words[0] == "cd":
        words = words[3:]
    if words and words[0] == "torchrun":
        words = ["python", *words[next(i for i, word in enumerate(words) if word.endswith(".py")) :]]
    return words or [""]


def test_pages_have_commands() -> None:
    assert len(CASES) > 50 and {"README.md", "your_own_data.md", "commands.md"} <= {page for page, _ in CASES}


@pytest.mark.parametrize(("page", "command"), CASES, ids=[f"{page}: {text[:60]}" for page, text in CASES])
def test_script_and_flags_exist(page: str, command: str) -> None:
    words = words_of(command)
    if words[0] == "bash" and words[1].endswith(".sh"):
        assert (ROOT / words[1]).is_file(), words[1]
    elif words[0] == "rankiqa":
        assert runtime_parser().parse_args(words[1:])
    elif words[0] == "python" and words[1].endswith(".py"):
        here = ROOT / "demos" if command.startswith("cd demos") else ROOT
        script = here / words[1]
        assert script.is_file(), words[1]
        if script == ROOT / "main.py":
            # parsing alone: what a command means together with its files is up to the tests that run it
            parsed = build_parser().parse_args(normalise_argv([word for word in words[2:] if word != "--"]))
            assert parsed
        else:
            source = source_of(script)
            for flag in (word.split("=")[0] for word in words[2:] if word.startswith("--")):
                assert flag in source or flag.replace("-", "_") in source, f"{words[1]} knows no {flag}"
    else:
        known = (*PROGRAMS, *NOT_RUN)
        assert command.startswith(known), f"{page}: nothing is known of {command}"


def source_of(script: Path) -> str:
    """The script, the files of its folder, and those beside the modules of data_tools behind it."""
    modules = _tools_in(script)
    modules += [further for module in modules for further in _tools_in(module)]
    folders = {script.parent, *(module.parent for module in modules)}
    near = sorted(path for folder in folders for path in folder.glob("*.py"))
    return "\n".join(path.read_text(encoding="utf-8") for path in near)


def _tools_in(file: Path) -> list[Path]:
    """The modules of data_tools that a file imports."""
    names = re.findall(r"^from (data_tools[\w.]*) import", file.read_text(encoding="utf-8"), re.MULTILINE)
    files = [ROOT / f"{name.replace('.', '/')}.py" for name in names]
    return [path for path in files if path.is_file()]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]
