"""The rules of the project that no single module can keep: its layout, its texts, its version."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SDK = ROOT / "sdk"
PACKAGE = SDK / "pixeltwin"
MODULES = {".".join(path.relative_to(SDK).with_suffix("").parts): path for path in sorted(PACKAGE.rglob("*.py"))}
MODULES = {name.removesuffix(".__init__"): path for name, path in MODULES.items()}

PURE = re.compile(
    r"pixeltwin\.(events|conversion|visitor|consent|contract|wires|withholding|pages\.telling|snippet"
    r"|(consent_sources|normalising|platforms)(\..+)?)"
)
IMPURE_IMPORTS = {
    *("flask", "werkzeug", "click", "rich"),  # frameworks
    *("httpx", "httpcore", "requests", "urllib.request", "http.client", "socket", "ssl", "socketserver"),  # network
    *("sqlite3", "psycopg", "dbm", "shelve"),  # databases
    *("time", "sched", "threading", "asyncio", "multiprocessing", "subprocess"),  # clocks, and what waits for them
}
PLATFORM_NAMES = {"reddit", "snap", "snapchat", "pinterest"}
LONGEST_MODULE = 400


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def walk_executed(node: ast.AST) -> Iterator[ast.AST]:
    """Everything below a node but what only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and is_type_checking(child):
            for other in child.orelse:
                yield other
                yield from walk_executed(other)
            continue
        yield child
        yield from walk_executed(child)


