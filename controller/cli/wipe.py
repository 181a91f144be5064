"""`doorward wipe`: make this machine forget all it knows, before it leaves the house."""

from typing import TYPE_CHECKING

import click

from controller.cli.reach import configured

if TYPE_CHECKING:
    from controller.config import Config

# What to do at each kind of platform, so that what was on this machine opens nothing there.
REVOKE = {
    "cobot": (
        "at Cobot, delete the access token: curl -X DELETE https://www.cobot.me/api/access_tokens/"
        "TOKEN, or remove the app under the account's authorized applications. With webhook_url: "
        "doorward webhooks remove, before you wipe"
    ),
    "hive": "at Hive, ask for another door access key, and have the old one withdrawn",
    "nexudus": (
        "at Nexudus, give the access control integration another bearer; where its REST API is "
        "asked, also change the password of the user kept for Doorward"
    ),
    "file": "the list is deleted here; whoever has a copy of it knows what stood in it",
    "api": "the tokens end with this machine; take them out of the programs that hold them",
}
_FLASH = (
    "Overwriting is no guarantee on flash: cards and SSDs keep old blocks where no program can "
    "reach them. Without the device key the hashes of cards and PINs are worthless; names and "
    "secrets may be recovered. If that matters, destroy the card, or have the disk encrypted from "
    "the start."
)


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def wipe(context: click.Context, yes: bool) -> None:  # noqa: FBT001
    """Delete the device key, all databases, the secrets and lists that the configuration names.

    The services must be stopped. Nothing is revoked at the platforms: it says how.
    """
    from controller.restore import refuse_while_running
    from controller.wiping import found, wipe_all

    config = configured(context)
    refuse_while_running(config.run)
    paths = found(config)
    for path in paths:
        click.echo(path)
    if not yes:
        click.confirm("All of these will be gone for good. Go on?", abort=True, err=True)
    wipe_all(paths)
    click.echo(f"{len(paths)} deleted, the device key first. {_FLASH}")
    for line in _to_revoke(config):
        click.echo(f"To do: {line}")


def _to_revoke(config: "Config") -> list[str]:
    lines = [f"{name}: {_how(stanza.kind)}" for name, stanza in config.platforms.items()]
    if config.mail:
        lines.append("mail: change the password of the account that mail was sent by")
    lines += [f"target {name}: give it another secret at the receiver" for name in config.targets]
    return [*lines, "remove systemd credentials, and backups that nobody needs any more"]


def _how(kind: str) -> str:
    return REVOKE.get(kind, "withdraw the key that this machine had")
