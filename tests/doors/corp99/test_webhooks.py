"""Operations 28 to 30: where a company's events go, and the catalogue of what can be wrong with it."""

import asyncio
from typing import Any

import pytest

from cabstand.core.access.secrets import WEBHOOK, Seal
from cabstand.infra.db import Pool
from tests.doors.corp99.riding import PASSWORD, a_webhook
from tests.infra.outbox import rows, run_sql
from tests.support.corporate import client, key_for, ok
from tests.support.exchange import Answer, running

pytestmark = pytest.mark.anyio

URL, AUTHENTICATION, USER = "url", "authentication", "authentication.username"
SECRET, KINDS = "authentication.password", "subscriptions"
DOCUMENTED = [  # what is changed of a good one, and the entries of the catalogue
    ({"url": None}, [("required-url", URL, "Url must be informed")]),
    ({"url": " "}, [("required-url", URL, "Url must be informed")]),
    ({"url": "nowhere"}, [("invalid-url", URL, "Url is not valid")]),
    ({"url": "https://"}, [("invalid-url", URL, "Url is not valid")]),
    ({"url": "https://[::1/x"}, [("invalid-url", URL, "Url is not valid")]),
    ({"url": "https://example.com:https/"}, [("invalid-url", URL, "Url is not valid")]),
    ({"url": "https://192.168.0.7/hooks"}, [("invalid-url", URL, "Url is not valid")]),
    ({"url": "https://169.254.169.254/"}, [("invalid-url", URL, "Url is not valid")]),
    ({"url": "https://user:word@example.com/"}, [("invalid-url", URL, "Url is not valid")]),
    ({"url": "http://example.com/"}, [("invalid-url", URL, "Url must have secure https scheme")]),
    ({"url": "ftp://example.com/"}, [("invalid-url", URL, "Url must have secure https scheme")]),
    ({"url": "https://example.com:8443/"}, [("invalid-url", URL, "Url must have secure https scheme")]),
    ({"authentication": None}, [("required-authentication", AUTHENTICATION, "Authentication must be informed")]),
    (
        {"authentication": {}},
        [
            ("required-username", USER, "Authentication username must be informed"),
            ("required-password", SECRET, "Authentication password must be informed"),
        ],
    ),
    (
        {"authentication": {"username": "u", "password": "a"}},
        [
            ("invalid-password", SECRET, "Authentication password should contain at least eight digits"),
            ("invalid-password", SECRET, "Authentication password should contain at least one digit"),
            ("invalid-password", SECRET, "Authentication password should contain at least one special character"),
        ],
    ),
    (
        {"authentication": {"username": "u", "password": "short1&"}},
        [("invalid-password", SECRET, "Authentication password should contain at least eight digits")],
    ),
    (
        {"authentication": {"username": "u", "password": "no-digit-here"}},
        [("invalid-password", SECRET, "Authentication password should contain at least one digit")],
    ),
    (
        {"authentication": {"username": "u", "password": "password123"}},
        [("invalid-password", SECRET, "Authentication password should contain at least one special character")],
    ),
    ({"subscriptions": None}, [("required-subscriptions", KINDS, "At least one subscription must be informed")]),
    ({"subscriptions": []}, [("required-subscriptions", KINDS, "At least one subscription must be informed")]),
    (
        {"subscriptions": ["ride-status", "ride-fare"]},
        [("invalid-subscriptions", KINDS, "Allowed subscriptions: ride-status, ride-driver-location")],
    ),
]


def entries(answer: Answer, status: int = 422) -> list[tuple[str, str, str]]:
    assert answer.status == status, answer
    return [(each["code"], each["field"], each["message"]) for each in answer.body["errors"]]


