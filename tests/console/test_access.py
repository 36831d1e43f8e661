"""Who may open what: the table, compared with the routes there are and tried role by role."""

from urllib.parse import unquote

import pytest
from flask import Flask

from collector.roles import ROLES
from console import access
from console.api.problem import PATH
from tests.console.api import keys
from tests.console.conftest import signed_in

DISK = "0c7be3a9d4f15862"
ARGUMENTS = {
    "device_id": DISK, "section": "disks", "request_id": "r1", "number": "1041", "token_id": "t1", "row_id": "o1", "name": "viewer.one",
    "token_hash": "h1", "filename": "console.css", "finding_id": "f3", "acceptance_id": "a1", "maintenance_id": "m1",
    "site": "Tulsa County Courthouse", "check_id": "c1", "override_id": "o1", "rule": "disk_pending_sectors", "rule_hash": "h1",
    "label": DISK[:12], "kind": "stock", "key_id": "k1", "work_id": "m1",
}  # fmt: skip


def routes(app: Flask) -> list[tuple[str, str, str]]:
    """(endpoint, method, path) of everything."""
    found = []
    for rule in app.url_map.iter_rules():
        adapter = app.url_map.bind("localhost")
        path = adapter.build(rule.endpoint, {name: ARGUMENTS[name] for name in rule.arguments})
        found += [
            (rule.endpoint, method, path) for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        ]
    return found


def test_every_route_is_in_the_table_and_the_table_has_no_other(app: Flask) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == set(access.ROUTE)


def test_every_route_has_a_role_that_exists() -> None:
    assert set(access.ROUTE.values()) <= {access.OPEN, *ROLES}


@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_what_the_table_says_and_nothing_else(app: Flask, role: str) -> None:
    wrong = []
    keys.make(app)
    program = keys.Caller(app, role)
    for endpoint, method, path in routes(app):
        if path.startswith(PATH):
            status = program.call(method, path).status_code
        else:
            client = signed_in(app, role)  # anew: some routes sign out
            status = client.open(path, method=method, buffered=True).status_code
        refused = status == 403
        if endpoint in ("sign_in.submit", "health.metrics"):
            continue  # these have tests of their own
        if refused == access.allows(role, endpoint):
            wrong.append((endpoint, method, status))
    assert wrong == []


def test_without_sign_in_nothing_opens_but_the_open_routes(app: Flask) -> None:
    client = app.test_client()
    wrong = []
    for endpoint, method, path in routes(app):
        answer = client.open(path, method=method, buffered=True)
        to_the_door = answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in?next=")
        if access.ROUTE[endpoint] != access.OPEN and not (to_the_door or answer.status_code == 401):
            wrong.append((endpoint, method, answer.status_code))
    assert wrong == []


def test_the_api_takes_no_cookie_and_the_pages_take_no_key(app: Flask) -> None:
    keys.make(app)
    browser, program, wrong = signed_in(app, "admin"), keys.Caller(app, "admin"), []
    for endpoint, method, path in routes(app):
        if access.ROUTE[endpoint] == access.OPEN:
            continue
        if path.startswith(PATH):
            answer = browser.open(path, method=method)
            refused = answer.status_code == 401 and answer.headers["WWW-Authenticate"].startswith("Bearer")
        else:
            answer = program.call(method, path)
            refused = (
                answer.status_code in (302, 401)
                and not answer.headers.get("Location", "/sign-in").partition("/sign-in")[0]
            )
        if not refused:
            wrong.append((endpoint, method, answer.status_code))
    assert wrong == []


def test_a_route_that_is_not_listed_answers_nobody(app: Flask) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    for role in ROLES:
        answer = signed_in(app, role).get("/forgotten")
        assert answer.status_code == 403
        assert "secret" not in answer.text


