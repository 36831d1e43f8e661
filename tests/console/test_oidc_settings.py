"""The settings of sign-in by an identity provider: where a wrong one stands, and what is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

from console import __main__ as command
from console import config

WHOLE = """
oidc_issuer = "https://login.example/tenant/v2.0"
oidc_client_id = "tocsin"
oidc_client_secret_file = "{secret}"

[oidc_groups]
"Tocsin.Admin" = "admin"
"6f1c0a52-8a0e" = "viewer"
"""


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text("the secret itself\n")
    return file


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "console.toml"
    file.write_text(text)
    return file


def test_what_is_written_is_what_holds(tmp_path: Path, secret: Path) -> None:
    found = config.load(written(tmp_path, WHOLE.format(secret=secret)), environment={})
    assert found.oidc_groups == {"Tocsin.Admin": "admin", "6f1c0a52-8a0e": "viewer"}
    assert (found.oidc_group_claim, found.oidc_name_claim) == ("roles", "preferred_username")
    assert found.provider_title == "login.example"
    assert "the secret itself" not in repr(found)


def test_the_environment_gives_groups_as_pairs(tmp_path: Path, secret: Path) -> None:
    told = {
        "TOCSIN_CONSOLE_OIDC_GROUPS": "/staff/a=b=lead, Tocsin.Admin=admin",
        "TOCSIN_CONSOLE_OIDC_TITLE": "Entra",
    }
    found = config.load(written(tmp_path, WHOLE.format(secret=secret)), environment=told)
    assert found.oidc_groups == {"/staff/a=b": "lead", "Tocsin.Admin": "admin"}
    assert found.provider_title == "Entra"
    with pytest.raises(
        config.WrongSetting, match=r"TOCSIN_CONSOLE_OIDC_GROUPS: oidc_groups: VALUE=ROLE is wanted"
    ):
        config.load(environment={"TOCSIN_CONSOLE_OIDC_GROUPS": "admin"})


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"viewer"', '"boss"', ":8: oidc_groups: 6f1c0a52-8a0e: 'boss' is no role; these are viewer, technician, lead, admin"),
        ('"admin"', "7", ":7: oidc_groups: Tocsin.Admin: 7 is no role"),
        ('oidc_client_id = "tocsin"\n', "", ":2: oidc_issuer: needs oidc_client_id beside it"),
        ('oidc_issuer = "https://login.example/tenant/v2.0"\n', "", ":2: oidc_client_id: needs oidc_issuer beside it"),
        ("https://", "http://", ":2: oidc_issuer: 'http://login.example/tenant/v2.0' is no address such as https://"),
        ("https://", "https://me:word@", ":2: oidc_issuer: "),
        ("v2.0", "v2.0?x=1", ":2: oidc_issuer: "),
        ("v2.0", "v2.0#x", ":2: oidc_issuer: "),
        ("login.example", "login.example:x", ":2: oidc_issuer: "),
        ("/secret", "/nothing", ":4: oidc_client_secret_file: "),
        ('= "tocsin"', "= 7", ":3: oidc_client_id: 7 is not a text"),
        ("oidc_client_id", "oidc_client_secret", ":3: oidc_client_secret: no such setting"),
    ],
)  # fmt: skip
def test_a_wrong_setting_names_file_line_and_key(
    tmp_path: Path, secret: Path, old: str, new: str, said: str
) -> None:
    text = WHOLE.format(secret=secret)
    assert old in text
    file = written(tmp_path, text.replace(old, new))
    with pytest.raises(config.WrongSetting) as problem:
        config.load(file, environment={})
    assert f"{file}{said}" in str(problem.value)
    assert "the secret itself" not in str(problem.value)


def test_an_empty_secret_is_none(tmp_path: Path, secret: Path) -> None:
    secret.write_text("\n")
    with pytest.raises(config.WrongSetting, match=r":4: oidc_client_secret_file: .*is empty"):
        config.load(written(tmp_path, WHOLE.format(secret=secret)), environment={})


@pytest.mark.parametrize("address", ["http://127.0.0.1:8080/realms/x", "http://[::1]/", "http://localhost/x", "https://[2001:db8::1]:8443/x"])  # fmt: skip
def test_this_machine_may_be_asked_in_the_open(address: str) -> None:
    assert config.is_safe(address)


@pytest.mark.parametrize("address", ["http://127.0.0.1.evil.example/", "http://localhost.evil.example", "ftp://x", "https://", "//x/", "https://a b/", "https://x\\y/", "https://x:0/", "http://[::1/", "https://пример.example/"])  # fmt: skip
def test_nobody_else_is(address: str) -> None:
    assert not config.is_safe(address)


def test_without_the_package_a_configured_console_says_what_to_install_and_users_can_still_be_added(
    tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "authlib", None)
    file = written(tmp_path, WHOLE.format(secret=secret))
    arguments = ["--config", str(file), "--state-dir", str(tmp_path)]
    assert command.main(["serve", *arguments]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("pip install 'tocsin[oidc]'")
    assert command.main(["user", "list", *arguments]) == 0


def test_a_console_without_a_provider_loads_no_client_for_one(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from console import create_app; from console.config import Config;"
        f"create_app(Config(state_dir=Path({str(tmp_path)!r}))); print([m for m in ('authlib', 'joserfc', 'requests') if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
