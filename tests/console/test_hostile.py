"""What reads a page as a browser would, and the cells of a CSV. Every page is read in test_hostile_ways_out.py."""

from html.parser import HTMLParser

import pytest

from console.lists import cell
from tests.console.hostile import STRINGS

ALLOWED_TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "link",
    "script",
    "style",
    "body",
    "a",
    "header",
    "div",
    "svg",
    "path",
    "nav",
    "main",
    "p",
    "h1",
    "h2",
    "h3",
    "section",
    "span",
    "form",
    "input",
    "button",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "bdi",
    "b",
    "br",
    "ol",
    "ul",
    "li",
    "dl",
    "dt",
    "dd",
    "time",
    "figure",
    "figcaption",
    "line",
    "rect",
    "text",
    "polyline",
    "polygon",
    "circle",
    "details",
    "summary",
    "fieldset",
    "legend",
    "label",
    "select",
    "option",
    "textarea",
    "aside",
}


class Reader(HTMLParser):
    """What a browser would see: elements, attributes, and the text between."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self._within = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within = tag
        if tag not in ALLOWED_TAGS:
            self.wrong.append(f"<{tag}>")
        for name, value in attrs:
            if name.startswith("on") or name in ("style", "srcdoc", "formaction"):
                self.wrong.append(f"{tag} {name}={value}")
            if name in ("href", "src", "action") and not str(value).startswith(("/", "#", "?")):
                self.wrong.append(f"{tag} {name}={value}")

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        (self.scripts if self._within == "script" else self.text).append(data)


@pytest.mark.parametrize("text", [text for text in STRINGS if text.lstrip()[0] in "=+-@|＝"])
def test_no_formula_is_one_in_a_cell(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("number", [-5, 3.5, 0])
def test_a_number_in_a_csv_stays_a_number(number: float) -> None:
    assert cell(number) == number


def test_a_csv_keeps_the_text_behind_the_apostrophe() -> None:
    assert cell("=1+1") == "'=1+1"
    assert cell("plain") == "plain"
