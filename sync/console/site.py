"""The console put together, as a site of the web server."""

from controller.errors import ConfigError
from sync.console.app import Front
from sync.console.entry import Entry
from sync.console.gate import Gate
from sync.console.login import Doorkeeper
from sync.console.lookout import Lookout
from sync.console.news import News
from sync.console.pages import PAGES, TABS
from sync.console.stream import Stream
from sync.console.views import Views
from sync.desk_users import Users
from sync.inbound import Site
from sync.office import Office


def console(office: Office) -> Site:
    """Everything that no other site has. ConfigError if desk.db cannot be had."""
    if office.desk is None:
        raise ConfigError(f"no console: {office.desk_trouble}")
    users = Users(office.desk)
    gate = Gate(office.config.http, users, office.clock)
    lookout = Lookout(office)
    front = Front(office, gate, Views(office, TABS), lookout)
    news = News(office, lookout, gate)
    entry = Entry(front, gate, users, Doorkeeper(gate, users, office.clock), news)
    stream = Stream(front, news)
    return Site("", front.application(PAGES, [*entry.routes(), *stream.routes()]))
