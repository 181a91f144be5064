"""All pages of the console, and where its navigation leads."""

from sync.console import now
from sync.console.page import Page
from sync.console.views import Tab

TABS = (Tab("/", "Now", "now"),)
PAGES: tuple[Page, ...] = (*now.PAGES,)
