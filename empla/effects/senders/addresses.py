"""Where a webhook may lead: never into the network that empla itself stands in, unless the operator allows it.

A name is resolved once, every address it has is looked at, and the connection goes to an address that was looked at.
A second look-up could say something else (DNS rebinding).
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, cast

import httpcore

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]  # a host and port to the addresses of the host
_MOST_TRIED = 4
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # NAT64: the last four bytes are an IPv4 address
_WORLD = ipaddress.ip_network("2000::/3")  # all that is ever assigned for the open network
# 6to4 and Teredo lead to an IPv4 address that stands in them; nobody serves anything there.
_TUNNELS = (ipaddress.ip_network("2002::/16"), ipaddress.ip_network("2001::/32"))
# Protocols' own addresses, some of which Python counts as global.
_PROTOCOLS = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("192.88.99.0/24"))
# Where clouds give a machine its own credentials; 169.254.169.254 is link-local.
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192")))


class AddressRefusedError(Exception):
    """The host has an address to which nothing may be sent; one sentence, which does not name the address."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host as this machine sees them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def public(address: Address) -> bool:
    """It belongs to the open network."""
    meant = _meant(address)
    if isinstance(meant, ipaddress.IPv6Address) and (
        meant not in _WORLD or any(meant in tunnel for tunnel in _TUNNELS)
    ):
        return False
    if any(meant in network for network in _PROTOCOLS):
        return False
    return meant.is_global and not (meant.is_multicast or meant.is_reserved)


def private(address: Address) -> bool:
    """It belongs to this machine or to a company's own network; what no receiver ever has is neither public nor private."""
    meant = _meant(address)
    never = meant.is_link_local or meant.is_multicast or meant.is_unspecified or meant in _METADATA
    if isinstance(meant, ipaddress.IPv6Address):
        return not never and (meant.is_loopback or meant in ipaddress.ip_network("fc00::/7"))
    return not never and not public(meant) and (meant.is_loopback or not meant.is_reserved)


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, or itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address


class Pinned(httpcore.AsyncNetworkBackend):
    """Connects to addresses that it has looked at, and to nothing else."""

    def __init__(self, resolver: Resolver, *, allow_private: bool, encrypted: bool) -> None:
        self._resolver = resolver
        self._allow_private = allow_private
        self._encrypted = encrypted
        self._backend = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())
        self._streams: list[httpcore.AsyncNetworkStream] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the name is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises `AddressRefusedError`, and what httpcore raises when nobody answers."""
        try:
            found = [ipaddress.ip_address(text) for text in await self._resolver(host, port)]
        except (OSError, ValueError) as error:
            raise httpcore.ConnectError("its name leads nowhere") from error
        for address in found:
            self._look_at(address)
        failure: Exception = httpcore.ConnectError("its name leads nowhere")
        for address in found[:_MOST_TRIED]:
            try:
                stream = await self._backend.connect_tcp(
                    str(address), port, timeout, local_address=local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                self._streams.append(stream)
                return stream
        raise failure

    async def aclose(self) -> None:
        """Also what was given up half-way."""
        for stream in self._streams:
            await stream.aclose()

    def _look_at(self, address: Address) -> None:
        if not self._encrypted and not private(address):
            raise AddressRefusedError("http without TLS leads to a public address")
        if not public(address) and not (self._allow_private and private(address)):
            raise AddressRefusedError("the host has an address that is not of the public network")
