"""What holds for every file of the project."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_LINES = 400
REGISTRIES = [
    *["pypi|org", "pythonhosted|org", "npmjs|org", "npmjs|com", "yarnpkg|com", "crates|io", "rubygems|org"],
    *["anaconda|org", "docker|io", "docker|com", "ghcr|io", "quay|io", "gcr|io", "jsdelivr|net", "unpkg|com"],
]
"""With | for the dot: this file is looked at too."""
HOSTS = re.compile("|".join(rf"\b{re.escape(host.replace('|', '.'))}\b" for host in REGISTRIES), re.IGNORECASE)
MACHINE = re.compile(rf"(?<![\w.~}}*-])/({'|'.join(['work', 'home', 'root', 'Users'])})/[\w.]")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("This is no git checkout.")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def telling(pattern: re.Pattern[str]) -> list[str]:
    """The places of what fits, as file:line: text."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {found.group()}"
        for path in tracked()
        for number, line in enumerate(path.read_text(errors="ignore").splitlines(), 1)
        if (found := pattern.search(line))
    ]


def test_no_file_names_the_host_of_a_package_registry() -> None:
    assert telling(HOSTS) == []


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    assert telling(MACHINE) == []


@pytest.mark.parametrize("host", REGISTRIES)
def test_a_registry_would_be_found(host: str) -> None:
    assert HOSTS.search(f"https://{host.replace('|', '.').title()}/simple")


@pytest.mark.parametrize("text", ["cd {}/x", '"{}/me"', "({}/a.py)"])
def test_a_folder_of_a_machine_would_be_found(text: str) -> None:
    assert MACHINE.search(text.format("/" + "home"))


def test_no_module_is_longer_than_400_lines() -> None:
    modules = {str(path.relative_to(ROOT)): path for path in tracked() if path.suffix == ".py"}
    lines = {name: len(path.read_text().splitlines()) for name, path in modules.items()}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}
