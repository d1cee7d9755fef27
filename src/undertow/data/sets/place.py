"""Place: a package, and where its kind is installed."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place(ABC):
    """A package, looked for where its kind is installed.

    Args:
        package: its name, as it is installed.
        oldest: the first version that has the data under their licence; "" where all have.
    """

    package: str
    oldest: str = ""

    @property
    @abstractmethod
    def install(self) -> str:
        """What is typed to install it."""

    @property
    @abstractmethod
    def download(self) -> str:
        """What is typed to have it as a file, for --from."""

    @property
    @abstractmethod
    def looked_for(self) -> str:
        """Where it is looked for."""

    @abstractmethod
    def find(self, files: tuple[str, ...]) -> Path | None:
        """The folder that these files of it lie in, or the archive; None where it is not installed."""

    @abstractmethod
    def version_in(self, root: Path) -> str | None:
        """Its version, as the folder says that it is installed in."""

    def version_of(self, path: Path) -> str | None:
        """The version, as a folder or the name of an archive says it: NAME-1.0.tar.gz, NAME_1.0-1_all.deb."""
        inside = self.version_in(path) if path.is_dir() else None
        return inside or version_named(path.name, self.package)

    def is_old(self, version: str | None) -> bool:
        """Is this version, or one that cannot be told, older than the oldest that will do?"""
        return bool(self.oldest) and (version is None or _numbers(version) < _numbers(self.oldest))


def version_named(name: str, package: str) -> str | None:
    """The version in the name of a package's file or folder, such as chemicals-1.5.2-py3-none-any.whl."""
    stem = re.sub(r"\.(deb|whl|zip|tgz|tar\.gz|dist-info)$", "", name)
    begins, rest = stem[: len(package)], stem[len(package) :]
    if _plain(begins) != _plain(package) or not re.match(r"[-_]\d", rest):
        return None
    return rest[1:].partition("_" if name.endswith(".deb") else "-")[0]


def _plain(package: str) -> str:
    """Names of Python packages mean the same in capitals, with _ or . in place of -."""
    return re.sub(r"[-_.]+", "-", package).lower()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))
