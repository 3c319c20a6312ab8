"""Runs commands of the program within the test's process."""

import socket

from typer.testing import CliRunner, Result

from cabstand.cli import app

SECRET = "0f" * 32
"""CABSTAND_SECRET_KEY of the commands that are run."""


def run(database_url: str, *args: object, code: int = 0, **env: str) -> Result:
    """Run a command on a database; `code` is how it must end, an empty variable of `env` counts as not set."""
    environ = {"CABSTAND_DATABASE_URL": database_url, "CABSTAND_SECRET_KEY": SECRET, **env}
    result = CliRunner().invoke(app, [str(arg) for arg in args], env=environ)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert result.exit_code == code, result.output
    return result


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
