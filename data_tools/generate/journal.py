"""What an unfinished run has made, so that the next one goes on."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from data_tools.generate.tables import Record

NAME = "generating.jsonl"


class Journal:
    """A line for every finished task of a folder, under a line that names the recipe.

    Images are written whole or not at all, so a task whose line and files are there is done. A line that
    was cut off by a kill counts as absent.
    """

    def __init__(self, folder: Path, recipe: str) -> None:
        self.path = folder / NAME
        self.done: dict[tuple[str, str], list[Record]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        whole = self._read(recipe)
        if whole:
            with self.path.open("r+b") as file:
                file.truncate(whole)
            for unfinished in folder.rglob(".*.partial"):  # what a killed run was writing
                unfinished.unlink()
        self._file: TextIO = self.path.open("a" if whole else "w", encoding="utf-8")
        if not whole:
            self._write({"recipe": recipe})

    def add(self, scene: str, kind: str, records: list[Record]) -> None:
        """Note that the images of this scene and type are on disk."""
        rows = [
            {**asdict(each), "path": str(each.path), "reference": str(each.reference)} for each in records
        ]
        self._write({"scene": scene, "kind": kind, "records": rows})

    def finish(self) -> None:
        """Remove it: the labels are written."""
        self.close()
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Leave it for the next run."""
        self._file.close()

    def _write(self, content: dict[str, object]) -> None:
        self._file.write(json.dumps(content) + "\n")
        self._file.flush()

    def _read(self, recipe: str) -> int:
        """Fill `done`; how many bytes of the file can be kept."""
        if not self.path.is_file():
            return 0
        whole = 0
        for number, line in enumerate(self.path.read_bytes().splitlines(keepends=True)):
            try:
                content = json.loads(line)
            except ValueError:
                break
            if not line.endswith(b"\n") or (number == 0 and content != {"recipe": recipe}):
                break
            whole += len(line)
            if number:
                records = [_record(row) for row in content["records"]]
                if all(record.path.is_file() for record in records):
                    self.done[content["scene"], content["kind"]] = records
        return whole


def _record(row: dict[str, object]) -> Record:
    values = dict(row)
    values["path"], values["reference"] = Path(str(row["path"])), Path(str(row["reference"]))
    values["quality"] = tuple(row["quality"])  # type: ignore[arg-type]
    return Record(**values)  # type: ignore[arg-type]
