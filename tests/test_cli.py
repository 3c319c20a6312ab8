"""The command line on a real database: what it prints, what it stores, and that bad input gets one clear line."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import Result

from cabstand.commands import database
from cabstand.core.access.secrets import WEBHOOK, Seal, key_hash
from cabstand.core.clock import utcnow
from cabstand.infra import postgres
from cabstand.settings import Settings
from tests.support.cli import SECRET, free_port, run

Cli = Callable[..., Result]


@pytest.fixture
def cli(database_url: str) -> Cli:
    """Runs a command on the tests' database."""

    return partial(run, database_url)


@pytest.fixture
def ask(database_url: str) -> Callable[..., Any]:
    """One value of the tests' database."""

    async def value(sql: str, *args: object) -> Any:
        connection = await asyncpg.connect(database_url)
        try:
            return await connection.fetchval(sql, *args)
        finally:
            await connection.close()

    return lambda sql, *args: asyncio.run(value(sql, *args))


@pytest.fixture
def slug(cli: Cli, tmp_path: Path) -> str:
    """A fresh tenant without credentials."""
    name = f"t-{os.urandom(5).hex()}"
    cli("apply", a_file(tmp_path, name))
    return name


def a_file(folder: Path, slug: str, more: str = "") -> Path:
    file = folder / "exchange.toml"
    file.write_text(
        f'[[tenants]]\nslug = "{slug}"\nname = "Táxis"\ncountry = "NL"\ncurrency = "EUR"\n'
        f'time_zone = "Europe/Amsterdam"\n{more}'
    )
    return file


def a_credential(webhook: str = "") -> str:
    return (
        '[[tenants.credentials]]\nname = "Booking app"\ndoor = "dispatchapi"\nkind = "booking"\n'
        f'environments = ["sandbox", "live"]\n{webhook}\n'
    )


def created(cli: Cli, slug: str, *more: str, name: str = "App") -> tuple[int, str]:
    """A new key: its number and the key itself."""
    options = ("--door", "dispatchapi", "--kind", "booking", "--env", "live", "--name", name)
    result = cli("keys", "create", slug, *options, *more)
    return int(result.stderr.rsplit("Key ", 1)[1].split()[0]), result.stdout.strip()


def test_apply_shows_then_does_then_has_nothing_to_do(cli: Cli, tmp_path: Path, ask: Callable[..., Any]) -> None:
    slug = f"t-{os.urandom(5).hex()}"
    file = a_file(tmp_path, slug, a_credential())
    shown = cli("apply", file, "--dry-run").stdout
    assert shown.splitlines()[0] == f'+ tenant {slug} "Táxis"'
    assert ask("SELECT count(*) FROM tenants WHERE slug = $1", slug) == 0
    done = cli("apply", file)
    assert done.stdout.startswith(shown)
    keys = [word for word in done.stdout.split() if word.startswith("cbs_")]
    assert len(keys) == 2
    for key in keys:
        assert ask("SELECT revoked_at IS NULL FROM credentials WHERE key_hash = $1", key_hash(key))
    assert cli("apply", file).stdout == "= nothing to do\n"


def test_apply_writes_new_keys_to_a_private_new_file(cli: Cli, tmp_path: Path, ask: Callable[..., Any]) -> None:
    slug, keys = f"t-{os.urandom(5).hex()}", tmp_path / "keys.json"
    result = cli("apply", a_file(tmp_path, slug, a_credential()), "--keys", keys)
    assert "cbs_" not in result.output
    assert keys.stat().st_mode & 0o777 == 0o600
    written = json.loads(keys.read_text())
    assert [(each["tenant"], each["environment"], each["name"]) for each in written] == [
        (slug, "sandbox", "Booking app"),
        (slug, "live", "Booking app"),
    ]
    more = a_credential().replace("Booking app", "Second app")
    refused = cli("apply", a_file(tmp_path, slug, more), "--keys", keys, code=1)
    assert "is there already" in refused.stderr
    assert ask("SELECT count(*) FROM credentials WHERE name = 'Second app' AND key_hash IS NOT NULL") == 0
    assert json.loads(keys.read_text()) == written


