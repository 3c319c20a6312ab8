"""Settings: every variable parsed, every problem told at once, no secret shown."""

import base64
from ipaddress import ip_network

import pytest

from cabstand.core.messages.model import MailServer, TextGateway
from cabstand.settings import SETTINGS, Settings, SettingsError

KEY = bytes(range(224, 256))


def problems_of(**environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({f"CABSTAND_{name}": value for name, value in environ.items()})
    return caught.value.problems


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_env({"PATH": "/bin"}) == Settings()


def test_every_setting_is_read() -> None:
    settings = Settings.from_env(
        {
            "CABSTAND_DATABASE_URL": "postgresql://u:p@db/cabstand",
            "CABSTAND_PUBLIC_URL": "https://rides.example.org/exchange",
            "CABSTAND_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
            "CABSTAND_SECRET_KEY": KEY.hex(),
            "CABSTAND_ALLOW_LOOPBACK_HOOKS": "0",
            "CABSTAND_METRICS_KEY": "0123456789abcdef",
            "CABSTAND_SMTP_URL": "smtps://rides%40a:s%2Fe@mail.example.org?from=Caf%C3%A9 <rides@example.org>",
            "CABSTAND_SMS_URL": "https://sms.example.org/send?key=1",
            "CABSTAND_SMS_TOKEN": "t0ken",
            "CABSTAND_LOG_LEVEL": "Warning",
            "CABSTAND_LOG_FORMAT": "json",
        }
    )
    assert settings == Settings(
        database_url="postgresql://u:p@db/cabstand",
        public_url="https://rides.example.org/exchange",
        trusted_proxies=(ip_network("10.0.0.0/8"), ip_network("::1/128")),
        secret_key=KEY,
        allow_loopback_hooks=False,
        metrics_key="0123456789abcdef",
        smtp_url=MailServer(
            host="mail.example.org",
            port=465,
            tls=True,
            start_tls=False,
            user="rides@a",
            password="s/e",
            sender="rides@example.org",
            sender_name="Café",
            local=False,
        ),
        sms_url=TextGateway(url="https://sms.example.org/send?key=1", local=False),
        sms_token="t0ken",
        log_level="warning",
        log_format="json",
    )


def test_the_list_names_every_field_once() -> None:
    assert [setting.field for setting in SETTINGS] == list(Settings.__dataclass_fields__)


@pytest.mark.parametrize(
    "text",
    [
        KEY.hex().upper(),
        base64.b64encode(KEY).decode(),
        base64.urlsafe_b64encode(KEY).decode(),
        base64.b64encode(KEY).decode().rstrip("="),
    ],
)
def test_a_secret_key_may_be_hex_or_base64(text: str) -> None:
    assert Settings.from_env({"CABSTAND_SECRET_KEY": text}).secret_key == KEY


@pytest.mark.parametrize("text", ["short", "g" * 64, "!" * 44, base64.b64encode(KEY + b"x").decode(), "é" * 44])
def test_another_secret_key_is_refused_and_not_repeated(text: str) -> None:
    (problem,) = problems_of(SECRET_KEY=text)
    assert problem == "CABSTAND_SECRET_KEY must be 32 bytes, written in base64 or as 64 hex digits"


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.from_env({"CABSTAND_LOG_LEVEL": "", "CABSTAND_METRICS_KEY": " "}) == Settings()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example",
        "https://a.example/",
        "https://",
        "a.example",
        "https://u:p@a.example",
        "https://a.example?x=1",
        "https://a.example#x",
        "https://a.example:99999",
        "https://[::1",
        "https://a b.example",
    ],
)
def test_a_public_url_that_links_cannot_be_built_on_is_refused(url: str) -> None:
    (problem,) = problems_of(PUBLIC_URL=url)
    assert problem.startswith("CABSTAND_PUBLIC_URL must be an http or https address")


