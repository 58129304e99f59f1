"""RankIQA: train, evaluate and deploy no-reference image quality models. See `python main.py --help`."""

import importlib
import sys

from config import Config, parse_config
from rankiqa.terminal.entry import run_program


def main(argv: list[str] | None = None) -> int:
    """Run one command line and return its exit status.

    Returns:
        0 when all went well, 2 after an expected error (one line on stderr), 130 after an interrupt, 141 when
        the reader of standard output has stopped.
    """
    return run_program(lambda: _run(sys.argv[1:] if argv is None else argv), quiet=False)


def _run(argv: list[str]) -> int:
    return run_action(parse_config(argv))


def run_action(config: Config) -> int:
    """Run the recipe of the action that `config` names, and return its exit status."""
    name = _recipe(config)
    # Imported late, because each recipe brings its libraries and --help must answer at once.
    recipe = importlib.import_module(f"applications.{name}")
    return recipe.run(config, run_action) if name in ("folds", "learning_curve") else recipe.run(config)


def _recipe(config: Config) -> str:
    actions = {
        "folds": config.folds is not None,
        "learning_curve": config.learning_curve,
        "find_lr": config.find_lr is not None,
        "train": config.train,
        "behaviour": config.behaviour is not None,
        "pairs": config.pairs is not None,
        "compare": config.compare is not None,
        "test": config.evaluate,
        "calibrate": config.calibrate,
        "convert": config.jit,
        "list_optimizers": config.list_optimizers,
        "export": config.export,
        "predict": config.predict,
    }
    named = next((name for name, asked in actions.items() if asked), None)
    return named or ("list_models" if config.list_models is not None else "info")


if __name__ == "__main__":
    sys.exit(main())
