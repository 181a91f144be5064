"""What a person can do about webhooks: see how they stand, order them, take them away."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from controller.errors import ConfigError
from sync.minder import Minder
from sync.office import Office, named
from sync.platform import Hinting
from sync.webhooks import Standing

_NOT_IN_ORDER = 1  # the exit code if not everything that is wanted is there


def ordering(office: Office) -> list[str]:
    """Platforms that can be asked to call us; ConfigError if there is none."""
    stanzas = office.config.platforms.items()
    names = [name for name, stanza in stanzas if hasattr(stanza.factory, "read_again")]
    if not names:
        raise ConfigError("no platform has webhooks to manage; those of kind 'cobot' have")
    return names


def minder_of(office: Office, name: str) -> Minder:
    """Who sees to the webhooks of this platform; ConfigError if nobody can."""
    named(office, [name])
    if name in office.minders:
        return office.minders[name]
    if not isinstance(office.lines[name].platform, Hinting):
        kind = office.config.platforms[name].kind
        raise ConfigError(f"{name}: a platform of kind {kind!r} has no webhooks to manage")
    raise ConfigError(
        f"{name}: webhook_url is missing. Under [platforms.{name}] name the address by which the "
        'internet reaches this machine, e.g. webhook_url = "https://door.example.org", and start '
        "syncd anew; without it the platform is polled, and nothing is lacking but speed"
    )


def _list(minder: Minder) -> dict[str, Any]:
    found = [asdict(each) for each in minder.listed()]
    well = all(each["standing"] == Standing.ACTIVE for each in found)
    return _report(minder, 0 if well else _NOT_IN_ORDER, webhooks=found)


def _install(minder: Minder) -> dict[str, Any]:
    done = minder.install()
    return _report(minder, _NOT_IN_ORDER if done.refused else 0, **asdict(done))


def _remove(minder: Minder) -> dict[str, Any]:
    return _report(minder, 0, removed=minder.remove())


def _report(minder: Minder, code: int, **what: Any) -> dict[str, Any]:
    return {"address": f"{minder.webhooks.address}/****", "exit": code, **what}


ACTS: Mapping[str, Callable[[Minder], dict[str, Any]]] = {
    "install": _install,
    "list": _list,
    "remove": _remove,
}