def test_all_problems_are_told_at_once() -> None:
    problems = problems_of(
        DATABASE_URL="mysql://root:hunter2@db/x",
        TRUSTED_PROXIES="10.0.0.1/8",
        ALLOW_LOOPBACK_HOOKS="yes",
        METRICS_KEY="tooshort",
        LOG_LEVEL="loud",
        LOG_FORMAT="xml",
    )
    assert [problem.split()[0].removeprefix("CABSTAND_") for problem in problems] == [
        "DATABASE_URL",
        "TRUSTED_PROXIES",
        "ALLOW_LOOPBACK_HOOKS",
        "METRICS_KEY",
        "LOG_LEVEL",
        "LOG_FORMAT",
    ]
    text = "\n".join(problems)
    assert "hunter2" not in text
    assert "tooshort" not in text
    assert "must be one of debug, info, warning, error, not 'loud'" in text
    assert "has host bits set" in text


def test_an_unknown_name_is_an_error_with_the_nearest_known_one() -> None:
    assert problems_of(PUBLIC_URI="x") == ("CABSTAND_PUBLIC_URI is not a setting; did you mean CABSTAND_PUBLIC_URL?",)
    assert problems_of(XYZZY_QQ="x") == ("CABSTAND_XYZZY_QQ is not a setting",)


def test_the_repr_hides_secrets() -> None:
    settings = Settings(database_url="postgresql://u:hunter2@db/x", secret_key=KEY, metrics_key="metrics-key-0001")
    shown = repr(settings)
    assert "hunter2" not in shown
    assert "metrics-key" not in shown
    assert "xe0" not in shown
    assert "secret_key=***" in shown
    assert "log_level='info'" in shown
    assert "metrics_key=None" in repr(Settings())


@pytest.mark.parametrize(
    ("url", "port", "start_tls", "local"),
    [
        ("smtp://mail.example.org?from=a@example.org", 587, None, False),
        ("smtp://u:p@mail.example.org:25?from=a@example.org", 25, True, False),
        ("smtp://u:p@localhost:1025?from=a+b@example.org", 1025, False, True),
        ("smtp://[::1]/?from=a@example.org", 587, False, True),
    ],
)
def test_a_password_goes_to_another_machine_only_by_tls(
    url: str, port: int, start_tls: bool | None, local: bool
) -> None:
    server = Settings.from_env({"CABSTAND_SMTP_URL": url}).smtp_url
    assert server is not None
    assert (server.port, server.tls, server.start_tls, server.local) == (port, False, start_tls, local)


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.org",
        "http://mail.example.org?from=a@example.org",
        "smtp://mail.example.org",
        "smtp://mail.example.org?from=nobody",
        "smtp://mail.example.org?from=a@example.org&to=b@example.org",
        "smtp://mail.example.org/box?from=a@example.org",
        "smtp://hunter2@mail.example.org?from=a@example.org",
        "smtp://u:hunter2@mail.example.org:0?from=a@example.org",
        "smtp://u:hunter2@mail.example.org:x?from=a@example.org",
        "smtp://mail.example.org?from=a%0d%0aBcc:b@example.org",
        "smtp://?from=a@example.org",
    ],
)
def test_what_is_no_mail_server_is_refused_without_its_password(url: str) -> None:
    [problem] = problems_of(SMTP_URL=url)
    assert problem.startswith("CABSTAND_SMTP_URL must be an address such as smtp://user:password@mail.example.org")
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    "url", ["sms.example.org", "http://sms.example.org/send", "https://u:p@sms.example.org", "https://s/#x", "https://"]
)
def test_texts_leave_this_machine_only_by_https(url: str) -> None:
    assert problems_of(SMS_URL=url)
    assert Settings.from_env({"CABSTAND_SMS_URL": "http://127.0.0.1:9/send"}).sms_url is not None


def test_a_token_is_one_that_a_header_can_hold() -> None:
    assert problems_of(SMS_TOKEN="töken") == ("CABSTAND_SMS_TOKEN must be printable ASCII characters",)