@pytest.mark.parametrize("environment", ["live", "sandbox"])
@pytest.mark.parametrize(("changes", "expected"), DOCUMENTED)
async def test_each_entry_of_the_catalogue_is_answered_as_documented(
    pool: Pool, environment: str, changes: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    async with running(pool) as here:
        company = await client(here, environment=environment)
        assert entries(await company.call("PUT", "/webhooks/", a_webhook(**changes))) == expected
        assert (await company.call("GET", "/webhooks/")).status == 404


async def test_all_failures_are_told_together_in_the_order_of_the_catalogue(pool: Pool) -> None:
    async with running(pool) as here:
        company = await client(here)
        body = {"url": "http://example.com", "authentication": {"password": "a"}, "subscriptions": ["all"]}
        assert [code for code, _, _ in entries(await company.call("PUT", "/webhooks/", body))] == [
            *("invalid-url", "required-username"),
            *("invalid-password", "invalid-password", "invalid-password", "invalid-subscriptions"),
        ]
        assert [code for code, _, _ in entries(await company.call("PUT", "/webhooks/", {}))] == [
            *("required-url", "required-authentication", "required-subscriptions"),
        ]


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"url": 5}, ["invalid-request"]),
        ({"url": 5, "subscriptions": "all"}, ["invalid-request", "invalid-request"]),
        ({"authentication": "username:password", "subscriptions": []}, ["invalid-request", "required-subscriptions"]),
        ({"authentication": {"username": 1, "password": ["x"]}}, ["invalid-request", "invalid-request"]),
    ],
)
async def test_values_of_a_wrong_type_are_a_bad_request_with_all_else_that_is_wrong(
    pool: Pool, changes: dict[str, Any], codes: list[str]
) -> None:
    async with running(pool) as here:
        answer = await (await client(here)).call("PUT", "/webhooks/", a_webhook(**changes))
        assert [code for code, _, _ in entries(answer, 400)] == codes


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"{", b'{"url": "\\u0000"}'])
async def test_what_is_no_object_is_a_bad_request(pool: Pool, body: bytes) -> None:
    async with running(pool) as here:
        answer = await (await client(here)).call("PUT", "/webhooks/", body)
        assert [code for code, _, _ in entries(answer, 400)] == ["invalid-request"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"username": "a:b"}, "invalid-username"),
        ({"username": "a\r\nX-Other: 1"}, "invalid-username"),
        ({"username": "u" * 256}, "invalid-username"),
        ({"password": "password\n123&&"}, "invalid-password"),
        ({"password": "1&" * 128}, "invalid-password"),
    ],
)
async def test_what_the_header_cannot_carry_is_refused(pool: Pool, changes: dict[str, str], code: str) -> None:
    async with running(pool) as here:
        authentication = {"username": "username", "password": PASSWORD, **changes}
        answer = await (await client(here)).call("PUT", "/webhooks/", a_webhook(authentication=authentication))
        assert [each for each, _, _ in entries(answer)] == [code]


async def test_what_was_set_is_read_with_a_slash_and_without(pool: Pool) -> None:
    async with running(pool) as here:
        company = await client(here, environment="live")
        body = a_webhook()
        assert entries(await company.call("GET", "/webhooks/"), 404)[0][0] == "not-found"
        answer = await company.call("PUT", "/webhooks", {**body, "id": 5, "secret": "?"})
        assert ok(answer) == body
        assert answer.headers["Cache-Control"] == "no-store"
        assert ok(await company.call("GET", "/webhooks")) == ok(await company.call("GET", "/webhooks/")) == body


async def test_a_password_is_read_in_clear_and_kept_sealed(pool: Pool) -> None:
    async with running(pool) as here:
        company = await client(here)
        authentication = {"username": "tête", "password": "a:b:ç9 &"}
        ok(await company.call("PUT", "/webhooks/", a_webhook(authentication=authentication)))
        assert ok(await company.call("GET", "/webhooks/"))["authentication"] == authentication
        [row] = await rows(pool, "SELECT * FROM destinations WHERE company_id = $1", company.companies[0].id)
    assert "a:b:ç9 &".encode() not in row["sealed_secret"]
    assert (row["credential_id"], row["door"], row["environment"]) == (None, "corp99", "sandbox")


