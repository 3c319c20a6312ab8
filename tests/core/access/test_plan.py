"""The file of `cabstand apply`: what it may say, and how all that is wrong is told by line."""

import pytest

from cabstand.core.access.model import CredentialKind, Environment
from cabstand.core.access.plan import CredentialPlan, LinkPlan, Plan, PlanError, TenantPlan, read

TENANT = """\
[[tenants]]
slug = "canal-cabs"
name = "Canal Cabs"
country = "NL"
currency = "EUR"
time_zone = "Europe/Amsterdam"
"""
CREDENTIAL = """\
[[tenants.credentials]]
name = "Booking app"
door = "dispatchapi"
kind = "booking"
environments = ["sandbox", "live"]
"""
LINK = """\
[[links]]
demand = "canal-cabs"
supply = "dam-drivers"
environments = ["live"]
"""
BOTH = (Environment.SANDBOX, Environment.LIVE)


def plan(text: str) -> Plan:
    return read(text, doors=["dispatchapi", "gett"], refuse_url=lambda url: "it is private" if "10." in url else None)


def problems(text: str) -> list[tuple[int, str]]:
    with pytest.raises(PlanError) as caught:
        plan(text)
    return [(problem.line, problem.message) for problem in caught.value.problems]


def test_an_empty_file_asks_for_nothing() -> None:
    assert plan("# nothing yet\n") == Plan()


def test_a_whole_file_becomes_a_plan() -> None:
    optional = 'email = "a@b.nl"\nphone = "+31201234567"\ncity = "Amsterdam"\ndemonstration = true\n'
    credential = CredentialPlan(
        name="Booking app",
        door="dispatchapi",
        kind=CredentialKind.BOOKING,
        environments=BOTH,
        webhooks={Environment.LIVE: "https://a.example.org/x"},
    )
    tenant = TenantPlan(
        slug="canal-cabs",
        name="Canal Cabs",
        country="NL",
        currency="EUR",
        time_zone="Europe/Amsterdam",
        email="a@b.nl",
        phone="+31201234567",
        city="Amsterdam",
        demonstration=True,
        credentials=(credential,),
    )
    link = LinkPlan(demand="canal-cabs", supply="dam-drivers", environments=(Environment.LIVE,), line=17)
    text = TENANT + optional + CREDENTIAL + 'webhook = { live = "https://a.example.org/x" }\n' + LINK
    assert plan(text) == Plan(tenants=(tenant,), links=(link,))


def test_one_webhook_is_that_of_all_environments() -> None:
    (tenant,) = plan(TENANT + CREDENTIAL + 'webhook = "https://a.example.org/x"\n').tenants
    assert tenant.credentials[0].webhooks == dict.fromkeys(BOTH, "https://a.example.org/x")


