"""All pages of the console, and where its navigation leads."""

from sync.console import (
    attendance_pages,
    check_in_pages,
    doors,
    fetching,
    now,
    people,
    person_acts,
    settings,
)
from sync.console.page import Page
from sync.console.views import Tab
from sync.desk_users import Role

TABS = (
    Tab("/", "Now", "now"),
    Tab("/doors", "Doors", "door"),
    Tab("/people", "People", "people"),
    Tab("/check-ins", "Check-ins", "checkins"),
    Tab("/attendance", "Attendance", "attendance"),
    Tab("/settings", "Settings", "settings", Role.STAFF),
)
PAGES: tuple[Page, ...] = (
    *now.PAGES,
    *doors.PAGES,
    *people.PAGES,
    *person_acts.PAGES,
    *fetching.PAGES,
    *check_in_pages.PAGES,
    *attendance_pages.PAGES,
    *settings.PAGES,
)
