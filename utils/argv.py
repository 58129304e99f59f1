"""Quirks of the command line: - and _ alike, a stray --, flags from YAML, messages in one line."""

import argparse
import difflib
import logging
import os
from pathlib import Path
from typing import Any, NoReturn

from utils.errors import ConfigError

NEGATIONS = ("no_cuda", "no_channels_last")


class HelpfulParser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are ConfigErrors that suggest the nearest flags."""

    def error(self, message: str) -> NoReturn:
        """Raise ConfigError instead of printing the usage and leaving."""
        prefix = "unrecognized arguments: "
        if message.startswith(prefix):
            unknown = message.removeprefix(prefix).split()[0]
            known = [option for action in self._actions for option in action.option_strings]
            near = difflib.get_close_matches(unknown.split("=")[0], known, n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else "; see --help"
            if os.path.lexists(unknown):  # noqa: PTH111  # a name that no Path takes is not there
                hint = f"; the file of this name is called ./{unknown} here"
            raise ConfigError(f"unknown argument {unknown}{hint}")
        raise ConfigError(message)


def normalise_argv(argv: list[str]) -> list[str]:
    """`argv` with - as _ inside long options, and without a lone --, which some documented commands hold."""
    tokens = []
    for token in argv:
        if token == "--":
            logging.warning("a lone -- on the command line is ignored")
        elif token.startswith("--"):
            flag, equals, value = token[2:].partition("=")
            plain = flag.replace("-", "_")
            # BooleanOptionalAction spells its negation --no-flag.
            plain = plain.replace("no_", "no-", 1) if plain in NEGATIONS else plain
            tokens.append(f"--{plain}{equals}{value}")
        else:
            tokens.append(token)
    return tokens


def with_config_file(tokens: list[str], parser: argparse.ArgumentParser) -> list[str]:
    """`tokens` with the flags of `--config FILE` put before them, so that argparse checks both alike.

    Raises:
        ConfigError: the file can't be read, is not a YAML mapping, or names an unknown flag.
    """
    finder = HelpfulParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--config", type=Path)
    file = finder.parse_known_args(tokens)[0].config
    if file is None:
        return tokens
    flags = {action.dest: action for action in parser._actions}  # noqa: SLF001
    by_option = {option.lstrip("-"): action for action in flags.values() for option in action.option_strings}
    front: list[str] = []
    for key, value in _read_yaml(file).items():
        action = flags.get(str(key)) or by_option.get(str(key).replace("-", "_"))
        if action is not None and action.dest == "config":
            continue  # the config.yaml of an earlier run names the file that it came from
        if action is None or action.dest == "help":
            near = difflib.get_close_matches(str(key), flags, n=1)
            raise ConfigError(
                f"{file}: unknown flag {key!r}" + (f"; did you mean {near[0]!r}?" if near else "")
            )
        front.extend(_tokens(action, value, file))
    return front + tokens


def _read_yaml(file: Path) -> dict[str, Any]:
    import yaml

    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: can't be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{file}: must map flags to values, such as 'epochs: 10'")
    return values


def _tokens(action: argparse.Action, value: Any, file: Path) -> list[str]:
    option = action.option_strings[-1] if len(action.option_strings[-1]) > 2 else action.option_strings[0]
    if isinstance(action, argparse.BooleanOptionalAction):
        return [action.option_strings[0 if value else -1]]
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise ConfigError(f"{file}: {action.dest} must be true or false, not {value!r}")
        switched_on = value == action.const  # --no_augment: false stands for `augment: false`
        return [option] if switched_on else []
    if value is None:
        return []
    return [option, *map(str, value)] if isinstance(value, list | tuple) else [f"{option}={value}"]
