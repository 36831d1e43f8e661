"""Settings: precedence, and errors that can be acted on."""

from pathlib import Path

import pytest

from agent.config import ConfigError, Settings, load, meanings


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "agent.toml"

    def write(text):
        path.write_text(text)
        return path

    return write


def test_the_later_source_wins(file):
    path = file('log_level = "error"\nsample_seconds = 5\nreport_seconds = 50\n')
    loaded = load(path, {"TOCSIN_REPORT_SECONDS": "60", "TOCSIN_LOG_LEVEL": "info"}, {"log_level": "debug"})
    assert loaded.settings.log_level == "debug"
    assert loaded.settings.report_seconds == 60
    assert loaded.settings.sample_seconds == 5
    assert loaded.sources["log_level"] == "--log-level"
    assert loaded.sources["report_seconds"] == "TOCSIN_REPORT_SECONDS"
    assert loaded.sources["sample_seconds"] == f"{path}:2"
    assert loaded.sources["root"] == "default"


def test_lists_and_paths(file):
    loaded = load(file('extra_filesystems = ["/srv", "/data"]\nstate_dir = "/tmp/x"\n'), {})
    assert loaded.settings.extra_filesystems == ("/srv", "/data")
    assert loaded.settings.state_dir == Path("/tmp/x").absolute()  # on Windows: of the current drive
    assert load(None, {"TOCSIN_EXTRA_FILESYSTEMS": "/a,/b"}).settings.extra_filesystems == ("/a", "/b")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('\n\nsample_seconds = "soon"', [":3:", "sample_seconds", "whole number", "soon"]),
        ("sample_seconds = 0", [":1:", "at least 1"]),
        ("# x\nreport_seconds = 90000", [":2:", "at most 86400"]),
        ("sample_second = 5", [":1:", "sample_second", "did you mean sample_seconds?"]),
        ("xyzzy = 5", [":1:", "known are", "spool_max_bytes"]),
        ('log_level = "loud"', [":1:", "one of debug, info"]),
        ("sample_seconds = true", [":1:", "whole number"]),
        ("sample_seconds = 1.5", [":1:", "whole number"]),
        ('listen = "yes"', [":1:", "true or false"]),
        ("keep_acked_hours = nan", [":1:", "at least 0"]),
        ('extra_filesystems = "/srv"', [":1:", "list of text"]),
        ('collector = "https://x"', [":1:", "HOST:PORT"]),
        ("a = = 1", ["is not TOML", "line 1"]),
        ("\n[spool]\nmax = 1", [":2:", "spool"]),
    ],
)
def test_a_wrong_value_names_file_line_and_key(file, text, words):
    path = file(text)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    for word in [str(path), *words]:
        assert word in str(caught.value)


def test_a_wrong_variable_is_named(file):
    with pytest.raises(ConfigError, match="TOCSIN_SAMPLE_SECONDS: sample_seconds must be a whole number"):
        load(file(""), {"TOCSIN_SAMPLE_SECONDS": "x"})


def test_a_file_that_was_asked_for_must_be_there(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.toml", {})


def test_variables_of_the_other_programs_are_not_ours(file):
    load(file(""), {"TOCSIN_DATABASE_URL": "x"})


def test_every_setting_says_what_it_is_for():
    assert all(text.endswith(".") for text in meanings().values())
    assert meanings().keys() == set(Settings.__slots__)
