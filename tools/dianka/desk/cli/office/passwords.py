"""Passwords from the terminal, or from a pipe one a line."""

import sys

import typer


def read_password(who: str = "", confirm: bool = False) -> str:
    """Return the next password: asked for without echo, or the next line of a pipe."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    asked = f"password of {who}" if who else "password"
    return typer.prompt(asked, hide_input=True, confirmation_prompt=confirm)
