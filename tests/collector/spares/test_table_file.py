"""CSV as spreadsheets write it: which bytes are taken, and what a refusal says."""

import pytest

from collector.spares import table_file
from collector.spares.table_file import Mistakes

COLUMNS = ("depot", "part number", "note")


def read(text: str | bytes) -> list[dict[str, str]]:
    body = text if isinstance(text, bytes) else text.encode()
    return [line.cells for line in table_file.read(body, "stock.csv", COLUMNS, ("depot",))]


def refused(text: str | bytes) -> list[str]:
    with pytest.raises(Mistakes) as mistakes:
        read(text)
    return mistakes.value.sentences


TELLS = [{"depot": "Köln", "part number": "A-1", "note": ""}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_spreadsheets_write_is_read(encoding: str, delimiter: str, end: str) -> None:
    text = end.join((delimiter.join(("depot", "part number")), delimiter.join(("Köln", "A-1")), ""))
    assert read(text.encode(encoding)) == TELLS


@pytest.mark.parametrize(
    "heading",
    ["Part_Number;DEPOT", " part  number ;Depot", '"part-number";"depot"', "sep=;\npart number;depot"],
)
def test_columns_are_found_by_name_in_any_order_and_spelling(heading: str) -> None:
    assert read(f"{heading}\nA-1;Köln\n\n;;\n") == TELLS


def test_a_cell_may_hold_the_delimiter_quotes_and_lines() -> None:
    (row,) = read('depot,note\r\n"A, the ""big"" one","key\r\nat the desk"\r\n')
    assert (row["depot"], row["note"]) == ('A, the "big" one', "key\nat the desk")


@pytest.mark.parametrize("text", ["=1+1", "+1 918 555", "-2", "@x", "|x", "%x", "＝x"])
def test_the_apostrophe_that_keeps_a_spreadsheet_from_running_a_cell_is_none_of_its_text(text: str) -> None:
    assert read(f"depot\n'{text}\n")[0]["depot"] == text
    assert read(f"depot\n{text}\n")[0]["depot"] == text


def test_an_apostrophe_of_the_text_stays() -> None:
    assert read("depot\n'Aloha\n")[0]["depot"] == "'Aloha"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "stock.csv: it is empty"),
        ("depot,part number\n", "no row below its heading"),
        ("part number\nA\n", "line 1: the column depot is missing"),
        ("depot,colour\nA,red\n", "line 1: there is no column 'colour'"),
        ("depot,Depot\nA,A\n", "line 1: the column depot stands there twice"),
        ("depot,note\nA,x\nB,y,z\n", "line 3: 'z' stands behind the last column"),
        ("depot\nK\xf6ln\n".encode("latin-1"), "line 2: its letters are not UTF-8"),
        ('depot\nA\n"B\n', "line 3: unexpected end of data"),
    ],
)
def test_a_refusal_names_file_line_and_what_is_wrong(text: str | bytes, words: str) -> None:
    said = refused(text)[0]
    assert said.startswith("stock.csv") and words in said


def test_many_mistakes_are_counted_and_not_all_told() -> None:
    said = refused("depot\n" + "A,x\n" * 50)
    assert len(said) == 21 and said[-1] == "and 30 more mistakes"
