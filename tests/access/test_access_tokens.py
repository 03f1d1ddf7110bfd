"""An access token that we did not sign, for us, just now, opens nothing."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from insider import Person
from pydantic import SecretStr

from empla import keys, sealing
from empla.access import credentials, doors, tokens
from empla.errors import UnauthorizedError, UnavailableError
from empla.settings import Settings
from empla.storage.database import Database

NOW = datetime.now(UTC)
SOON = NOW + timedelta(hours=1)


def signing(settings: Settings) -> tuple[str, bytes]:
    return next(iter(keys.keyring(settings).derived("access tokens").items()))


def issued(settings: Settings, *, now: datetime | None = None, tenant: UUID | None = None) -> str:
    return tokens.issue(settings, tenant=tenant or uuid4(), user=uuid4(), sign_in=uuid4(), until=SOON, now=now).text


def claims(**changed: Any) -> dict[str, Any]:
    moment = int(datetime.now(UTC).timestamp())
    sound: dict[str, Any] = {
        "iss": "empla",
        "aud": "empla-api",
        "iat": moment,
        "exp": moment + 600,
        **{name: str(uuid4()) for name in ("sub", "tid", "sid", "jti")},
    }
    return {name: value for name, value in (sound | changed).items() if value is not None}


def signed(settings: Settings, said: dict[str, Any], **header: Any) -> str:
    kid, key = signing(settings)
    return jwt.encode(said, key, algorithm="HS256", headers={"kid": kid, "typ": "at+jwt"} | header)


def by_hand(header: dict[str, Any], said: dict[str, Any], key: bytes = b"", algorithm: str = "sha256") -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, said)]
    signature = hmac.new(key, b".".join(parts), algorithm).digest() if key else b""
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def refused(settings: Settings, text: str) -> None:
    with pytest.raises(UnauthorizedError) as error:
        tokens.verify(settings, text)
    assert str(error.value) == credentials.REFUSED
    assert error.value.__cause__ is None


def test_what_is_issued_is_verified(settings: Settings):
    tenant = uuid4()
    said = tokens.verify(settings, issued(settings, tenant=tenant))
    assert said.tid == tenant
    assert (said.exp - said.iat).total_seconds() == settings.access_token_life == 600
    tokens.verify(settings, signed(settings, claims()))


def test_it_ends_with_its_sign_in(settings: Settings):
    until = NOW + timedelta(seconds=90)
    made = tokens.issue(settings, tenant=uuid4(), user=uuid4(), sign_in=uuid4(), until=until)
    assert made.expires_at == until.replace(microsecond=0)


FORGED_HEADERS: dict[str, dict[str, Any]] = {
    "no algorithm": {"alg": "none"},
    "no algorithm, otherwise written": {"alg": "NonE"},
    "another hash": {"alg": "HS512"},
    "a public key's": {"alg": "RS256"},
    "no key id": {"kid": None},
    "a key id that is a path": {"kid": "../../../../dev/null"},
    "a key id that is sql": {"kid": "' UNION SELECT 'x"},
    "a key id that is a list": {"kid": ["x"]},
    "an empty key id": {"kid": ""},
    "another type": {"typ": "JWT"},
    "no type": {"typ": None},
    "a key of its own": {"kid": "own", "jwk": {"kty": "oct", "k": "AAAA"}},
    "a key elsewhere": {"kid": "own", "jku": "https://evil.example/keys"},
    "what we do not know is critical": {"crit": ["exotic"], "exotic": 1},
}


@pytest.mark.parametrize("forged", FORGED_HEADERS)
@pytest.mark.parametrize("with_key", [False, True], ids=["unsigned", "signed"])
def test_a_forged_header(settings: Settings, forged: str, with_key: bool):  # noqa: FBT001
    kid, key = signing(settings)
    header = {"alg": "HS256", "kid": kid, "typ": "at+jwt"} | FORGED_HEADERS[forged]
    header = {name: value for name, value in header.items() if value is not None}
    algorithm = "sha512" if header["alg"] == "HS512" else "sha256"
    refused(settings, by_hand(header, claims(), key if with_key else b"", algorithm))


FORGED_CLAIMS: dict[str, dict[str, Any]] = {
    "expired": {"exp": int(NOW.timestamp()) - 60},
    "expired, as text": {"exp": "tomorrow"},
    "for ever": {"exp": None},
    "from the future": {"iat": int(NOW.timestamp()) + 3600},
    "another audience": {"aud": "another"},
    "several audiences": {"aud": ["empla-api", "another"]},
    "no audience": {"aud": None},
    "another issuer": {"iss": "evil"},
    "no issuer": {"iss": None},
    "no user": {"sub": None},
    "a user that is no id": {"sub": "admin"},
    "no tenant": {"tid": None},
    "a tenant that is a number": {"tid": 1},
    "no sign-in": {"sid": None},
    "no id": {"jti": None},
    "not yet": {"nbf": int(NOW.timestamp()) + 3600},
}


@pytest.mark.parametrize("forged", FORGED_CLAIMS)
def test_forged_claims(settings: Settings, forged: str):
    refused(settings, signed(settings, claims(**FORGED_CLAIMS[forged])))


def test_another_key_and_a_changed_token(settings: Settings):
    other = settings.model_copy(update={"secret_keys": SecretStr(sealing.new_key())})
    refused(settings, issued(other))
    kid, _ = signing(settings)
    refused(settings, jwt.encode(claims(), signing(other)[1], algorithm="HS256", headers={"kid": kid, "typ": "at+jwt"}))
    head, body, signature = issued(settings).split(".")
    theirs = issued(settings).split(".")[1]
    for text in (
        f"{head}.{theirs}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}",
        body,
        "",
        "...",
        "a.b.c",
        "ü.ü.ü",
    ):
        refused(settings, text)
    refused(settings, issued(settings) + "A" * 3000)
    refused(settings, "\ud800")


def test_the_secret_itself_signs_nothing(settings: Settings):
    """What seals is not what signs: the key is derived."""
    assert settings.secret_keys is not None
    raw = base64.urlsafe_b64decode(settings.secret_keys.get_secret_value())
    kid, key = signing(settings)
    assert key != raw
    for name in (kid, hashlib.sha256(raw).hexdigest()[:8]):
        refused(settings, jwt.encode(claims(), raw, algorithm="HS256", headers={"kid": name, "typ": "at+jwt"}))
    assert keys.keyring(settings).derived("something else").keys().isdisjoint({kid})


def test_keys_rotate(settings: Settings):
    """A new key in front signs, the old one verifies until it is taken away."""
    assert settings.secret_keys is not None
    old, new = settings.secret_keys.get_secret_value(), sealing.new_key()
    both = settings.model_copy(update={"secret_keys": SecretStr(f"{new},{old}")})
    alone = settings.model_copy(update={"secret_keys": SecretStr(new)})
    tokens.verify(both, issued(settings))
    tokens.verify(alone, issued(both))
    refused(settings, issued(both))
    refused(alone, issued(settings))


def test_without_a_key_nothing_is_signed(settings: Settings):
    with pytest.raises(UnavailableError, match="EMPLA_SECRET_KEYS"):
        issued(settings.model_copy(update={"secret_keys": None}))


def test_clocks_may_differ_a_little(settings: Settings):
    life = settings.access_token_life
    tokens.verify(settings, issued(settings, now=datetime.now(UTC) - timedelta(seconds=life + 2)))
    refused(settings, issued(settings, now=datetime.now(UTC) - timedelta(seconds=life + 30)))


async def test_a_sound_token_of_another_s_sign_in_opens_nothing(
    dana: Person, rita: Person, database: Database, settings: Settings
):
    """Signed by us, as by somebody who has our key: the database still asks for the sign-in."""
    got = await rita.sign_in()
    for tenant, user in ((dana.tenant, dana.id), (dana.tenant, rita.id), (rita.tenant, dana.id)):
        text = tokens.issue(settings, tenant=tenant, user=user, sign_in=got.sign_in, until=SOON).text
        with pytest.raises(UnauthorizedError):
            async with database.read((await doors.by_token(database, text)).caller):
                pass
