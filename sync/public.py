"""Which addresses are the internet's, so that none in the network of the house is reached. Pure."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Is it an address anybody could reach? One that carries another is judged by that as well."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        inner = _carried(ip)
        if inner is not None:
            return _open(inner)
        if ip.sixtofour or ip.teredo or ip.is_site_local:
            return False
    return _open(ip)


def _carried(ip: IPv6Address) -> IPv4Address | None:
    if ip.ipv4_mapped:
        return ip.ipv4_mapped
    return IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None


def _open(ip: IPv4Address | IPv6Address) -> bool:
    closed = ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback
    return ip.is_global and not closed
