"""An effect as the tests of senders send it, and certificates for their servers."""

import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import JsonValue

from empla.effects.senders.sender import Outgoing

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
EFFECT = UUID("0199b000-0000-7000-8000-000000000001")


def outgoing(
    *,
    key: str = "step-1",
    name: str = "Ada Lovelace",
    sender: str = "ada@acme.example",
    to: tuple[str, ...] = ("bob@customer.example",),
    title: str = "Your proposal",
    body: str = "Dear Bob,\n.\n..two dots\nAda\n",
    arguments: Mapping[str, JsonValue] | None = None,
) -> Outgoing:
    return Outgoing(
        key=key,
        effect=EFFECT,
        sender_name=name,
        sender_address=sender,
        recipients=to,
        title=title,
        body=body,
        arguments=arguments or {},
        at=AT,
    )


@dataclass(frozen=True)
class Certificate:
    """Self-signed, for `localhost` and 127.0.0.1."""

    server: ssl.SSLContext
    trusting: ssl.SSLContext  # a client's that trusts it alone


def certificate(folder: Path, *, name: str = "localhost") -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    if name == "localhost":
        names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    both = folder / f"{name}.pem"
    both.write_bytes(
        pem
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(both)
    return Certificate(server, ssl.create_default_context(cadata=pem.decode()))
