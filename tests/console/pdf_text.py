"""What stands in a PDF that WeasyPrint made: its objects, inflated, and its text as a reader sees it."""

import re
import zlib

_OBJECT = re.compile(rb"(\d+) 0 obj\s(.*?)endobj", re.S)
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.S)
_SHOWN = re.compile(rb"/(\S+) [\d.]+ Tf|\[(.*?)\] ?TJ|<([0-9a-f]+)> ?Tj", re.S)


class Pdf:
    """Raises where the file is none."""

    def __init__(self, raw: bytes) -> None:
        assert raw.startswith(b"%PDF-")
        self.objects: dict[int, bytes] = {}
        self.streams: dict[int, bytes] = {}
        for number, body in _OBJECT.findall(raw):
            stream = _STREAM.search(body)
            head = body[: stream.start()] if stream else body
            self.objects[int(number)] = head
            if stream:
                self.streams[int(number)] = (
                    zlib.decompress(stream[1]) if b"FlateDecode" in head else stream[1]
                )
        for number, head in list(self.objects.items()):
            if b"/ObjStm" in head:
                self._packed(head, self.streams[number])

    def _packed(self, head: bytes, body: bytes) -> None:
        found = re.search(rb"/First (\d+)", head)
        assert found
        first = int(found[1])
        pairs = [int(word) for word in body[:first].split()]
        starts = [first + at for at in pairs[1::2]] + [len(body)]
        for number, begins, ends in zip(pairs[::2], starts, starts[1:], strict=False):
            self.objects[number] = body[begins:ends]

    @property
    def pages(self) -> int:
        return sum(bool(re.search(rb"/Type\s*/Page\b", body)) for body in self.objects.values())

    @property
    def names(self) -> set[str]:
        """Every key and name of every object: what it can do, and not what is written in it."""
        whole = b" ".join(self.objects.values())
        whole = re.sub(rb"\((?:\\.|[^\\()])*\)|<[0-9a-fA-F]+>", b" ", whole, flags=re.S)  # texts
        return {name.decode("latin-1") for name in re.findall(rb"/([A-Za-z]+)", whole)}

    @property
    def text(self) -> str:
        """All that is shown, without the space between."""
        shown, fonts = [], self._fonts()
        for number in sorted(self.streams):
            if b"/Length1" in self.objects[number] or b"begincmap" in self.streams[number]:
                continue
            letters: dict[str, str] = {}
            for font, row, alone in _SHOWN.findall(self.streams[number]):
                if font:
                    letters = fonts.get(font.decode(), {})
                    continue
                for run in re.findall(rb"<([0-9a-f]+)>", row) or [alone]:
                    codes = run.decode()
                    shown.append("".join(letters.get(codes[n : n + 4], "�") for n in range(0, len(codes), 4)))
        return re.sub(r"\s+", "", "".join(shown))

    def _fonts(self) -> dict[str, dict[str, str]]:
        """By the name that pages use: glyph → letters."""
        found = {}
        named = {
            (name.decode(), int(number))
            for body in self.objects.values()
            for name, number in re.findall(rb"/(\w+) (\d+) 0 R", body)
        }
        for name, number in named:
            told = re.search(rb"/ToUnicode (\d+) 0 R", self.objects.get(number, b""))
            if told:
                rows = re.findall(rb"<([0-9a-f]{4})> <([0-9a-f]+)>", self.streams[int(told[1])])
                found[name] = {
                    glyph.decode(): bytes.fromhex(text.decode()).decode("utf-16-be") for glyph, text in rows
                }
        return found