async def test_a_company_has_one_webhook_which_is_replaced_as_a_whole(pool: Pool) -> None:
    async with running(pool) as here:
        company = await client(here)
        ok(await company.call("PUT", "/webhooks/", a_webhook()))
        second = a_webhook(
            "https://other.example/",
            authentication={"username": "another", "password": "9876-5432"},
            subscriptions=["ride-status", "ride-status"],
        )
        assert ok(await company.call("PUT", "/webhooks/", second)) == {**second, "subscriptions": ["ride-status"]}
        number = await rows(pool, "SELECT FROM destinations WHERE company_id = $1", company.companies[0].id)
    assert len(number) == 1


async def test_a_webhook_is_its_companys_whatever_key_asks(pool: Pool) -> None:
    async with running(pool) as here:
        both = await client(here, companies=2)
        first, second = both.companies
        alone = await key_for(here, both.tenant_id, "sandbox", [second])
        other = await client(here)
        ok(await both.call("PUT", "/webhooks/", a_webhook(), company=second.uuid))
        assert (await both.call("GET", "/webhooks/")).status == 404
        assert ok(await alone.call("GET", "/webhooks/")) == a_webhook()
        for method, body in (("GET", None), ("PUT", a_webhook()), ("DELETE", None)):
            assert (await alone.call(method, "/webhooks/", body, company=first.uuid)).status == 403
            assert (await other.call(method, "/webhooks/", body, company=second.uuid)).status == 403
        ok(await other.call("DELETE", "/webhooks/"), 204)
        assert ok(await alone.call("GET", "/webhooks/")) == a_webhook()


async def test_a_password_that_was_sealed_under_another_key_is_refused_until_it_is_set_again(pool: Pool) -> None:
    async with running(pool) as here:
        company = await client(here)
        ok(await company.call("PUT", "/webhooks/", a_webhook()))
        foreign, id = Seal(bytes([1]) * 32).close("user:word", purpose=WEBHOOK), company.companies[0].id
        await run_sql(pool, "UPDATE destinations SET sealed_secret = $1 WHERE company_id = $2", foreign, id)
        lost = "Authentication password cannot be read any more: set the webhook again"
        assert entries(await company.call("GET", "/webhooks/"), 409) == [("unreadable-password", SECRET, lost)]
        ok(await company.call("PUT", "/webhooks/", a_webhook()))
        assert ok(await company.call("GET", "/webhooks/")) == a_webhook()


async def test_it_is_switched_off_as_often_as_one_likes(pool: Pool) -> None:
    async with running(pool) as here:
        company = await client(here)
        ok(await company.call("DELETE", "/webhooks/"), 204)
        ok(await company.call("PUT", "/webhooks/", a_webhook()))
        for _ in range(2):
            ok(await company.call("DELETE", "/webhooks"), 204)
            assert (await company.call("GET", "/webhooks/")).status == 404
        [row] = await rows(pool, "SELECT * FROM destinations WHERE company_id = $1", company.companies[0].id)
        assert (row["url"], row["sealed_secret"], row["kinds"]) == (None, None, None)
        ok(await company.call("PUT", "/webhooks/", a_webhook()))
        assert ok(await company.call("GET", "/webhooks/")) == a_webhook()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/hooks", "https://localhost:8443/hooks", "http://[::1]/"])
async def test_a_sandbox_key_may_have_its_events_sent_to_the_exchanges_own_machine(pool: Pool, url: str) -> None:
    async with running(pool) as here:
        sandbox, live = await client(here), await client(here, environment="live")
        assert ok(await sandbox.call("PUT", "/webhooks/", a_webhook(url)))["url"] == url
        wrong = entries(await live.call("PUT", "/webhooks/", a_webhook(url)))
        assert [message for _, _, message in wrong] == ["Url must have secure https scheme"]
        own = entries(await live.call("PUT", "/webhooks/", a_webhook("https://localhost/hooks")))
        assert [message for _, _, message in own] == ["Url is not valid"]


async def test_two_who_set_it_at_once_leave_one_of_the_two(pool: Pool) -> None:
    async with running(pool) as here:
        company = await client(here)
        bodies = [a_webhook(f"https://{name}.example/") for name in "abcdefgh"]
        answers = await asyncio.gather(*(company.call("PUT", "/webhooks/", body) for body in bodies))
        assert {answer.status for answer in answers} == {200}
        assert ok(await company.call("GET", "/webhooks/")) in bodies
