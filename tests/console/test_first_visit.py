"""A console that nothing has reported to yet: every page of its own says what to do next, none shows an empty table."""

import re

from flask import Flask

from console import access
from tests.console import walk
from tests.console.conftest import signed_in

# Forms and tables that are whole without any device.
FULL_FROM_THE_START = {"sign_in.form", "account.page", "people.page", "rules.page", "api_guide.page"}


def test_every_page_of_an_empty_console_says_what_to_do_next(empty: Flask) -> None:
    plain = {rule.endpoint for rule in empty.url_map.iter_rules() if not rule.arguments}
    client, wrong = signed_in(empty), []
    for name, path in walk.PAGES.items():
        place = walk.endpoint(empty, path)
        if place not in plain or "?" in path:
            continue
        answer = client.get(path)
        if answer.status_code != 200 and place != "sign_in.form":
            wrong.append((name, answer.status))
        body = re.sub(r"\s+", " ", answer.text)
        if "<tbody> </tbody>" in body or "<tbody></tbody>" in body:
            wrong.append((name, "a table without a row"))
        said = re.findall(r'<(?:p|section) class="empty[ "]', body)
        if place not in FULL_FROM_THE_START and not said:
            wrong.append((name, "does not say why it is empty"))
    assert not wrong, "\n".join(map(str, wrong))


def test_an_empty_console_offers_only_what_its_reader_may_do(empty: Flask) -> None:
    """A viewer is told who can make the first token, not sent to a page that turns him away."""
    client, wrong = signed_in(empty, "viewer"), []
    for name, path in walk.PAGES.items():
        if not access.allows("viewer", walk.endpoint(empty, path)):
            continue
        answer = client.get(path)
        links = re.findall(r'<a [^>]*href="(/[^"#]*)"', answer.text if answer.status_code == 200 else "")
        places = {link: walk.endpoint(empty, link.replace("&amp;", "&")) for link in links}
        wrong += [(name, link) for link, place in places.items() if not access.allows("viewer", place)]
    assert not wrong, "\n".join(map(str, wrong))
