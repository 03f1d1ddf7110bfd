"""What somebody tries who means harm: with tokens, ids, bodies and headers of his own making. Nothing opens, tells or changes anything."""

import base64
import json
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from calling import BASE, ROLES, Home, Keys, client, problem, whole
from fastapi import FastAPI
from insider import PASSWORD, Person, a_house, a_person, cheap, messages, with_keys
from pydantic import JsonValue
from test_decision_table import OPERATIONS, TABLE, asked, everything, things

from empla import keys as keyrings
from empla.access import keys as api_keys
from empla.access import sign_ins, tokens
from empla.settings import Settings
from empla.storage.database import Database
from empla.tenancy import tenants, users
from tests.conftest import Cluster


@pytest.fixture(autouse=True)
def hashings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return cheap(monkeypatch)


@pytest.fixture
def settings(cluster: Cluster) -> Settings:
    urls = {"database_url": cluster.url("app"), "worker_database_url": cluster.url("worker")}
    return with_keys(Settings(**urls, pool_size=4), refresh_grace=0.0)  # pyright: ignore[reportArgumentType]


@pytest.fixture
async def dana(database: Database) -> Person:
    return await a_person(database, await a_house(database), "user")


@pytest.fixture
async def rita(database: Database) -> Person:
    """An admin of another tenant."""
    return await a_person(database, await a_house(database), "admin")


@pytest.fixture
async def attacker(database: Database, settings: Settings) -> AsyncGenerator[httpx.AsyncClient]:
    """Before the real door."""
    async with client(whole(database, settings)) as found:
        yield found


