"""The work of a run that may be interrupted: what earlier runs have made is found, the rest is made."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from data_tools.generate.manifest import Record
from data_tools.generate.plan import Scene
from data_tools.generate.tasks import Task, run_tasks
from rankiqa.append_log import AppendLog

NAME = "generating.jsonl"


class Journal:
    """Log of a folder: a line for every finished task, under a line that names the recipe.

    Images are written whole or not at all, so a task whose line and files are there is done. The log of
    another recipe is dropped.

    Attributes:
        done: (scene, distortion type) -> records, of the tasks that earlier runs have finished.
    """

    def __init__(self, folder: Path, recipe: str) -> None:
        self.done: dict[tuple[str, str], list[Record]] = {}
        self._log = AppendLog(folder / NAME, measure=lambda path: read_log(path, recipe, self._enter))
        if self._log.resumed:
            for unfinished in folder.rglob(".*.partial"):  # what a killed run was writing
                unfinished.unlink()
        else:
            self._write({"recipe": recipe})

    def add(self, scene: str, distortion_type: str, records: Sequence[Record]) -> None:
        """Note that the images of this scene and type are on disk."""
        self._write({"scene": scene, "type": distortion_type, "records": [_row(each) for each in records]})

    def finish(self) -> None:
        """Remove it: the labels are written."""
        self._log.remove()

    def close(self) -> None:
        """Leave it for the next run."""
        self._log.close()

    def _write(self, content: dict[str, Any]) -> None:
        self._log.append(json.dumps(content) + "\n")

    def _enter(self, content: dict[str, Any]) -> None:
        records = [_record(row) for row in content["records"]]
        if all(record.path.is_file() for record in records):
            self.done[content["scene"], content["type"]] = records


def read_log(path: Path, recipe: str, enter: Callable[[dict[str, Any]], None]) -> int:
    """Read the log of an earlier run, JSON lines under one that names its recipe; how many bytes can be kept.

    Args:
        path: of the log.
        recipe: of this run; a log of another is not read.
        enter: takes what each line holds; KeyError, TypeError or ValueError ends the reading there.
    """
    kept = 0
    with path.open("rb") as file:
        for line in file:
            try:
                content = json.loads(line) if line.endswith(b"\n") else {}
                if kept:
                    enter(content)
                elif content != {"recipe": recipe}:
                    break
            except (ValueError, KeyError, TypeError):  # torn, or of a version that wrote other fields
                break
            kept += len(line)
    return kept


def make_all(tasks: Sequence[Task], recipes: dict[Path, str], workers: int) -> dict[Scene, list[Record]]:
    """Records of every scene, in the order of `tasks`; what an interrupted run has made is not made again.

    Args:
        tasks: of scenes whose folders are keys of `recipes`.
        recipes: folder -> short name of all that decides on its content.
        workers: processes.

    Raises:
        ImageError, DataError: as of `run_tasks`.
    """
    journals = {folder: Journal(folder, recipe) for folder, recipe in recipes.items()}
    found: dict[Task, list[Record]] = {}
    for task in tasks:
        records = journals[task.scene.folder].done.get((task.scene.name, task.distortion_type))
        if records:
            found[task] = records
    missing = [task for task in tasks if task not in found]
    if found:
        print(f"resuming: {sum(map(len, found.values()))} images are there")
    try:
        with tqdm(total=sum(task.images for task in missing), unit="images", disable=None) as bar:
            for task, made in zip(missing, run_tasks(missing, workers), strict=True):
                journals[task.scene.folder].add(task.scene.name, task.distortion_type, made)
                found[task] = made
                bar.update(len(made))
    finally:
        for journal in journals.values():
            journal.close()
    by_scene: dict[Scene, list[Record]] = {}
    for task in tasks:
        by_scene.setdefault(task.scene, []).extend(found[task])
    return by_scene


def _row(record: Record) -> dict[str, object]:
    return {**asdict(record), "path": str(record.path), "reference": str(record.reference)}


def _record(row: dict[str, Any]) -> Record:
    paths = {"path": Path(row["path"]), "reference": Path(row["reference"])}
    return Record(**{**row, **paths, "quality": tuple(row["quality"])})
