"""Settings of mail and runbooks: a wrong one is refused with its place, before anything is sent."""

from pathlib import Path

import pytest

from collector.config import Config, ConfigError, load

MAIL = {
    "TOCSIN_MAIL_TO": "help@example.org, av@example.org", "TOCSIN_MAIL_FROM": "tocsin@example.org",
    "TOCSIN_SMTP_HOST": "mail.example.org",
}  # fmt: skip


def config(**more: str) -> Config:
    return load(None, MAIL | more, {})


def test_mail_needs_three_settings() -> None:
    found = config()
    assert (found.mail_to, found.smtp_port, found.smtp_security) == (
        ("help@example.org", "av@example.org"), 587, "starttls",
    )  # fmt: skip
    assert load(None, {}, {}).mail_to == ()


@pytest.mark.parametrize(
    "name, value, words",
    [
        ("TOCSIN_MAIL_FROM", "", "mail_to needs mail_from"),
        ("TOCSIN_SMTP_HOST", "", "mail_to needs smtp_host"),
        ("TOCSIN_MAIL_TO", "a@b.example\r\nBcc: c@d.example", "addresses such as"),
        ("TOCSIN_MAIL_TO", "help", "addresses such as"),
        ("TOCSIN_MAIL_FROM", "Tocsin <t@example.org>", "an address such as"),
        ("TOCSIN_SMTP_HOST", "mail example", "a name or an address"),
        ("TOCSIN_SMTP_SECURITY", "maybe", "one of starttls, tls, none"),
        ("TOCSIN_SMTP_PORT", "0", "not between 1 and 65535"),
        ("TOCSIN_SMTP_USER", "tocsin", "need each other"),
        ("TOCSIN_SMTP_PASSWORD_FILE", "/run/secret", "need each other"),
        ("TOCSIN_RUNBOOK_URL", "javascript:{rule}", "a web address"),
    ],
)
def test_a_wrong_setting_names_its_place(name: str, value: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        config(**{name: value})
    assert "TOCSIN_" in str(caught.value)


def test_no_password_goes_over_an_open_line() -> None:
    secret = {"TOCSIN_SMTP_USER": "tocsin", "TOCSIN_SMTP_PASSWORD_FILE": "/run/secret"}
    assert config(**secret).smtp_user == "tocsin"
    with pytest.raises(ConfigError, match="no password over an open line"):
        config(**secret, TOCSIN_SMTP_SECURITY="none")


def test_a_password_has_no_place_in_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "collector.toml"
    file.write_text('smtp_password = "secret"\n')
    with pytest.raises(ConfigError, match="line 1: there is no setting 'smtp_password'"):
        load(file, {}, {})
