"""RankIQA: train, evaluate and deploy no-reference image quality models. See `python main.py --help`."""

import importlib
import logging
import sys

from config import Config, parse_config
from utils.errors import RankIQAError
from utils.my_logger import setup_console


def main(argv: list[str] | None = None) -> int:
    """Run one command line and return its exit status.

    Returns:
        0 when all went well, 2 after an expected fault (one line on stderr), 130 after an interrupt.
    """
    setup_console()
    try:
        config = parse_config(sys.argv[1:] if argv is None else argv)
        # Imported late, because each application brings its libraries and --help must answer at once.
        application = importlib.import_module(f"applications.{_application(config)}")
        return application.run(config)
    except RankIQAError as error:
        logging.error("%s", error)
        return 2
    except KeyboardInterrupt:
        logging.error("interrupted")
        return 130


def _application(config: Config) -> str:
    actions = {
        "folds": config.folds is not None,
        "find_lr": config.find_lr is not None,
        "train": config.train,
        "behaviour": config.behaviour is not None,
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