def test_what_is_not_said_is_not_known() -> None:
    (tenant,) = plan(TENANT).tenants
    assert (tenant.email, tenant.phone, tenant.city, tenant.demonstration) == (None, None, None, None)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('slug = "canal-cabs"', "", 1, '"slug" is missing'),
        ('"canal-cabs"', '"Canal Cabs"', 2, '"slug" must be lower-case letters'),
        ('"canal-cabs"', f'"{"a" * 61}"', 2, '"slug" must be lower-case letters'),
        ('"Canal Cabs"', '" "', 3, '"name" must be text'),
        ('"Canal Cabs"', '"a\\u0000b"', 3, r'"name" must be text of 1 to 200 characters without spaces around it, not'),
        ('"Canal Cabs"', "1979-05-27", 3, '"name" must be text'),
        ("name =", "nmae =", 3, '"nmae" is not known here; did you mean "name"?'),
        ('"NL"', '"nl"', 4, '"country" must be the two capital letters'),
        ('"EUR"', '"EURO"', 5, '"currency" must be the three capital letters'),
        ("Europe/Amsterdam", "Europe/Amsterdm", 6, 'not "Europe/Amsterdm"; did you mean "Europe/Amsterdam"?'),
        ("Europe/Amsterdam", "../../etc/passwd", 6, '"time_zone" must be the name of a time zone'),
        ("[[tenants]]", "[tenants]", 1, '"tenants" must be written as [[tenants]]'),
        ("[[tenants]]", "[[tenant]]", 1, '"tenant" is not known here; did you mean "tenants"?'),
        ("[[tenants]]", "[[tenants]]\nemail = 'x'", 2, '"email" must be an e-mail address'),
        ("[[tenants]]", "[[tenants]]\nphone = '020 1234567'", 2, '"phone" must be a number with its country'),
        ("[[tenants]]", "[[tenants]]\ndemonstration = 'yes'", 2, '"demonstration" must be true or false, not "yes"'),
    ],
)
def test_a_wrong_tenant_is_refused(old: str, new: str, line: int, message: str) -> None:
    found = problems(TENANT.replace(old, new))
    assert any(at == line and message in text for at, text in found), found


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('"dispatchapi"', '"dispatchap"', 9, 'must be one of "dispatchapi", "gett", not "dispatchap"; did you mean'),
        ('"booking"', '"bookings"', 10, 'did you mean "booking"?'),
        ('"booking"', "7", 10, '"kind" must be one of "booking", "dispatch", "partner", "fleet", not 7'),
        ('["sandbox", "live"]', "[]", 11, '"environments" must be a list of "sandbox", "live", not []'),
        ('["sandbox", "live"]', '"live"', 11, '"environments" must be a list'),
        ('"live"]', '"lives"]', 11, 'not "lives"; did you mean "live"?'),
        ('"live"]', '"sandbox"]', 11, '"environments" lists the same twice'),
        ("kind", "webhook = 5\nkind", 10, '"webhook" must be text or a table, not 5'),
        ("kind", "webhook = 'http://10.0.0.1/'\nkind", 10, "http://10.0.0.1/"),
        ("kind", "webhook = { lve = 'http://a.nl' }\nkind", 10, '"lve" is not known here; did you mean "live"?'),
        ("kind", "webhook = { live = 'http://10.1.1.1' }\nkind", 10, "it is private"),
        ('"sandbox", "live"]', '"live"]\nwebhook.sandbox = "http://a.nl"', 12, '"webhook" names sandbox, but'),
    ],
)
def test_a_wrong_credential_is_refused(old: str, new: str, line: int, message: str) -> None:
    found = problems(TENANT + CREDENTIAL.replace(old, new))
    assert any(at == line and message in text for at, text in found), found


def test_the_same_tenant_twice_is_refused() -> None:
    assert problems(TENANT + TENANT) == [(8, 'the tenant "canal-cabs" is already on line 2')]


def test_the_same_credential_twice_is_refused() -> None:
    second = CREDENTIAL.replace('"sandbox", ', "")
    assert problems(TENANT + CREDENTIAL + second) == [
        (13, 'the live credential "Booking app" of this tenant at dispatchapi is already on line 8')
    ]


def test_the_same_credential_of_another_tenant_is_fine() -> None:
    other = TENANT.replace("canal-cabs", "dam-drivers")
    assert len(plan(TENANT + CREDENTIAL + other + CREDENTIAL).tenants) == 2


def test_the_same_thing_twice_on_one_line_is_refused() -> None:
    table = '{ demand = "a", supply = "b", environments = ["live"] }'
    assert problems(f"links = [{table}, {table}]") == [(1, 'the live link from "a" to "b" is already on line 1')]


def test_a_tenant_is_not_linked_to_itself() -> None:
    assert problems(LINK.replace("dam-drivers", "canal-cabs")) == [(3, "a tenant serves its own rides without a link")]


def test_everything_wrong_is_told_at_once_in_the_order_of_the_lines() -> None:
    text = (TENANT + CREDENTIAL + LINK).replace('"NL"', "1").replace('"booking"', '"b"').replace('"live"]', '"l"]')
    assert [line for line, _ in problems(text)] == [4, 10, 11, 15]


def test_what_is_not_toml_is_told_with_its_line() -> None:
    ((line, message),) = problems(TENANT + "city = Amsterdam\n")
    assert line == 7
    assert message.startswith("Invalid value")
