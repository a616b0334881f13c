"""Pages as somebody without a script uses them: what they say, their links and forms, and sending one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


@dataclass
class Node:
    """An element, with what stands in it."""

    name: str
    attrs: dict[str, str]
    parent: Node | None = None
    children: list[Node | str] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        """Yields the element and everything in it."""
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child.walk()

    @property
    def text(self) -> str:
        """What is to be read in it, white space made one."""
        parts = [child if isinstance(child, str) else child.raw for child in self.children]
        return " ".join("".join(parts).split())

    @property
    def raw(self) -> str:
        """What is to be read in it, as it stands."""
        return "".join(child if isinstance(child, str) else child.raw for child in self.children)

    def all(self, name: str | None = None, /, **attrs: str) -> list[Node]:
        """Returns the elements in it with that name and these attributes; ``class_`` is one of several."""
        return [node for node in self.walk() if name in (None, node.name) and node.has(attrs)]

    def has(self, attrs: Mapping[str, str]) -> bool:
        wanted_class = attrs.get("class_")
        if wanted_class is not None and wanted_class not in self.attrs.get("class", "").split():
            return False
        return all(
            self.attrs.get(key.rstrip("_")) == value for key, value in attrs.items() if key != "class_"
        )

    def one(self, name: str | None = None, /, **attrs: str) -> Node:
        """Returns the only such element."""
        found = self.all(name, **attrs)
        assert len(found) == 1, f"{len(found)} of {name} {attrs} in: {self.text[:400]}"
        return found[0]


class Page(HTMLParser):
    """A parsed page; every element that was opened has to be closed."""

    def __init__(self, answer: Any) -> None:
        super().__init__(convert_charrefs=True)
        self.status: int = answer.status_code
        self.root = Node("root", {})
        self._at = self.root
        self.feed(answer.text)
        self.close()
        assert self._at is self.root, f"<{self._at.name}> is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice in <{tag}>: {names}"
        node = Node(tag, {name: value or "" for name, value in attrs}, self._at)
        self._at.children.append(node)
        if tag not in VOID:
            self._at = node

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._at.children.append(Node(tag, {name: value or "" for name, value in attrs}, self._at))

    def handle_endtag(self, tag: str) -> None:
        assert self._at.name == tag, f"</{tag}> closes <{self._at.name}>"
        assert self._at.parent is not None
        self._at = self._at.parent

    def handle_data(self, data: str) -> None:
        self._at.children.append(data)

    @property
    def main(self) -> Node:
        """The content."""
        return self.root.one("main")

    @property
    def links(self) -> list[str]:
        """Where the content leads."""
        return [node.attrs["href"] for node in self.main.all("a")]

    def form(self, action: str, method: str = "post") -> Node:
        """Returns the form of the content that is sent to an address."""
        forms = [f for f in self.main.all("form", action=action) if f.attrs.get("method", "get") == method]
        assert forms, f"no form to {action}: {[f.attrs.get('action') for f in self.main.all('form')]}"
        return forms[0]

    def sent(
        self, form: Node, button: tuple[str, str] | None = None, **changes: Any
    ) -> list[tuple[str, str]]:
        """Returns what a browser sends of a form; ``changes`` by field name, None leaves one out, a list gives several."""
        pairs = [pair for node in form.walk() for pair in _sent(node) if pair[0] not in changes]
        for name, value in changes.items():
            pairs += [
                (name, str(one))
                for one in (value if isinstance(value, list) else [value])
                if value is not None
            ]
        return [*pairs, button] if button else pairs


def _sent(node: Node) -> list[tuple[str, str]]:
    name = node.attrs.get("name")
    if not name or "disabled" in node.attrs:
        return []
    if node.name == "textarea":
        return [(name, node.raw.removeprefix("\n"))]
    if node.name == "select":
        options = node.all("option")
        chosen = [option for option in options if "selected" in option.attrs] or options[:1]
        return [(name, option.attrs.get("value", option.raw)) for option in chosen]
    if node.name != "input" or node.attrs.get("type") in ("submit", "button"):
        return []
    if node.attrs.get("type") in ("checkbox", "radio") and "checked" not in node.attrs:
        return []
    return [(name, node.attrs.get("value", "on" if node.attrs.get("type") == "checkbox" else ""))]


class Browser:
    """Goes through pages without a script."""

    def __init__(self, client: Any, **headers: str) -> None:
        self.client, self.headers = client, {"Accept": "text/html", **headers}

    def get(self, path: str, status: int = 200) -> Page:
        """Returns a page."""
        answer = self.client.get(path, headers=self.headers)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[:600]}"
        return Page(answer)

    def post(self, path: str, pairs: list[tuple[str, str]]) -> Any:
        """Sends a form, and returns the answer as it is."""
        headers = {
            **self.headers,
            "Content-Type": "application/x-www-form-urlencoded",
            "Sec-Fetch-Site": "same-origin",
        }
        return self.client.post(path, content=urlencode(pairs), headers=headers)

    def send(
        self,
        page: Page,
        action: str,
        button: tuple[str, str] | None = None,
        status: int = 303,
        **changes: Any,
    ) -> Page:
        """Fills in and sends the form to an address, follows where it leads, and returns the page there."""
        answer = self.post(action, page.sent(page.form(action), button, **changes))
        assert answer.status_code == status, f"{action}: {answer.status_code} {answer.text[:600]}"
        if status != 303:
            return Page(answer)
        return self.get(answer.headers["location"])

    def send_get(self, path: str, **fields: str) -> Page:
        """Sends a form of questions: its fields stand in the address."""
        return self.get(f"{path}?{urlencode(fields)}")