def test_all_that_is_wrong_with_a_file_is_told_by_line(cli: Cli, tmp_path: Path) -> None:
    file = a_file(tmp_path, "Not A Slug", a_credential('webhook = "http://10.0.0.1/"').replace('"booking"', '"bok"'))
    lines = cli("apply", file, code=1).stderr.splitlines()
    assert [line.split(" ")[0] for line in lines] == [f"{file}:{number}:" for number in (2, 10, 12)]
    assert lines[2].endswith('webhooks cannot go to "http://10.0.0.1/": the address is private')


def test_a_file_that_cannot_be_read_gets_one_line(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    assert cli("apply", file, code=1).stderr == f"{file} cannot be read: No such file or directory\n"
    file.write_bytes(b"\n\n# \xff\n")
    assert cli("apply", file, code=1).stderr == f"{file}:3: this is not UTF-8 text\n"
    assert "Is a directory" in cli("apply", tmp_path, code=1).stderr


def test_a_key_is_created_listed_and_revoked(cli: Cli, slug: str, ask: Callable[..., Any]) -> None:
    id, key = created(cli, slug, "--webhook", "https://example.com/hooks")
    assert ask("SELECT kind FROM credentials WHERE key_hash = $1", key_hash(key)) == "booking"
    listed = cli("keys", "list", "--tenant", slug).stdout
    assert str(id) in listed
    assert key not in listed
    assert "https://example.com/hooks" in listed
    cli("keys", "revoke", id)
    assert cli("keys", "list", "--tenant", slug).stderr == "There are no keys.\n"
    assert str(id) in cli("keys", "list", "--tenant", slug, "--revoked").stdout
    assert cli("keys", "revoke", id, code=1).stderr == f"There is no credential {id} in force.\n"


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("nobody", "--name", "A"), 1, "There is no tenant 'nobody'."),
        (("TENANT", "--name", "A", "--door", "dispatch"), 1, "There is no door 'dispatch'"),
        (("TENANT", "--name", "A\nB"), 2, "must be plain text on one line"),
        (("TENANT", "--name", "A" * 201), 1, "A name has at most 200 characters."),
        (("TENANT", "--name", "A", "--env", "prod"), 2, "prod"),
        (("TENANT", "--name", "A", "--webhook", "http://169.254.169.254/"), 1, "the address is link-local"),
        (("TENANT", "--name", "A", "--webhook", "nonsense"), 1, "Webhooks cannot go to nonsense"),
    ],
)
def test_a_wrong_key_is_refused(cli: Cli, slug: str, args: tuple[str, ...], code: int, says: str) -> None:
    options = ["--door", "dispatchapi", "--kind", "booking", "--env", "live"]
    result = cli("keys", "create", *options, *(slug if arg == "TENANT" else arg for arg in args), code=code)
    assert says in result.stderr
    assert cli("keys", "list", "--tenant", slug, "--revoked").stderr == "There are no keys.\n"


def test_a_name_is_taken_only_once(cli: Cli, slug: str) -> None:
    created(cli, slug)
    options = ("--door", "dispatchapi", "--kind", "booking", "--env", "live", "--name", "App")
    assert "already has a key called 'App'" in cli("keys", "create", slug, *options, code=1).stderr


def test_a_webhook_moves_is_signed_and_is_switched_off(cli: Cli, slug: str, ask: Callable[..., Any]) -> None:
    id, _ = created(cli, slug)

    def stored(column: str) -> Any:
        return ask(f"SELECT {column} FROM destinations WHERE credential_id = $1", id)

    result = cli("keys", "webhook", id, "https://a.example.com/", "--sign")
    secret = result.stdout.splitlines()[-1]
    assert Seal(bytes.fromhex(SECRET)).open(stored("sealed_secret"), purpose=WEBHOOK) == secret
    cli("keys", "webhook", id, "https://b.example.com/")
    assert (stored("url"), stored("sealed_secret IS NOT NULL")) == ("https://b.example.com/", True)
    cli("keys", "webhook", id, "none")
    assert (stored("url"), stored("sealed_secret IS NOT NULL")) == (None, True)
    cli("keys", "webhook", id, "https://b.example.com/", "--no-sign")
    assert stored("sealed_secret IS NOT NULL") is False


