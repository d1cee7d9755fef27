"""HTML from Python: every text is escaped unless it is markup already."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from importlib.resources import files


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *inside: str, **attributes: str | int) -> Markup:
    """One element; `class_` and `aria_label` become class and aria-label."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items()
    )
    if name in ("img", "meta", "br"):
        return Markup(f"<{name}{told}>")
    return Markup(f"<{name}{told}>{join(inside)}</{name}>")


def join(parts: Sequence[str]) -> Markup:
    """Parts one after another, plain ones escaped."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))


def section(title: str, *inside: str, note: str = "") -> Markup:
    """A section with its heading; nothing at all where it would be empty."""
    if not any(inside):
        return Markup("")
    notes = [tag("p", note, class_="note")] if note else []
    return tag("section", tag("h2", title), *notes, *inside)


def table(rows: list[tuple[str, str]], head: tuple[str, str]) -> Markup:
    """Two columns, the first naming the second."""
    if not rows:
        return Markup("")
    top = (
        tag("thead", tag("tr", *(tag("th", name, scope="col") for name in head))) if any(head) else Markup("")
    )
    body = [tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in rows]
    return tag("div", tag("table", top, tag("tbody", *body)), class_="wide")


def picture(png: bytes, alt: str) -> Markup:
    """A picture inside the page, at half its pixels so that it stays sharp; it may be scrolled sideways."""
    width = int.from_bytes(png[16:20], "big") // 2
    source = "data:image/png;base64," + b64encode(png).decode()
    image = tag("img", src=source, alt=alt, width=width)
    return tag("figure", image, tabindex=0, role="group", aria_label=alt.split(":")[0])


def document(title: str, body: Sequence[str]) -> str:
    """A whole page, with its style inside."""
    css = files("undertow.report").joinpath("page.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Markup(css)),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', tag('main', join(body))), lang='en')}\n"
