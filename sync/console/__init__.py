"""The console: pages for staff and technicians, in a browser, from `sync`'s one web server.

How to add a page:

1. Write a module `sync/console/my_pages.py` with `PAGES`, a tuple of `Page` (`sync.console.page`):
   `Page("GET", "/people", people)`, `Page("POST", "/people/{platform}/{person}/block", block,
   Role.STAFF)`. `people(asked: Asked) -> Answer` runs on a thread and may wait for files and
   sockets; it gives back `Shown("people.html", {…})`, `GoTo("/people", "Blocked.")` or
   `Sent("a.csv", …)`. Who may not, is not logged in, or sends a form that is not ours never reaches
   it. It raises a `DoorwardError`, and the console shows its words. Doors are acted on by
   `asked.act("unlock", …)`, which names the author; what `sync` itself does gets `asked.author`.
2. Add them to the table in `sync.console.pages`, with a `Tab` if the navigation leads there.
3. Write `templates/people.html`, which begins with `{% extends "layout.html" %}` and fills the
   blocks `title` and `main`. Everything is escaped. There are no inline styles and scripts, which
   browsers are told to refuse: classes are in `static/console.css`. Pictures are SVG elements in
   the page, with attributes and classes. Every template knows `user`, `may("staff")`, `path`,
   `site`, `wall()`, `times` (`sync.console.times`), `ago(at)`, the filters `counted` and `lasting`,
   and the macros of `ui.html` as `ui`: `ui.time(at)`, `ui.pill("good", "Shut")`. A form that posts
   holds `{{ form }}`, which shows that it is ours.

Parts: a block of the page's own template whose content is one element with the block's name as its
id can be had alone, as `{% block queue %}<section id="queue">…</section>{% endblock %}`. A block
may use what `Shown` holds and what every template knows, and nothing that is set outside of it.

- An element with `data-live` is fetched again whenever something changes: an event in the journal,
  a door, a platform, and every half minute.
- A form with `data-part="queue"` is sent without leaving the page, and these parts (several with
  blanks between) are shown anew. It must come back to where it was: `GoTo(asked.back("/people"))`,
  with `<input type="hidden" name="back" value="/">` where that is another page.
- A GET form with `data-search="found"` shows that part anew while somebody types.

All of it works without scripts too, except that nothing changes by itself.
"""