def test_changes_are_made_by_post_only(app: Flask) -> None:
    reading = {"GET", "HEAD", "OPTIONS"}
    for rule in app.url_map.iter_rules():
        methods = rule.methods or set()
        # Programs may change a thing as well: they come with a key, and no other site can send that for them.
        changing = {"POST", "PATCH", "OPTIONS"} if rule.rule.startswith(PATH) else {"POST", "OPTIONS"}
        assert methods <= reading or methods <= changing, rule


@pytest.mark.parametrize(
    "path",
    [
        "//people", "/people/", "//people/", "/./people", "/people/.", "/people;x", "/;/people", "/people%2f", "/%2e%2e/people",
        "/static/../people", "/static/..%2fpeople", "/static//console.css", "/devices//x", f"/devices/{DISK};x",
        f"/devices/{DISK}%2f", f"/devices/{DISK}%00", "/devices/%2e%2e/people", "/devices/..;/people", "/PEOPLE", "/people%20",
        "/people\\", "///", "/tickets/0x10", "/tickets/-1", "/tickets/99999999999999999999", "/tickets/1041.0",
        f"/devices/{DISK}/inventory/../revoke", "/rooms/", "/rooms//Courtroom 3", "/rooms/Tulsa County Courthouse/", "/rooms/x/y/z",
        "/rooms/Tulsa County Courthouse/Courtroom 3/../sheet", "/rooms/~54ulsa County Courthouse/Courtroom 3", "/rooms/a;b/c", "/rooms/~zz/c",
        "//api/v1/devices", "/api/v1/devices/", "/api//v1/devices", "/api/v1/../v1/devices", "/api/v1/devices;x", "/API/v1/devices",
        f"/api/v1/devices/{DISK}%2f", f"/api/v1/devices/{DISK}/sections/..", "/api/v1/tickets/-1", "/api/v1/rooms/a/b\x00", "/api/v2/devices",
        "/rooms/~FF/c", "/rooms/~00/c", "/rooms/~2f/c", "/rooms/../people", "/rooms/a/b\x00", f"/rooms/{'x' * 5000}/y",
    ],
)  # fmt: skip
@pytest.mark.parametrize("role", ["", "viewer"])
def test_tricks_with_the_path_open_nothing(shown: Flask, path: str, role: str) -> None:
    client = signed_in(shown, role) if role else shown.test_client()
    # As a server hands it over: the raw path, decoded once, not cleaned by the test client.
    answer = client.open("/", environ_overrides={"PATH_INFO": unquote(path)}, buffered=True)
    assert answer.status_code in (401, 403, 404)


TRICKS = (
    "/{}",
    "{}/",
    "{}//",
    "/.{}",
    "{}/.",
    "{};x",
    "/;{}",
    "{}\x00",
    "{}\\",
    "/static/..{}",
    "/x/..{}",
    "{}/..{}",
)


def test_no_spelling_of_any_address_opens_it_without_sign_in(app: Flask) -> None:
    """Each trick on each route there is. What sends to the door has opened nothing, nor what takes no changes at all."""
    client, wrong = app.test_client(), []
    for method, path in sorted({(method, unquote(path)) for _, method, path in routes(app)}):
        closed = (401, 403, 404) if method == "GET" else (401, 403, 404, 405)
        # What lies below /static is everybody's, however it is spelt.
        for trick in TRICKS if not path.startswith("/static/") else ():
            spelt = trick.replace("{}", path)
            answer = client.open("/", method=method, environ_overrides={"PATH_INFO": spelt}, buffered=True)
            to_the_door = answer.status_code == 302 and answer.headers["Location"].startswith(
                "/sign-in?next="
            )
            if answer.status_code not in closed and not to_the_door:
                wrong.append((method, spelt, answer.status_code))
    assert not wrong, "\n".join(map(str, wrong))


def test_a_role_that_does_not_exist_may_nothing() -> None:
    assert not any(
        access.allows("root", endpoint) for endpoint, role in access.ROUTE.items() if role != access.OPEN
    )
