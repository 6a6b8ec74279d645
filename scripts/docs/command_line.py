"""The help of every command, as a page of the reference has it."""

from __future__ import annotations

import typer

from nonlin.cli import app


def command_line() -> str:
    """Markdown: a heading and the help text for each command."""
    group = typer.main.get_command(app)
    parts: list[str] = []
    for name, command in group.commands.items():  # pyright: ignore[reportAttributeAccessIssue]
        context = typer.Context(command, info_name=f"nonlin {name}", max_content_width=86, terminal_width=86)
        parts.append(f"## nonlin {name}\n\n```text\n{command.get_help(context)}\n```")
    return "\n\n".join(parts)
