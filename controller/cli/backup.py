"""`doorward backup` and `doorward restore`: this machine in one sealed file, and back."""

import socket
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controller.cli.inputs import json_option
from controller.cli.output import iso, plain, print_json
from controller.cli.reach import configured, key_of

if TYPE_CHECKING:
    from controller.backup import Manifest, Origin
    from controller.journal_restored import Anew
    from controller.restore import Done

_MACHINE_ID = Path("/etc/machine-id")
_RUN = Path("/run/doorward")

passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Take the passphrase from this file's first line, instead of asking.",
)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@passphrase_option
@click.option("--list", "listing", is_flag=True, help="Say what FILE holds, and if it is whole.")
@json_option
@click.pass_context
def backup(
    context: click.Context,
    file: Path,
    passphrase_file: Path | None,
    listing: bool,  # noqa: FBT001
) -> None:
    """Write all that makes this machine this one into FILE, sealed with a passphrase.

    Databases, device key, configuration, and the secrets and lists that it names. The services may
    run meanwhile. Without the passphrase FILE is worth nothing to anybody, you included.
    """
    if listing:
        _show(context, file, _passphrase(passphrase_file))
        return
    from controller.backup import create
    from controller.sealing import weakness

    config = configured(context)
    key = key_of(config)
    passphrase = _passphrase(passphrase_file, confirm=True)
    if why := weakness(passphrase):
        raise click.UsageError(why)
    manifest = create(config, key, _newest(), file, passphrase, _here(config.run), _progress)
    _left_out(manifest)
    click.echo(f"{file} holds this machine as it is now. Try it: doorward backup --list {file}")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@passphrase_option
@click.option(
    "--adopt", is_flag=True, help="It was made on another machine, which is off for good."
)
@click.option("--replace", is_flag=True, help="Set aside what is here now.")
@click.option(
    "--without-people",
    is_flag=True,
    help="Leave out who may enter: nobody gets in before the platforms have been asked.",
)
@click.pass_context
def restore(
    context: click.Context,
    file: Path,
    passphrase_file: Path | None,
    adopt: bool,  # noqa: FBT001
    replace: bool,  # noqa: FBT001
    without_people: bool,  # noqa: FBT001
) -> None:
    """Make this machine what FILE holds. Everything is proven first; on an error nothing changes.

    The services must be stopped. The configuration goes where it was, or where --config says. No
    check-in is told twice: what had not been told when FILE was made is looked up at the platform,
    or waits for your word.
    """
    from controller.clock import boot_id
    from controller.restore import Wanted
    from controller.restore import restore as take_in

    runs = _running_here(context)
    wanted = Wanted(context.obj.path, adopt, replace, not without_people, runs)
    passphrase, here = _passphrase(passphrase_file), _here(_RUN)
    done = take_in(file, passphrase, wanted, _newest(), _settle, here, boot_id(), _progress)
    _tell(done)


def _show(context: click.Context, file: Path, passphrase: str) -> None:
    from controller.backup import Contents
    from controller.errors import StoreError

    try:
        with file.open("rb") as sealed:
            contents = Contents(sealed, file, passphrase)
            members = {member.name: member.size for member, _ in contents.members()}
    except OSError as error:
        raise StoreError(f"{file} cannot be read: {error.strerror}") from error
    manifest = contents.manifest
    if context.obj.json:
        print_json(_as_data(manifest, members))
        return
    click.echo(
        f"Doorward {manifest.doorward} on {plain(manifest.host)}, {iso(manifest.made)}; it is whole"
    )
    for member, size in members.items():
        where = manifest.files.get(member) or (manifest.config if member == "config" else "")
        click.echo(f"  {size:>12,}  {plain(where or member)}")
    _left_out(manifest)


def _as_data(manifest: "Manifest", members: dict[str, int]) -> dict[str, Any]:
    return {
        "doorward": manifest.doorward,
        "host": manifest.host,
        "made": iso(manifest.made),
        "config": manifest.config,
        "data": manifest.data,
        "schemas": dict(manifest.schemas),
        "files": dict(manifest.files),
        "members": members,
        "left_out": list(manifest.left_out),
    }


def _left_out(manifest: "Manifest") -> None:
    for each in manifest.left_out:
        click.echo(f"Not in it: {plain(each)}", err=True)


def _tell(done: "Done") -> None:
    click.echo(f"Restored to {done.data}, as it was {iso(done.manifest.made)}.")
    for path in done.placed:
        click.echo(f"Put in place: {path}")
    for path in done.kept:
        click.echo(f"What was here before: {path}")
    _left_out(done.manifest)
    click.echo(
        "What happened after that time is not in it: block again the cards blocked since then, "
        "and remove the tokens. Nexudus' own token may have been renewed since; `doorward status` "
        "then says what to do."
    )
    click.echo("Now: systemctl start doorward-controller doorward-sync; doorward checkins")


def _passphrase(file: Path | None, *, confirm: bool = False) -> str:
    from controller.config import SecretRef
    from controller.secrets import read_secret

    if file:
        return read_secret(SecretRef(file=file.absolute()))
    text: str = click.prompt(
        "Passphrase", hide_input=True, confirmation_prompt=confirm, err=True, type=str
    )
    return text


def _here(run: Path) -> "Origin":
    from controller.backup import Origin, machine_mark
    from controller.clock import SystemClock

    machine = _MACHINE_ID.read_text() if _MACHINE_ID.exists() else ""
    clock, host = SystemClock(run), socket.gethostname()
    return Origin(version("doorward"), host, machine_mark(machine), clock.wall(), clock.trust())


def _running_here(context: click.Context) -> tuple[Path, ...]:
    """Where the services of this machine have their sockets, if it can be known."""
    from controller.errors import ConfigError

    try:
        return (configured(context).run,)
    except ConfigError:
        return ()


def _newest() -> dict[str, int]:
    """The schema that this program knows of each database."""
    from controller import cache, journal_file
    from sync import desk, inbox

    parts = {"cache.db": cache, "desk.db": desk, "inbox.db": inbox, "journal.db": journal_file}
    return {name: len(part.MIGRATIONS) for name, part in parts.items()}


def _settle(data: Path, anew: "Anew") -> None:
    """What points at the journal, and what waited to be told, after a restore."""
    from sync.desk import Desk
    from sync.desk_alerts import AlertBook
    from sync.desk_mails import MailBox
    from sync.desk_targets import Positions
    from sync.desk_users import Users
    from sync.inbox import Inbox
    from sync.ledger import Ledger

    with closing(Ledger(data / "cache.db")) as ledger:
        ledger.restored(anew.old, anew.new, anew.newest)
    if (data / "inbox.db").exists():
        Inbox(data / "inbox.db").close()  # brought up to date
    if (data / "desk.db").exists():
        with closing(Desk(data / "desk.db")) as desk:
            Positions(desk).renamed(anew.old, anew.new)
            MailBox(desk).restored()
            AlertBook(desk).restored(anew.old, anew.new)
            Users(desk).end_all()


def _progress(doing: str, size: int) -> None:
    click.echo(f"{doing} ({size / 1048576:.1f} MiB)" if size else doing, err=True)
