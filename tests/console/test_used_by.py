"""Who works at a device: said on its page, found in the list, printed in the brief."""

from pathlib import Path

import pytest
from flask import Flask

from collector.__main__ import main
from tests.console.api import keys
from tests.console.conftest import signed_in
from tests.console.walk import DISK


def test_a_technician_says_it_and_the_device_is_found_by_it(app: Flask) -> None:
    client = signed_in(app, "technician")
    keys.make(app)
    assert "tul-clerk-014" not in client.get("/devices?q=dolores").text
    answer = client.post(
        f"/devices/{DISK}/used-by", data={"used_by": "Dolores Ibárruri"}, follow_redirects=True
    )
    assert "Used by Dolores Ibárruri now." in answer.text
    assert "tul-clerk-014" in client.get("/devices?q=dolores").text
    assert "Dolores Ibárruri" in client.get("/devices.csv").text
    assert "Dolores Ibárruri" in client.get(f"/devices/{DISK}/brief").text
    assert keys.Caller(app).get(f"/api/v1/devices/{DISK}").json["used_by"] == "Dolores Ibárruri"
    client.post(f"/devices/{DISK}/used-by", data={"used_by": ""})
    assert "Dolores" not in client.get(f"/devices/{DISK}").text


def test_a_viewer_is_offered_no_form_and_may_not(app: Flask) -> None:
    client = signed_in(app, "viewer")
    assert "used-by" not in client.get(f"/devices/{DISK}").text
    assert client.post(f"/devices/{DISK}/used-by", data={"used_by": "x"}).status_code == 403


def test_the_command_shows_first_and_does_then(
    app: Flask, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "desks.csv"
    file.write_text("Device,Used by\ntul-clerk-014,Ann Lee\n")
    where = ["--state-dir", str(tmp_path), "--database", f"sqlite:///{tmp_path}/t.db"]
    client = signed_in(app)
    for dry, said in ((["--dry-run"], "1 would change"), ([], "1 changed")):
        assert main([*where, "devices", "used-by", str(file), *dry]) == 0
        out = capsys.readouterr().out
        assert "tul-clerk-014: nobody → Ann Lee" in out and said in out
        assert ("tul-clerk-014" in client.get("/devices?q=ann+lee").text) is (not dry)
    file.write_text("Device,Used by\nnone-such,Ann\n")
    assert main([*where, "devices", "used-by", str(file)]) != 0
    assert "desks.csv, line 2: no device is called 'none-such'" in capsys.readouterr().err