@cache
def imports_of(name: str) -> set[str]:
    """The absolute names of what a module imports, anywhere in it; `from a import b` gives both a and a.b."""
    path = MODULES[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in walk_executed(parse(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: -(node.level - 1) or None] if node.level else []
            base = ".".join([*parts, *([node.module] if node.module else [])])
            submodules = {f"{base}.{alias.name}" for alias in node.names}
            known = {submodule for submodule in submodules if submodule in MODULES}
            # `from pixeltwin import events` needs the submodule; the package around it is every module's anyway.
            found.update(submodules if known == submodules else {base, *submodules})
    return found


def is_below(name: str, roots: set[str]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def chain_to_impurity(name: str, seen: set[str]) -> list[str] | None:
    """How a module comes to import something impure, itself or through other modules of pixeltwin."""
    seen.add(name)
    for imported in sorted(imports_of(name)):
        if is_below(imported, IMPURE_IMPORTS):
            return [name, imported]
        if imported in MODULES and imported not in seen:
            chain = chain_to_impurity(imported, seen)
            if chain:
                return [name, *chain]
    return None


def clock_reads(path: Path) -> list[str]:
    """Where a module asks for the current time: datetime.now(), date.today() and the like, called or passed on."""
    return [
        f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Attribute)
        and node.attr in {"now", "utcnow", "today"}
        and ast.unparse(node.value).rpartition(".")[2].lower() in {"datetime", "date", "dt"}
    ]


def texts_of(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The names and strings of a module, with their lines; comments and docstrings are left out: they may explain."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    # The string below a field is its documentation too.
    docstrings |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        line: int = getattr(node, "lineno", 0)
        for _, value in ast.iter_fields(node):
            if isinstance(value, str) and id(node) not in docstrings:
                yield line, value


def words(text: str) -> set[str]:
    """The words in a text or a name: `SnapSettings`, `snap_app_id` and `api/snap/` have `snap`, `snapshot` has not."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text)}


def tracked_files() -> list[Path]:
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not in a git checkout")
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_version_is_the_newest_in_the_changelog() -> None:
    """The version that is packaged is the one that the changelog describes first."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    packaged = re.search(r'^version = "(.+)"$', project, re.MULTILINE)
    described = re.search(r"^## \[(\d[^\]]*)\]", changelog, re.MULTILINE)
    assert packaged
    assert described
    assert packaged[1] == described[1]


def test_every_test_states_its_behaviour_in_one_sentence() -> None:
    """Every test function has a docstring that is one sentence."""
    wrong = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                docstring = " ".join((ast.get_docstring(node) or "").split())
                # A capital after a full stop begins a sentence, unless the stop is that of an abbreviation ("e.g.").
                if not docstring or re.search(r"[a-z)`'\"]{4,}[.!?] +[A-Z]", docstring):
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}")
    assert not wrong, "these tests need a docstring of one sentence:\n" + "\n".join(wrong)


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    """No tracked file holds an absolute path of the machine it was written on; documents may show a home folder."""
    machine = re.compile(r"(?<![\w.>*])/(?:work|root)/(?!\()")
    home = re.compile(r"(?<![\w.>*])/(?:home|Users)/\w+/")
    wrong = []
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        patterns = [machine] if path.suffix == ".md" else [machine, home]
        for number, line in enumerate(text.splitlines(), 1):
            if any(pattern.search(line) for pattern in patterns):
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", [name for name in MODULES if PURE.fullmatch(name)])
def test_what_decides_is_pure(name: str) -> None:
    """Events, conversions, consent, platforms and snippets reach no framework, database, network or clock."""
    chain = chain_to_impurity(name, set())
    assert not chain, " imports ".join(chain or ())
    assert not clock_reads(MODULES[name]), "`now` is an argument here"


def test_only_the_network_imports_httpx() -> None:
    """One package can send anything, for nothing else has the client."""
    clients = {"httpx", "httpcore"}
    senders = {name for name in MODULES if any(is_below(imported, clients) for imported in imports_of(name))}
    assert all(is_below(sender, {"pixeltwin.network"}) for sender in senders)


def test_no_shared_module_names_a_platform() -> None:
    """Code that serves all platforms has the name of none in it, but for the re-exports of the package itself."""
    wrong = []
    for name, path in MODULES.items():
        if name == "pixeltwin" or name.startswith("pixeltwin.platforms."):
            continue
        named = {
            f"{path.relative_to(ROOT)}:{line}: {text.strip()[:80]!r}"
            for line, text in texts_of(parse(path))
            if words(text) & PLATFORM_NAMES
        }
        wrong.extend(sorted(named))
    assert not wrong, "a platform tells what others need to know of it through its contract:\n" + "\n".join(wrong)


def test_no_shared_script_or_query_names_a_platform() -> None:
    """The scripts, pages and queries that serve all platforms name none, but where a comment explains."""
    comment = re.compile(r"<!--.*?-->|/\*.*?\*/|\{#.*?#\}|^\s*(?://|--).*?$", re.DOTALL | re.MULTILINE)
    wrong = []
    for path in sorted(PACKAGE.rglob("*.*")):
        if path.suffix not in {".js", ".sql", ".html", ".jinja"} or PACKAGE / "platforms" in path.parents:
            continue
        text = comment.sub("", path.read_text(encoding="utf-8")).replace("scroll-snap", "")
        found = words(text) & PLATFORM_NAMES
        if found:
            wrong.append(f"{path.relative_to(ROOT)}: {', '.join(sorted(found))}")
    assert not wrong, "\n".join(wrong)


def test_modules_stay_short() -> None:
    """A module that no longer fits into a head is two modules."""
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in MODULES.values()}
    assert not {path: length for path, length in lengths.items() if length > LONGEST_MODULE}


def test_every_platform_has_the_same_parts() -> None:
    """A platform is found by its folder, and each folder has the same files and one template of its name."""
    modules = ["__init__.py", "mapping.py", "signals.py", "replies.py", "dedup.py", "emulator.py", "wire.py"]
    parts = [*modules, "conformance.json", "golden.json", "README.md"]
    folders = [path for path in (PACKAGE / "platforms").glob("[a-z]*") if (path / "__init__.py").is_file()]
    missing = [f"{folder.name}/{part}" for folder in folders for part in parts if not (folder / part).is_file()]
    missing += [
        f"pixel_templates/{folder.name}.js.jinja"
        for folder in folders
        if not (ROOT / "pixel_templates" / f"{folder.name}.js.jinja").is_file()
    ]
    assert not missing


def test_readers_of_names_see_through_spelling() -> None:
    """The check for platform names finds them in every spelling of a name, and not inside another word."""
    for text in ("snap", "SnapSettings", "snap_app_id", "/api/snap/v3", "useSnap", "SNAP"):
        assert words(text) & PLATFORM_NAMES, text
    for text in ("snapshot", "snapped", "Snapshots", "SNAPSHOT"):
        assert not words(text) & PLATFORM_NAMES, text
