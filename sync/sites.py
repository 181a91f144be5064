"""What of the web server is shown to people and programs: each site is imported only if wanted."""

from sync.inbound import Site
from sync.office import Office


def sites(office: Office) -> list[Site]:
    """Those that the configuration wants, and that can be had."""
    del office
    return []
