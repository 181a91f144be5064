"""A socket is for the service's user and group, and the kernel says who is at the other end."""

import stat
from pathlib import Path

from controller.cli.reach import own_name
from controller.control import Server, ask


def test_a_socket_is_for_its_user_and_group_and_names_who_asks(tmp_path: Path) -> None:
    path = tmp_path / "door.sock"
    server = Server(path, {"who": lambda _request, author, _say: {"author": author}})
    try:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert ask(path, {"do": "who", "author": "somebody else"})["author"] == own_name()
        through = ask(path, {"do": "who", "on_behalf": "Ida"})["author"]
        assert through == f"Ida, through {own_name()}"
    finally:
        server.close()