def test_a_webhook_of_this_machine_is_taken_with_a_warning_unless_it_is_forbidden(cli: Cli, slug: str) -> None:
    id, _ = created(cli, slug)
    url = "http://127.0.0.1:9000/hooks"
    assert "CABSTAND_ALLOW_LOOPBACK_HOOKS=1" in cli("keys", "webhook", id, url).stderr
    assert cli("keys", "webhook", id, url, CABSTAND_ALLOW_LOOPBACK_HOOKS="1").stderr == ""
    refused = cli("keys", "webhook", id, url, code=1, CABSTAND_ALLOW_LOOPBACK_HOOKS="0")
    assert refused.stderr == f"Webhooks cannot go to {url}: the address is loopback.\n"


def test_a_secret_is_not_sealed_under_a_key_that_the_exchange_does_not_have(
    cli: Cli, slug: str, tmp_path: Path
) -> None:
    id, _ = created(cli, slug)
    options = ("keys", "webhook", id, "https://a.example.com/", "--sign", "--data", tmp_path / "other")
    assert "Set CABSTAND_SECRET_KEY" in cli(*options, code=1, CABSTAND_SECRET_KEY="").stderr
    assert not (tmp_path / "other").exists()


@pytest.fixture
def delivery(cli: Cli, slug: str, ask: Callable[..., Any]) -> int:
    """A delivery that has failed once."""
    created(cli, slug, "--webhook", "https://a.example.com/")
    id: int = ask(
        """WITH d AS (
            INSERT INTO deliveries (environment, tenant_id, destination_id, fact_id, door, subject, subject_id,
                event_id, kind, body, state, attempts, created_at)
            SELECT 'live', t.id, d.id, 1, 'dispatchapi', 'ride', 1, 'event-1', 'rides.status_changed',
                convert_to('{"a": 1}', 'UTF8'), 'failed', 1, $2
            FROM tenants t JOIN destinations d ON d.tenant_id = t.id WHERE t.slug = $1 RETURNING id),
        a AS (
            INSERT INTO delivery_attempts (delivery_id, number, at, milliseconds, status, error, answer_length,
                answer_start)
            SELECT id, 1, $2, 12, 500, NULL, 6, E'oh\\n\\x1b[2J' FROM d)
        SELECT id FROM d""",
        slug,
        utcnow(),
    )
    return id


def test_deliveries_are_listed_shown_and_sent_again(
    cli: Cli, slug: str, delivery: int, ask: Callable[..., Any]
) -> None:
    listed = cli("deliveries", "list", "--tenant", slug, "--state", "failed").stdout
    assert listed.splitlines()[1].split()[0] == str(delivery)
    shown = cli("deliveries", "show", delivery).stdout
    assert '{"a": 1}' in shown
    assert r"oh\n\x1b[2J" in shown  # a stored answer must not command the terminal
    cli("deliveries", "resend", delivery)
    assert ask("SELECT state FROM deliveries WHERE id = $1", delivery) == "pending"
    assert cli("deliveries", "list", "--tenant", slug, "--state", "failed").stderr == "There are no deliveries.\n"


@pytest.mark.parametrize("command", ["show", "resend"])
def test_a_delivery_that_is_not_there_gets_one_line(cli: Cli, command: str) -> None:
    assert cli("deliveries", command, 2**62, code=1).stderr == f"There is no delivery {2**62}.\n"
    assert "Invalid value" in cli("deliveries", command, 2**63, code=2).stderr


def test_only_live_messages_that_were_not_sent_are_shown(cli: Cli, slug: str, ask: Callable[..., Any]) -> None:
    for environment, state, text in (
        ("live", "kept", "Your code is 1"),
        ("live", "sent", "Your code is 2"),
        ("sandbox", "kept", "Your code is 3"),
    ):
        ask(
            """INSERT INTO messages (tenant_id, environment, channel, recipient, state, text, created_at)
            SELECT id, $2, 'sms', $1, $3, $4, $5 FROM tenants WHERE slug = $1 RETURNING id""",
            slug,
            environment,
            state,
            text,
            utcnow(),
        )
    shown = cli("messages", "--to", slug).stdout
    assert "Your code is 1" in shown
    assert "kept" in shown
    assert "Your code is 2" not in shown
    assert "Your code is 3" not in shown
    assert cli("messages", "--to", "nobody").stderr == "There are no messages.\n"


