"""A desk of the office, in the test's process and transaction: a folder, a control card, a manager.

The commands are those of the whole command line.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dianka.cli import app
from office_kit import MANAGER

Run = Callable[..., tuple[int, str, str]]


def sign_in_here(office: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Sign the manager in; return how to run a command in this folder, which has a control card.

    A command that refuses says so in one line, or it is a check.
    """
    from dianka.desk.cli.office.signed_in import keep_token

    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    keep_token(office, _sign_in())

    def run(words: str, given: str = "", with_office: bool = True) -> tuple[int, str, str]:
        env = {"DIANKA_OFFICE": str(office) if with_office else None}
        result = CliRunner().invoke(app, words.split(), input=given, env=env)
        wrong = result.exception
        assert wrong is None or isinstance(wrong, SystemExit), wrong
        lines = 0 if "verify" in words else 1  # of an error
        assert result.exit_code == 0 or result.stderr.count("\n") == lines, result.stderr
        return result.exit_code, result.stdout, result.stderr

    assert run("card issue control control.card --holder wu")[0] == 0
    return run


def _sign_in() -> str:
    """Sign the manager in without his password, whose check takes 0.3 s; return the token."""
    from django.db import transaction

    from dianka.desk.office.audit import chain
    from dianka.desk.office.people.models import Operator, SignIn
    from dianka.desk.office.people.sign_in import LASTS
    from dianka.desk.office.state.told import tell

    now, token = chain.read_time(), "token"
    with transaction.atomic():
        made = SignIn.objects.create(
            operator=Operator.objects.get(username=MANAGER),
            desk="desk1",
            token_hash=hashlib.sha256(token.encode()).digest(),
            begun_at=now,
            ends_at=now + LASTS,
        )
        chain.append("kit", MANAGER, "sign-in", MANAGER, rows=tell(made))
    return token
