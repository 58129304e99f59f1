"""Flags declared once, as fields of a frozen dataclass: parser, rules and documentation derive from them."""

import argparse
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rankiqa.files import write_text
from utils.argv import HelpfulParser, normalise_argv, with_config_file

NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Flag:
    """Declaration of one flag.

    Attributes:
        group: under which it is listed.
        names: its spellings, the first ones the documented ones.
        help: a phrase that can be understood alone.
        options: of `ArgumentParser.add_argument`, but for the default, which is that of the field.
        shown: the default in words, where there is one worth telling.
        may_change: whether a run that is continued may have another value than before.
        only_with: field of the action that it belongs to; "": of any.
        needs: field without which it makes no sense -> why.
        excludes: field that it does not go with -> why, or what to do.
    """

    group: "Group"
    names: tuple[str, ...]
    help: str
    options: Mapping[str, Any]
    shown: str
    may_change: bool
    only_with: str
    needs: Mapping[str, str]
    excludes: Mapping[str, str]

    @property
    def long(self) -> str:
        """The spelling that messages use."""
        return next(name for name in self.names if name.startswith("--"))

    @property
    def keys(self) -> list[str]:
        """The names under which files of flags hold it, those of earlier versions among them."""
        return [name.lstrip("-") for name in self.names]

    def values(self) -> list[str]:
        """What follows the flag on the command line: ["H", "W"], ["FORMAT..."], ["[FILE]"] or nothing."""
        if "action" in self.options:
            return []
        metavar = self.options.get("metavar") or "|".join(self.options.get("choices", ()))
        names = list(metavar) if isinstance(metavar, tuple) else [metavar or self.long[2:].upper()]
        form = {"?": "[{}]", "+": "{}..."}.get(self.options.get("nargs", ""), "{}")
        return [form.format(name) for name in names]


@dataclass(frozen=True)
class Group:
    """Group of flags; its methods declare fields of a dataclass.

    Attributes:
        title: its heading.
        about: a sentence below the heading.
        may_change: default of `Flag.may_change`.
        one_of: whether its flags exclude one another, but for those that belong to another of them.
    """

    title: str
    about: str = ""
    may_change: bool = False
    one_of: bool = False

    def flag(
        self,
        *names: str,
        help: str,
        default: Any = None,
        shown: str | None = None,
        may_change: bool | None = None,
        only_with: str = "",
        needs: Mapping[str, str] = NONE,
        excludes: Mapping[str, str] = NONE,
        **options: Any,
    ) -> Any:
        """A field for a flag with a value; `options` are those of `ArgumentParser.add_argument`."""
        free = self.may_change if may_change is None else may_change
        if shown is None and default is not None:
            shown = " ".join(map(str, default)) if isinstance(default, tuple) else str(default)
        flag = Flag(self, names, help, options, shown or "", free, only_with, needs, excludes)
        return field(default=default, metadata={"flag": flag})

    def switch(self, *names: str, help: str, **rules: Any) -> Any:
        """A field that is False until its flag is given; of a name `--no_...`: True until then."""
        off = names[0].startswith("--no_")
        action = "store_false" if off else "store_true"
        return self.flag(*names, help=help, default=off, shown="", action=action, **rules)

    def on_off(self, name: str, help: str, **rules: Any) -> Any:
        """A field that is True, with flags `--name` and `--no-name`."""
        action = argparse.BooleanOptionalAction
        return self.flag(name, help=help, default=True, shown="on", action=action, **rules)


def flags_of(config_class: type) -> dict[str, Flag]:
    """field -> flag of a dataclass that declares them; fields without a flag are left out."""
    return {item.name: item.metadata["flag"] for item in fields(config_class) if "flag" in item.metadata}


def build_parser(config_class: type, **options: Any) -> argparse.ArgumentParser:
    """Parser of the flags of `config_class`; its namespace holds those alone that were given.

    Args:
        options: of `ArgumentParser`.
    """
    parser = HelpfulParser(allow_abbrev=False, argument_default=argparse.SUPPRESS, **options)
    groups: dict[Group, Any] = {}
    exclusive: dict[Group, Any] = {}
    for name, flag in flags_of(config_class).items():
        if flag.group not in groups:
            groups[flag.group] = parser.add_argument_group(flag.group.title, flag.group.about or None)
            if flag.group.one_of:
                exclusive[flag.group] = groups[flag.group].add_mutually_exclusive_group()
        place = groups[flag.group] if flag.only_with else exclusive.get(flag.group, groups[flag.group])
        told = f"{flag.help} (default: {flag.shown})" if flag.shown else flag.help
        place.add_argument(*flag.names, dest=name, help=told.replace("%", "%%"), **flag.options)
    return parser


