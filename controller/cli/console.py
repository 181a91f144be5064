"""`doorward console`: what the console in a browser needs around it."""

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.cli.inputs import json_option
from controller.cli.output import iso, local, print_json
from controller.cli.reach import as_the_services, clock_of, configured
from controller.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.config import Config
    from sync.console.certificate import Made

_FILES = ("console-cert.pem", "console-key.pem")


@click.group()
def console() -> None:
    """Prepare the console for a network. Who may log in: doorward users."""


@console.command()
@click.option("--name", "names", multiple=True, help="A name or an address it is called by, too.")
@click.option("--renew", is_flag=True, help="Replace the certificate that is there.")
@json_option
@click.pass_context
def cert(context: click.Context, names: tuple[str, ...], *, renew: bool) -> None:
    """Make a certificate that this machine signs itself, good for 825 days.

    Browsers warn of it once; compare the fingerprint that they show. Its files go where [http]
    names them, else beside the databases.
    """
    from sync.console.certificate import made

    config = configured(context)
    as_the_services(config)
    certificate, key = _places(config)
    if (certificate.exists() or key.exists()) and not renew:
        raise ConfigError(
            f"{certificate} or {key} is there already and was left as it is; to replace both: "
            "doorward console cert --renew"
        )
    called = list(dict.fromkeys((*names, *_own_names(config))))
    fresh = _made(made, called, clock_of(config).wall())
    _put(key, fresh.key, 0o600)
    _put(certificate, fresh.certificate, 0o644)
    files = {"certificate": str(certificate), "certificate_key": str(key)}
    if context.obj.json:
        about = {"names": called, "sha256": fresh.fingerprint, "until": iso(fresh.until)}
        print_json({**files, **about})
        return
    click.echo(f"{certificate}: good until {local(fresh.until)}, for {', '.join(called)}")
    click.echo(f"SHA-256 fingerprint: {fresh.fingerprint}")
    click.echo(_advice(config, files))


def _made(made: "Callable[[list[str], float], Made]", names: list[str], now: float) -> "Made":
    try:
        return made(names, now)
    except ValueError as error:
        raise ConfigError(f"no certificate can be made for {', '.join(names)}: {error}") from error


def _places(config: "Config") -> tuple[Path, Path]:
    http = config.http
    if http.certificate and http.certificate_key:
        return http.certificate, http.certificate_key
    return config.data / _FILES[0], config.data / _FILES[1]


def _own_names(config: "Config") -> list[str]:
    """Those by which this machine is likely to be called."""
    host = socket.gethostname()
    found = [host, *([] if "." in host else [f"{host}.local"]), "localhost"]
    if config.http.address not in ("0.0.0.0", "::"):  # noqa: S104 - asked, not listened on
        found.append(config.http.address)
    with suppress(OSError):
        found += [str(each[4][0]).partition("%")[0] for each in socket.getaddrinfo(host, None)]
    # No packet is sent: the kernel only says by which address it would be.
    for family, somewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((somewhere, 9))
            found.append(str(probe.getsockname()[0]))
    return [*found, "127.0.0.1", "::1"]


def _put(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by more than it should be."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror}); do this as the user that the services "
            "run as: sudo -u doorward doorward console cert"
        ) from error


def _advice(config: "Config", files: dict[str, str]) -> str:
    if config.http.certificate:
        return "A running syncd takes it for new connections within a second."
    lines = [f'{name} = "{path}"' for name, path in files.items()]
    return "\n".join(
        (
            f"\nWrite this into {config.path}, then: systemctl restart doorward-sync\n",
            "[http]",
            'address = "0.0.0.0"',
            *lines,
        )
    )
