"""All pages of the console, and where its navigation leads."""

from sync.console import attendance_pages, check_in_pages, now, people, person_acts
from sync.console.page import Page
from sync.console.views import Tab

TABS = (
    Tab("/", "Now", "now"),
    Tab("/people", "People", "people"),
    Tab("/check-ins", "Check-ins", "checkins"),
    Tab("/attendance", "Attendance", "attendance"),
)
PAGES: tuple[Page, ...] = (
    *now.PAGES,
    *people.PAGES,
    *person_acts.PAGES,
    *check_in_pages.PAGES,
    *attendance_pages.PAGES,
)
