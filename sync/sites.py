"""What of the web server is shown to people and programs: each site is imported only if wanted."""

from sync.inbound import Site
from sync.office import Office


def sites(office: Office) -> list[Site]:
    """Those that the configuration wants, and that can be had."""
    shown: list[Site] = []
    if office.config.http.console and office.desk:
        from sync.console.site import console  # noqa: PLC0415 - only if wanted

        shown.append(console(office))
    return shown
