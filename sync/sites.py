"""What of the web server is shown to people and programs: each site is imported only if wanted."""

from sync.inbound import Site
from sync.office import Office


def sites(office: Office) -> list[Site]:
    """Those that the configuration wants, and that can be had."""
    found = []
    wants_api = office.config.http.api or any(
        stanza.kind == "api" for stanza in office.config.platforms.values()
    )
    if wants_api and office.desk:
        from sync.api.app import site  # noqa: PLC0415 - only if wanted

        found.append(site(office, office.desk))
    return found
