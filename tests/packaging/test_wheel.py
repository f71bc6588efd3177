"""What is built is what lies in the checkout: nothing is missing, nothing old or foreign comes along."""

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from readme_text import TREE

import sluicegate

FOLDERS: Final = ("schemas", "processors", "streams")
ROOT_FILES: Final = Path("streams") / "_root"
"""Mapped to `sluicegate` itself."""
IN_THE_SDIST: Final = ("tests", "examples", "compose", ".ci")
OF_THE_ROOT: Final = (
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "MANIFEST.in",
    "pyproject.toml",
    ".gitignore",
    ".dockerignore",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist: `dist/` when it is newer than every file, else built now."""
    dist = TREE / "dist"
    made = [path.stat().st_mtime for path in dist.glob("*")]
    files = (*files_below(*FOLDERS, *IN_THE_SDIST), *(Path(name) for name in OF_THE_ROOT))
    newest = max((TREE / path).stat().st_mtime for path in files)
    if len(made) == 2 and min(made) > newest:
        return dist
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--outdir", folder, TREE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Iterator[zipfile.ZipFile]:
    """The wheel, open."""
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.fixture(scope="module")
def sdist(built: Path) -> set[str]:
    """The names in the source distribution, without its top folder."""
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        return {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}


@cache
def files_in(folder: str) -> tuple[Path, ...]:
    """Every file of the checkout below a folder as of the first call, but what Python compiles."""
    paths = sorted((TREE / folder).rglob("*"))
    return tuple(path.relative_to(TREE) for path in paths if path.is_file() and path.suffix != ".pyc")


def files_below(*folders: str) -> Iterator[Path]:
    """The files of several folders."""
    for folder in folders:
        yield from files_in(folder)


def installed_name(path: Path) -> str:
    """Where a file of the checkout stands once installed."""
    inside = path.relative_to(ROOT_FILES) if path.is_relative_to(ROOT_FILES) else path
    return f"sluicegate/{inside.as_posix()}"


def test_the_wheel_holds_exactly_the_tree(wheel: zipfile.ZipFile) -> None:
    """Modules, schemas, lock file, policies, type markers: a package that pyproject.toml forgot would be missing here."""
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == {installed_name(path) for path in files_below(*FOLDERS)}


def test_the_wheel_holds_what_the_checkout_holds(wheel: zipfile.ZipFile) -> None:
    """Byte for byte: nothing was left over in a build folder."""
    assert [
        path
        for path in files_below(*FOLDERS)
        if wheel.read(installed_name(path)) != (TREE / path).read_bytes()
    ] == []


@pytest.mark.parametrize("ending", [".py", ".avsc", ".yaml", ".json", "py.typed"])
def test_every_kind_of_file_is_in_the_wheel(wheel: zipfile.ZipFile, ending: str) -> None:
    """An empty kind would make the comparison above say nothing about it."""
    assert any(name.endswith(ending) for name in wheel.namelist())


def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    """Version, licence, supported Pythons and the console script."""
    (metadata,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    said = Parser().parsestr(wheel.read(metadata).decode())
    scripts = wheel.read(metadata.replace("METADATA", "entry_points.txt")).decode()
    assert said["Version"] == sluicegate.__version__
    assert said["License-Expression"] == "Apache-2.0"
    assert said["Requires-Python"] == "<3.15,>=3.11"
    assert "sluicegate = sluicegate.streams.cli:main" in scripts
    assert f"{metadata.removesuffix('METADATA')}licenses/LICENSE" in wheel.namelist()


@pytest.mark.parametrize("folder", IN_THE_SDIST)
def test_the_sdist_can_be_tested(sdist: set[str], folder: str) -> None:
    """Whoever builds from it can run what CI runs."""
    wanted = {path.as_posix() for path in files_below(folder)}
    assert wanted
    assert wanted <= sdist


def test_the_sdist_holds_the_files_of_the_root(sdist: set[str]) -> None:
    """What explains, builds and licenses it."""
    assert set(OF_THE_ROOT) <= sdist


def test_every_package_of_the_tree_is_named_once() -> None:
    """`packages` is explicit: one that is not listed imports in the checkout and is missing once installed."""
    listed = tomllib.loads((TREE / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"][
        "packages"
    ]
    found = {
        installed_name(path).removesuffix("/__init__.py").replace("/", ".")
        for path in files_below(*FOLDERS)
        if path.name == "__init__.py"
    }
    assert sorted(listed) == sorted(found)
