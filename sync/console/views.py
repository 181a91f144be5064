"""Pages from templates: whole, or those parts of one that a script asks for."""

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from controller.wording import ago, counted, lasting
from sync.console.page import Shown
from sync.console.times import Times
from sync.desk_users import Role
from sync.office import Office


class Tab(NamedTuple):
    """A page that the navigation leads to; `icon` names a drawing in `ui.html`."""

    path: str
    title: str
    icon: str
    role: Role = Role.VIEWER


STATIC = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


class Views:
    """Renders for one site. Any thread may use it."""

    def __init__(self, office: Office, tabs: Sequence[Tab]) -> None:
        self._office, self._tabs = office, tabs
        self.static = {name: _static(name) for name in STATIC}
        self._env = Environment(
            loader=PackageLoader("sync.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        times = Times(office.config.zone)
        self._env.filters |= {"counted": counted, "lasting": lasting, "first_up": _first_up}
        self._env.globals |= {
            "site": office.config.site.name,
            "version": version("doorward"),
            "times": times,
            "wall": office.clock.wall,
            "ago": lambda at: ago(office.clock.wall() - at),
            "static": {
                name: f"/static/{name}?v={_mark(text)}" for name, text in self.static.items()
            },
        }
        self._env.globals["ui"] = self._env.get_template("ui.html").module

    def page(self, shown: Shown, around: Mapping[str, Any]) -> str:
        """The whole page. `around`: path, user, form_token and told, for `layout.html`."""
        template = self._env.get_template(shown.template)
        return template.render({**self._common(around), **shown.data})

    def parts(self, shown: Shown, around: Mapping[str, Any], names: Sequence[str]) -> str:
        """Only the blocks of these names, as far as they are there, and what is told."""
        template = self._env.get_template(shown.template)
        context = template.new_context({**self._common(around), **shown.data})
        found = [template.blocks[name] for name in names if name in template.blocks]
        pieces = [piece for block in found for piece in block(context)]
        if around["told"]:
            pieces.append(self._env.get_template("told.html").render(around))
        return "".join(pieces)

    def _common(self, around: Mapping[str, Any]) -> dict[str, Any]:
        user = around["user"]
        mine = [tab for tab in self._tabs if user and user.role.reaches(tab.role)]
        tabs = [(tab, _within(around["path"], tab.path)) for tab in mine]
        token = Markup('<input type="hidden" name="token" value="{}">')
        return {
            **around,
            "tabs": tabs,
            "form": token.format(around["form_token"]),
            "may": lambda role: bool(user) and user.role.reaches(Role(role)),
        }


def _within(path: str, tab: str) -> bool:
    return path == tab or (tab != "/" and path.startswith(f"{tab}/"))


def _first_up(text: str) -> str:
    """What stands at the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def _static(name: str) -> bytes:
    return files("sync.console").joinpath("static", name).read_bytes()


def _mark(content: bytes) -> str:
    """Changes with the content, so that a browser may keep what it has."""
    return hashlib.sha256(content).hexdigest()[:12]
