"""Packages of Debian, and of the systems made of it: their files lie below /usr."""

import re
from pathlib import Path

from undertow.data.sets.place import Place

SYSTEM = Path("/")
STATUS = "var/lib/dpkg/status"


class DebianPackage(Place):
    """A package that apt installs."""

    @property
    def install(self) -> str:
        """With apt."""
        return f"sudo apt-get install {self.package}"

    @property
    def download(self) -> str:
        """With apt, as any user."""
        return f"apt-get download {self.package}"

    @property
    def looked_for(self) -> str:
        """Where all of Debian lies."""
        return f"{SYSTEM / 'usr'}"

    def find(self, files: tuple[str, ...]) -> Path | None:
        """The root of the system."""
        return SYSTEM if all((SYSTEM / file).is_file() for file in files) else None

    def version_in(self, root: Path) -> str | None:
        """As dpkg keeps it."""
        status = root / STATUS
        if not status.is_file():
            return None
        text = status.read_text(encoding="utf-8", errors="replace")
        found = re.search(
            rf"^Package: {re.escape(self.package)}\n(?:.+\n)*?Version: (\S+)$", text, re.MULTILINE
        )
        return found[1] if found else None