def test_doors_accounts_for_its_document(cli: Cli) -> None:
    assert "dispatchapi" in cli("doors").stdout
    assert "Error codes not used, because (" in cli("doors", "--door", "dispatchapi").stdout
    assert cli("doors", "--door", "gtt", code=1).stderr.startswith("There is no door 'gtt'")


def test_docs_are_written_only_into_a_checkout(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "is not in a checkout" in cli("docs", code=1).stderr
    (tmp_path / "src" / "cabstand").mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path / "src" / "cabstand")
    assert "docs/lifecycle.md" in cli("docs").stdout.splitlines()
    assert (tmp_path / "docs" / "lifecycle.md").is_file()


def test_a_wrong_setting_is_told_before_anything_is_done(cli: Cli) -> None:
    result = cli("keys", "list", code=2, CABSTAND_DATABAS_URL="x")
    assert result.stderr == "CABSTAND_DATABAS_URL is not a setting; did you mean CABSTAND_DATABASE_URL?\n"


@pytest.mark.parametrize("url", ["postgresql://u:hunter2@127.0.0.1:1/x", "postgresql://u:hunter2@127.0.0.1:notaport/x"])
def test_a_database_that_does_not_answer_gets_one_line_without_its_password(cli: Cli, url: str) -> None:
    for command in (("keys", "list"), ("migrate",), ("doctor", "--port", "1")):
        output = cli(*command, code=1, CABSTAND_DATABASE_URL=url).output
        assert "not answer" in output
        assert "hunter2" not in output


def test_a_database_that_lacks_migrations_is_not_touched(cli: Cli, server_dsn: str) -> None:
    lacking = server_dsn.replace("/cabstand?", "/postgres?")
    assert "run `cabstand migrate`" in cli("keys", "list", code=1, CABSTAND_DATABASE_URL=lacking).stderr


def test_commands_use_the_embedded_server_started_or_found_running(cli: Cli, data: Path) -> None:
    here = ("--data", data)
    assert "There is no database in" in cli("keys", "list", *here, code=1, CABSTAND_DATABASE_URL="").stderr
    assert not data.exists()
    assert "+ 0001_access.sql" in cli("migrate", *here, CABSTAND_DATABASE_URL="").stdout
    assert database.running(data) is None
    server = postgres.start(database.cluster_of(data), fsync=False)
    try:
        assert database.running(data) == server.dsn
        assert cli("keys", "list", *here, CABSTAND_DATABASE_URL="").stderr == "There are no keys.\n"
        assert server.running
        assert "PostgreSQL" in cli("doctor", *here, "--port", free_port(), CABSTAND_DATABASE_URL="").stdout
    finally:
        server.stop()
    assert database.running(data) is None
    assert cli("keys", "list", *here, CABSTAND_DATABASE_URL="").stderr == "There are no keys.\n"


def test_the_secret_key_is_made_once_and_kept_private(data: Path) -> None:
    key = database.secret_key(Settings(), data)
    assert len(key) == 32
    assert database.secret_key(Settings(), data) == key
    assert (data / "secret").stat().st_mode & 0o777 == 0o600
    assert os.listdir(data) == ["secret"]
    assert database.secret_key(Settings(secret_key=bytes(32)), data) == bytes(32)


def test_the_program_ends_quietly_when_nobody_reads_on() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "cabstand", "doors", "--door", "dispatchapi"]
    result = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (result.returncode, result.stderr) == (1, "")


def test_the_program_itself_runs_and_refuses_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cabstand", "keys", "list", "--data", str(tmp_path / "none")]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CABSTAND_")}
    result = subprocess.run(command, capture_output=True, text=True, env=environ)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("There is no database in")
    assert result.stderr.count("\n") == 1
