"""All pages of the console, and where its navigation leads."""

from sync.console import doors, now, settings
from sync.console.page import Page
from sync.console.views import Tab
from sync.desk_users import Role

TABS = (
    Tab("/", "Now", "now"),
    Tab("/doors", "Doors", "door"),
    Tab("/settings", "Settings", "settings", Role.STAFF),
)
PAGES: tuple[Page, ...] = (
    *now.PAGES,
    *doors.PAGES,
    *settings.PAGES,
)
