"""What is published and installed: the files of both distributions, an editable install, links, addresses."""

import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
STRAYS = (
    "optimsche-demo/checkpoint.py",  # what `optimsche demo` leaves in a checkout
    "optimsche-runs/metrics.csv",
    "site/index.html",
    "build/lib/optimsche/old.py",
    "examples/.ipynb_checkpoints/compose-checkpoint.ipynb",
    "optimsche/__pycache__/schedule.cpython-310.pyc",
    "notes.md",
)
USERS_FILE = """\
from optimsche import OptimScheduler, cosine
from optimsche.schedule import Schedule

plan: Schedule = cosine(start=0.1, steps=100).warmup(10)
rate: float = plan(5)
wrong: str = plan(5)
cosine(start=0.1, step=100)
"""


def run(*command, cwd):
    ran = subprocess.run([sys.executable, "-m", *command], cwd=cwd, capture_output=True, text=True, timeout=300)
    return ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def tracked():
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: nothing says what is tracked")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()}


@pytest.fixture(scope="module")
def built(tracked, tmp_path_factory):
    """A checkout in which people have worked, with all that was built in it."""
    checkout = tmp_path_factory.mktemp("checkout")
    for name in tracked:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, checkout / name)
    for name in STRAYS:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).touch()
    for folder, targets in (("dist", ["-t", "sdist", "-t", "wheel"]), ("editable", ["-t", "wheel:editable"])):
        said = run("hatchling", "build", "-d", folder, *targets, cwd=checkout)
        assert len(list((checkout / folder).glob("*"))) == len(targets) / 2, said
    return checkout


def wheel(built, folder="dist"):
    (path,) = (built / folder).glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_source_distribution_has_what_is_tracked_and_nothing_else(built, tracked):
    (path,) = (built / "dist").glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {str(PurePosixPath(*PurePosixPath(member).parts[1:])) for member in archive.getnames()}
    assert names == tracked | {"PKG-INFO"}


def test_the_source_distribution_is_enough_to_build_the_wheel(built, tmp_path):
    (path,) = (built / "dist").glob("*.tar.gz")
    with tarfile.open(path) as archive:
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # Python 3.10.12, 3.11.4 and later
        archive.extractall(tmp_path, **safely)
    (folder,) = tmp_path.iterdir()
    said = run("hatchling", "build", "-t", "wheel", cwd=folder)
    (again,) = (folder / "dist").glob("*.whl")
    with wheel(built) as first, zipfile.ZipFile(again) as second:
        assert first.namelist() == second.namelist(), said


def test_the_wheel_has_the_package_and_nothing_else(built, tracked):
    with wheel(built) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == {name for name in tracked if name.startswith("optimsche/")}
    assert "optimsche/py.typed" in names


def test_the_package_page_has_whole_addresses(built):
    with wheel(built) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        _, _, page = archive.read(metadata).decode().partition("\n\n")
    targets = re.findall(r'\]\(([^)]*)\)|(?:src|srcset|href)="([^"]*)"', page)
    assert targets
    blocks = re.compile(r"^```.*?^```", re.S | re.M)
    assert blocks.findall(page) == blocks.findall((ROOT / "README.md").read_text())
    for target in map("".join, targets):
        assert re.match(r"https://|#", target), target
    version = re.search(r"-([\d.]+)-py3", wheel(built).filename)[1]
    pictures = re.findall(r"!\[.*?\]\((https://raw\S+?)\)", page)
    assert pictures
    for picture in pictures:
        assert (ROOT / picture.partition(f"/v{version}/")[2]).is_file()


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """A new environment that has nothing but the editable install."""
    venv = tmp_path_factory.mktemp("environment")
    run("venv", "--without-pip", str(venv), cwd=venv)
    (site_packages,) = venv.glob("lib/python*/site-packages")
    with wheel(built, "editable") as archive:
        archive.extractall(site_packages)
    (venv / "plans.py").write_text(USERS_FILE)
    return venv


def test_mypy_reads_an_editable_install(installed):
    options = ("--strict", "--python-executable", str(installed / "bin" / "python"), "--cache-dir", "cache")
    said = run("mypy", *options, "plans.py", cwd=installed)
    assert {int(line) for line in re.findall(r"^plans.py:(\d+): error", said, re.M)} == {6, 7}, said
    assert 'Unexpected keyword argument "step"' in said


def test_pyright_reads_an_editable_install(installed):
    said = run("pyright", "--outputjson", "--pythonpath", str(installed / "bin" / "python"), "plans.py", cwd=installed)
    found = json.loads(said)["generalDiagnostics"]
    assert {one["range"]["start"]["line"] + 1 for one in found} == {6, 7}, said


def test_no_hint_names_an_extra():
    """It would be wrong before publication: `optimsche.missing` has the words for all of them."""
    for path in (ROOT / "optimsche").rglob("*.py"):
        assert "optimsche[" not in path.read_text(), path


def test_every_address_of_the_project_is_that_of_pyproject(tracked):
    pyproject = (ROOT / "pyproject.toml").read_text()
    home = re.search(r'^Homepage = "https://(.*)"$', pyproject, re.M)[1]
    site = re.search(r'^Documentation = "https://(.*)"$', pyproject, re.M)[1]
    raw = home.replace("github.com", "raw.githubusercontent.com")
    for name in sorted(tracked):
        if Path(name).suffix in {".md", ".toml", ".yml", ".yaml", ".cff", ".py", ".ipynb"}:
            for found in re.findall(r"https?://([\w.-]*github[\w.-]*/\S*optimsche\S*)", (ROOT / name).read_text()):
                assert found.startswith((home, site, raw)), f"{name}: {found}"