def bearing(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


# Tokens


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


Forgery = Callable[[dict[str, Any], dict[str, Any], bytes, str], str]


def signed(claims: dict[str, Any], header: dict[str, Any], key: bytes, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, key, algorithm=algorithm, headers=header)


PAST = int((datetime.now(UTC) - timedelta(hours=1)).timestamp())
FORGERIES: dict[str, Forgery] = {
    "no algorithm": lambda claims, header, _key, _text: f"{part({**header, 'alg': 'none'})}.{part(claims)}.",
    "no algorithm, the signature kept": lambda claims, header, _key, text: (
        f"{part({**header, 'alg': 'NONE'})}.{part(claims)}.{text.rpartition('.')[2]}"
    ),
    "another key": lambda claims, header, _key, _text: signed(claims, header, b"x" * 32),
    "no key": lambda claims, header, _key, _text: signed(claims, header, b"\0" * 32),
    "another algorithm": lambda claims, header, key, _text: signed(claims, header, key * 2, "HS512"),
    "expired": lambda claims, header, key, _text: signed({**claims, "exp": PAST}, header, key),
    "for others": lambda claims, header, key, _text: signed({**claims, "aud": "other"}, header, key),
    "for others too": lambda claims, header, key, _text: signed({**claims, "aud": ["empla-api", "x"]}, header, key),
    "by others": lambda claims, header, key, _text: signed({**claims, "iss": "other"}, header, key),
    "an unknown kid": lambda claims, header, key, _text: signed(claims, {**header, "kid": "other"}, key),
    "a kid that is a path": lambda claims, header, _key, _text: signed(
        claims, {**header, "kid": "../../../../dev/null"}, b"\0" * 32
    ),
    "a kid that is SQL": lambda claims, header, key, _text: signed(claims, {**header, "kid": "' OR 1=1 --"}, key),
    "a kid that is no word": lambda claims, header, _key, _text: (
        f"{part({**header, 'kid': ['a']})}.{part(claims)}.{part({})}"
    ),
    "a key of its own": lambda claims, header, _key, _text: signed(
        claims, {**header, "kid": "x", "jwk": {"kty": "oct", "k": "eA"}}, b"x" * 32
    ),
    "another type": lambda claims, header, key, _text: signed(claims, {**header, "typ": "JWT"}, key),
    "without an end": lambda claims, header, key, _text: signed(
        {name: claims[name] for name in claims if name != "exp"}, header, key
    ),
    "a sign-in that is nowhere": lambda claims, header, key, _text: signed(
        {**claims, "sid": str(uuid4())}, header, key
    ),
    "another user": lambda claims, header, key, _text: signed({**claims, "sub": str(uuid4())}, header, key),
    "truncated": lambda _claims, _header, _key, text: text[:-1],
    "without its signature": lambda _claims, _header, _key, text: text.rpartition(".")[0],
    "longer": lambda _claims, _header, _key, text: text + "A" * 4000,
    "claims changed": lambda claims, _header, _key, text: (
        f"{text.split('.')[0]}.{part({**claims, 'sub': str(uuid4())})}.{text.split('.')[2]}"
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_token_opens_nothing(
    attacker: httpx.AsyncClient, dana: Person, settings: Settings, forgery: str
):
    good = (await dana.sign_in()).access_token
    assert (await attacker.get("/v1/me", headers=bearing(good))).status_code == 200
    claims = jwt.decode(good, options={"verify_signature": False, "verify_aud": False})
    header = jwt.get_unverified_header(good)
    ring = keyrings.keyring(settings).derived("access tokens")
    forged = FORGERIES[forgery](claims, {"kid": header["kid"], "typ": header["typ"]}, ring[header["kid"]], good)
    told = problem(await attacker.get("/v1/me", headers=bearing(forged)), 401, "unauthorized")
    assert told["detail"] == "not signed in: the credential is wrong, or not good any more"


async def test_a_sign_in_of_another_tenant_opens_nothing(
    attacker: httpx.AsyncClient, dana: Person, rita: Person, settings: Settings
):
    """Even with a good signature: tenant, user and sign-in must belong together."""
    mine, hers = await dana.sign_in(), await rita.sign_in()
    until = datetime.now(UTC) + timedelta(hours=1)
    for tenant, user, sign_in in (
        (rita.tenant, dana.id, mine.sign_in),
        (rita.tenant, rita.id, mine.sign_in),
        (dana.tenant, dana.id, hers.sign_in),
        (dana.tenant, rita.id, hers.sign_in),
    ):
        forged = tokens.issue(settings, tenant=tenant, user=user, sign_in=sign_in, until=until).text
        problem(await attacker.get("/v1/me", headers=bearing(forged)), 401, "unauthorized")


async def test_a_refresh_token_that_comes_again_ends_the_sign_in(attacker: httpx.AsyncClient, dana: Person):
    stolen = (await dana.sign_in()).refresh_token
    fresh = (await attacker.post("/v1/sign-in/refresh", json={"refresh_token": stolen})).json()
    assert (await attacker.get("/v1/me", headers=bearing(fresh["access_token"]))).status_code == 200
    again = await attacker.post("/v1/sign-in/refresh", json={"refresh_token": stolen})
    problem(again, 401, "unauthorized")
    problem(await attacker.get("/v1/me", headers=bearing(fresh["access_token"])), 401, "unauthorized")
    latest = await attacker.post("/v1/sign-in/refresh", json={"refresh_token": fresh["refresh_token"]})
    assert problem(latest, 401, "unauthorized")["detail"] == again.json()["detail"]


@pytest.mark.parametrize("what", ["key revoked", "user deleted", "tenant suspended", "sign-in ended"])
async def test_what_was_taken_away_is_gone_at_the_very_next_request(
    attacker: httpx.AsyncClient, dana: Person, database: Database, what: str
):
    got = await dana.sign_in()
    async with database.write(dana.caller) as tx:
        made = await api_keys.create(tx, user=dana.id, name="k", scopes=["read"])
    texts = {"key revoked": [made.text], "sign-in ended": [got.access_token]}.get(what, [made.text, got.access_token])
    for text in texts:
        assert (await attacker.get("/v1/me", headers=bearing(text))).status_code == 200
    await database.settled()
    if what == "tenant suspended":
        await tenants.set_status(database, tenant=dana.tenant, status="suspended")
    else:
        async with database.write(dana.operator) as tx:
            if what == "key revoked":
                await api_keys.revoke(tx, key=made.key.id)
            elif what == "user deleted":
                await users.delete(tx, user=dana.id)
            else:
                await sign_ins.revoke(tx, sign_in=got.sign_in)
    for text in texts:
        problem(await attacker.get("/v1/me", headers=bearing(text)), 401, "unauthorized")


# Nobody learns who there is


async def test_wrong_tenant_user_and_password_are_answered_alike(
    attacker: httpx.AsyncClient,
    dana: Person,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    hashings: list[str],
):
    found: list[object] = []
    for tenant, email, password in (
        (dana.slug, dana.email, "wrong horse battery"),
        (dana.slug, f"x{dana.email}", PASSWORD),
        (f"x{dana.slug}", dana.email, PASSWORD),
    ):
        hashings.clear()
        with messages(database, monkeypatch) as sent:
            answer = await attacker.post("/v1/sign-in", json={"tenant": tenant, "email": email, "password": password})
        told = {**problem(answer, 401, "unauthorized"), "instance": None}
        headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
        found.append((told, headers, sent, len(hashings)))
    assert found == [found[0]] * 3


# Ids of others


BY_PARAMETER = sorted(
    (name, piece.strip("{}"))
    for name, operation in OPERATIONS.items()
    for piece in operation.path.split("/")
    if piece.startswith("{") and piece not in {"{resource}", "{capability}"}  # words, the same in every tenant
)


@pytest.mark.parametrize(("name", "parameter"), BY_PARAMETER)
async def test_an_id_of_another_tenant_in_any_place_opens_nothing(
    name: str,
    parameter: str,
    cluster: Cluster,
    database: Database,
    app: FastAPI,
    keys: Keys,
    ours: Home,
    theirs: Home,
):
    operation, row = OPERATIONS[name], TABLE[name]
    own, elsewhere = await things(database, ours), await things(database, theirs)
    before = everything(cluster, theirs)
    for number, role in enumerate(ROLES):
        async with client(app, keys.give(ours.guest(role))) as caller:
            answer = await asked(caller, operation, row, {**own, parameter: elsewhere[parameter]})
        if row.other is not None and row.other[number] == 200:  # a list of nobody's
            told: dict[str, JsonValue] = answer.json()
            assert not any(value for value in told.values() if isinstance(value, list))
            assert not told.get("text")
        else:
            assert answer.status_code in {403, 404}, f"{role}: {answer.text}"
    assert everything(cluster, theirs) == before


# Bodies


BODIED = sorted(name for name, operation in OPERATIONS.items() if operation.sends is not None)
FORBIDDEN: dict[str, object] = {
    "id": str(UUID(int=7)),
    "tenant_id": str(UUID(int=7)),
    "user_id": str(UUID(int=7)),
    "created_by": str(UUID(int=7)),
    "created_at": "2020-01-01T00:00:00Z",
    "deleted_at": None,
    "is_service": True,
    "is_admin": True,
    "__proto__": {"role": "admin"},
    "model_config": {"extra": "allow"},
}


@pytest.mark.parametrize("name", BODIED)
async def test_what_is_not_described_is_set_by_nobody(
    name: str, cluster: Cluster, database: Database, app: FastAPI, keys: Keys, ours: Home
):
    operation, row = OPERATIONS[name], TABLE[name]
    named = await things(database, ours)
    before = everything(cluster, ours)
    async with client(app, keys.give(ours.guest("admin"))) as caller:
        for field, value in FORBIDDEN.items():
            sends: dict[str, object] = {**cast("dict[str, object]", row.sends or operation.sends), field: value}
            headers = {"If-Match": "*"} if operation.matched else {}
            answer = await caller.request(
                operation.method, operation.path.format_map(named), json=sends, headers=headers
            )
            problem(answer, 422, "invalid")
    assert everything(cluster, ours) == before


BAD: dict[str, tuple[bytes, str, int]] = {
    "cut off": (b'{"a": ', "application/json", 400),
    "not JSON": (b"a=1", "application/json", 400),
    "a form": (b"a=1", "application/x-www-form-urlencoded", 415),
    "no type": (b"{}", "", 415),
    "deep": (b"[" * 5000 + b"]" * 5000, "application/json", 400),
    "a key twice": (b'{"a": 1, "a": 2}', "application/json", 400),
    "another charset": ('{"é": 1}'.encode("latin-1"), "application/json; charset=latin-1", 400),
    "UTF-16": ("{}".encode("utf-16"), "application/json; charset=utf-16", 400),
    "no number": (b'{"a": NaN}', "application/json", 400),
    "half a character": (b'{"a": "\\ud800"}', "application/json", 400),
    "a list": (b"[]", "application/json", 422),
    "too large": (b'"' + b"x" * 5_000_000 + b'"', "application/json", 413),
}


@pytest.mark.parametrize("bad", BAD)
async def test_a_body_that_is_none_is_told_so_everywhere(
    bad: str, database: Database, app: FastAPI, keys: Keys, ours: Home
):
    sent, kind, status = BAD[bad]
    named = await things(database, ours)
    async with client(app, keys.give(ours.guest("admin"))) as caller:
        for name in BODIED:
            operation = OPERATIONS[name]
            headers = {"Content-Type": kind, **({"If-Match": "*"} if operation.matched else {})}
            answer = await caller.request(
                operation.method, operation.path.format_map(named), content=sent, headers=headers
            )
            assert answer.status_code == status, (name, answer.text)


# Headers


INJECTION = b"abcdefgh\r\nX-Evil: 1"


@pytest.mark.parametrize(
    "header", ["X-Request-ID", "Idempotency-Key", "If-None-Match", "If-Match", "Origin", "Host", "User-Agent"]
)
async def test_a_line_break_in_a_header_comes_back_in_none(header: str, app: FastAPI, keys: Keys, ours: Home):
    token = keys.give(ours.guest("admin"))
    raw = [(b"authorization", f"Bearer {token}".encode()), (header.encode(), INJECTION)]
    body = {"email": f"{uuid4().hex}@acme.example", "name": "Riley\r\nX-Evil: 1", "role": "custom"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as caller:
        answers = [
            await caller.get("/v1/employees?limit=1", headers=raw),
            await caller.post("/v1/employees", json=body, headers=raw),
        ]
    for answer in answers:
        assert answer.status_code < 500, answer.text
        assert "x-evil" not in answer.headers
        assert not [line for line in answer.headers.raw if b"\r" in line[1] or b"\n" in line[1]]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/employees/%0d%0aX-Evil:%201",
        "/v1/employees%0d%0aX-Evil:%201",
        "/v1/employees?sort=email%0d%0aX-Evil:%201",
        "/v1/employees?cursor=%0d%0aX-Evil:%201",
        "/v1/users/..%2f..%2fv1%2femployees",
    ],
)
async def test_a_line_break_in_an_address_comes_back_in_no_header(path: str, admin: httpx.AsyncClient):
    answer = await admin.get(path)
    assert 400 <= answer.status_code < 500
    assert not [line for line in answer.headers.raw if b"\r" in line[1] or b"\n" in line[1]]
    assert "x-evil" not in answer.headers
