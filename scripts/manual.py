#!/usr/bin/env python3
"""Writes a manual page a command from what a program says of itself with --experimental-dump-help.

Usage: PROGRAM --experimental-dump-help | manual.py FOLDER. The pages are the same in every run.
"""

import json
import sys
from pathlib import Path


def escape(text):
    """Text as roff takes it: no line begins with a control character."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in text.split("\n"))


def names(argument):
    """How an option is written, its shortest name first."""
    marks = {"short": "-", "long": "--", "longWithSingleDash": "-"}
    return [marks[name["kind"]] + name["name"] for name in argument.get("names", [])]


def synopsis(path, arguments):
    """The command with its arguments; options are listed below."""
    words = [part for part in path]
    if any(argument["kind"] != "positional" for argument in arguments):
        words.append("[options]")
    for argument in arguments:
        if argument["kind"] == "positional":
            word = f"<{argument['valueName']}>" + ("…" if argument.get("isRepeating") else "")
            words.append(f"[{word}]" if argument.get("isOptional") else word)
    return " ".join(words)


def page(path, command):
    """The page of one command."""
    title = "-".join(path)
    arguments = [argument for argument in command.get("arguments", []) if argument.get("shouldDisplay", True)]
    lines = [f'.TH "{title.upper()}" 1', ".SH NAME", f"{escape(title)} \\- {escape(command.get('abstract', ''))}",
             ".SH SYNOPSIS", f".B {escape(synopsis(path, arguments))}"]
    if command.get("discussion"):
        lines.append(".SH DESCRIPTION")
        for paragraph in command["discussion"].split("\n\n"):
            is_example = "\n  " in "\n" + paragraph
            lines += [".PP"] + ([".nf"] if is_example else []) + [escape(paragraph)] + ([".fi"] if is_example else [])
    for heading, chosen in (("ARGUMENTS", lambda kind: kind == "positional"),
                            ("OPTIONS", lambda kind: kind != "positional")):
        own = [argument for argument in arguments if chosen(argument["kind"])]
        if own:
            lines.append(f".SH {heading}")
        for argument in own:
            value = f" <{argument['valueName']}>" if argument["kind"] == "option" else ""
            term = ", ".join(names(argument)) + value if names(argument) else f"<{argument['valueName']}>"
            lines += [".TP", f".B {escape(term)}", escape(argument.get("abstract", ""))]
    subcommands = [own for own in command.get("subcommands", []) if own["commandName"] != "help"]
    if subcommands:
        lines.append(".SH COMMANDS")
        for own in subcommands:
            lines += [".TP", f".B {escape(title + '-' + own['commandName'])}(1)", escape(own.get("abstract", ""))]
    if len(path) > 1:
        lines += [".SH SEE ALSO", f".BR {escape('-'.join(path[:-1]))} (1)"]
    return title, "\n".join(lines) + "\n", subcommands


def write(folder, path, command):
    """The page of a command and those of its subcommands."""
    title, text, subcommands = page(path, command)
    (folder / f"{title}.1").write_text(text, encoding="utf-8")
    for own in subcommands:
        write(folder, path + [own["commandName"]], own)


def main():
    """The command line."""
    command = json.load(sys.stdin)["command"]
    write(Path(sys.argv[1]), [command["commandName"]], command)


if __name__ == "__main__":
    main()