def may_change(config_class: type) -> frozenset[str]:
    """The fields whose value may be another when a run is continued."""
    return frozenset(name for name, flag in flags_of(config_class).items() if flag.may_change)


def parse_flags(argv: list[str], parser: argparse.ArgumentParser) -> dict[str, Any]:
    """field -> value of the flags on the command line and in the file of `--config`.

    Raises:
        ConfigError: an unknown flag or a wrong value.
    """
    return vars(parser.parse_args(with_config_file(normalise_argv(argv), parser)))


def broken_rules(config: Any) -> Iterator[str]:
    """Messages about flags without what they belong to or need, and about two that exclude each other."""
    flags = flags_of(type(config))
    for name, flag in flags.items():
        if not _is_used(config, name):
            continue
        if flag.only_with and not _is_used(config, flag.only_with):
            yield f"{flag.long} belongs to {flags[flag.only_with].names[0]}"
        for other, reason in flag.needs.items():
            if getattr(config, other) in (None, False):
                yield f"{flag.long} needs {' '.join([flags[other].long, *flags[other].values()])}, {reason}"
        for other, reason in flag.excludes.items():
            if _is_used(config, other):
                yield f"{flag.long} does not go with {flags[other].long}: {reason}"


def _is_used(config: Any, name: str) -> bool:
    """Whether the flag of a field was given, and does not switch off."""
    value = getattr(config, name)
    return name in config.given and value is not None and value is not False


def flags_page(config_class: type) -> str:
    """Markdown: a table of flags for each group, and which may change when a run is continued."""
    flags = flags_of(config_class)
    lines: list[str] = []
    for group in dict.fromkeys(flag.group for flag in flags.values()):
        lines += [f"## {group.title.capitalize()}", ""]
        lines += [_linked(f"{group.about[0].upper()}{group.about[1:]}."), ""] if group.about else []
        lines += ["| flag | default | meaning |", "| --- | --- | --- |"]
        lines += [_row(flag) for flag in flags.values() if flag.group is group] + [""]
    return "\n".join([*lines, f"May change at `--continue`: {_free(list(flags.values()))}.", ""])


def _free(flags: list[Flag]) -> str:
    """The flags that may change when a run is continued, groups of them by their titles."""
    fixed = {flag.group for flag in flags if not flag.may_change}
    free = [f"`{flag.long}`" for flag in flags if flag.may_change and flag.group in fixed]
    whole = dict.fromkeys(flag.group.title for flag in flags if flag.group not in fixed)
    return f"{', '.join(free)}, and all flags of the groups {', '.join(whole)}"


def _row(flag: Flag) -> str:
    names = ", ".join(f"`{name}`" for name in flag.names)
    if flag.options.get("action") is argparse.BooleanOptionalAction:
        names += f", `--no-{flag.long[2:]}`"
    values = " ".join(" \\| ".join(f"`{part}`" for part in value.split("|")) for value in flag.values())
    meaning = flag.help[0].upper() + flag.help[1:].replace("|", "\\|")
    default = f"`{flag.shown}`" if flag.shown else ""
    return f"| {names} {values} | {default} | {_linked(meaning)}. |".replace("  ", " ")


def _linked(text: str) -> str:
    return re.sub(r"docs/(\w+\.md)", r"[\1](\1)", text)


MARK = re.compile(r"(<!-- flags: [^>]*-->\n).*(<!-- end of flags -->)", flags=re.DOTALL)


def write_page(path: Path, config_class: type) -> None:
    """Replace what stands between the two marks of a page by `flags_page`."""
    text = path.read_text(encoding="utf-8")
    write_text(path, MARK.sub(lambda match: f"{match[1]}\n{flags_page(config_class)}\n{match[2]}", text))
