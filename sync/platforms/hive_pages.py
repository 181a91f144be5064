"""The pages of `/users`, followed with suspicion: half a list must never pass for a whole one."""

from collections.abc import Callable, Iterator

from controller.errors import BadReply
from sync.platforms.hive_said import Said

MOST_PAGES = 10_000
_NO_MORE = (None, False, 0, "", "0", "false")  # PHP has many ways to say no


def pages(ask: Callable[[int], Said]) -> Iterator[Said]:
    """Every page, from the first to the one that names no next. `ask` fetches one."""
    page, full, before = 1, 0, None
    while True:
        answer = ask(page)
        users = answer.rows("users")
        following = _next_page(answer, page)
        full = full or len(users)
        if following and (not users or len(users) < full):
            raise BadReply(
                f"{answer.what}: holds {len(users)} users and is not the last page, "
                f"though the first holds {full}; the list is not whole"
            )
        if users and users == before:
            raise BadReply(f"{answer.what}: holds the same users as the page before it")
        yield answer
        if not following:
            return
        page, before = following, users


def _next_page(answer: Said, page: int) -> int | None:
    """The number of the next page, or None after the last."""
    if answer.raw.get("page") is not None and answer.id("page") != str(page):
        raise BadReply(f"{answer.what}: page {answer.id('page')} was answered")
    if answer.raw.get("next_page") in _NO_MORE:
        return None
    if answer.id("next_page") != str(page + 1):
        raise BadReply(f"{answer.what}: names page {answer.id('next_page')} as the next")
    if page >= MOST_PAGES:
        raise BadReply(f"{answer.what}: there are more than {MOST_PAGES} pages")
    return page + 1
