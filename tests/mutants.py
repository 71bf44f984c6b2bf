"""Break the library in small ways, one at a time, and count how often the tests notice.

``python tests/mutants.py --seed 1 --count 60`` chooses lines of ``src/portable_losses`` at random
and changes one operator, number, comparison or argument of each, in a copy of the repository. The
tests of the losses in that file run first, then all others of the default suite that can notice.
Files that work for one optional library are left alone: the default suite does not run them.
``--root`` breaks another copy of the repository with that copy's own tests.
"""

import argparse
import ast
import copy
import os
import queue
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cases.case import TYPICAL

SWAPS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
SILENT = (ast.Raise, ast.Assert, ast.JoinedStr, ast.Match)
"""Expressions that are not changed: messages of errors, and patterns."""

OPTIONAL = re.compile(r"^\s*(import|from) (torch|jax|dask|cupy|array_api_compat)\b", re.MULTILINE)
PLUGIN = """
import os
import re
import resource

LOSSES, CHOSEN = (set(os.environ[name].split()) for name in ("MUTANT_LOSSES", "MUTANT_CHOSEN"))
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))  # for a mutant that wants it all


def pytest_collection_modifyitems(items):
    ranks = {}
    for i, item in enumerate(items):
        named = LOSSES.intersection(re.findall("[a-z0-9_]+", item.nodeid.partition("[")[2]))
        slow = "accuracy" in item.nodeid
        if named & CHOSEN or not (named or slow):
            ranks[item] = not named, slow, i
    items[:] = sorted(ranks, key=ranks.get)
"""


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    path: Path
    """Where, below the root."""
    line: int
    before: str
    after: str
    source: str
    """The whole file as changed."""

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line}: {self.before} -> {self.after}"


def code(tree: ast.AST) -> Iterator[ast.expr]:
    """Walk over expressions that do something: no annotation, and no message of an error."""
    for name, children in ast.iter_fields(tree):
        if name in ("annotation", "returns", "type_params"):
            continue
        for child in children if isinstance(children, list) else [children]:
            if isinstance(child, ast.AST) and not isinstance(child, SILENT):
                if isinstance(child, ast.expr):
                    yield child
                yield from code(child)


def changes(node: ast.expr) -> Iterator[ast.expr]:
    """Return the possible replacements of an expression."""
    match node:
        case ast.BinOp(op=op) | ast.BoolOp(op=op):
            for other in SWAPS.get(type(op), ()):
                changed = copy.deepcopy(node)
                changed.op = other()  # type: ignore[assignment]
                yield changed
        case ast.Compare(ops=[first, *rest]):
            for other in SWAPS.get(type(first), ()):
                changed = copy.deepcopy(node)
                changed.ops = [other(), *rest]  # type: ignore[list-item]
                yield changed
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1 if abs(value) < 1e6 else value * 2)
            if value not in (0, 1):
                yield ast.Constant(value / 2 if isinstance(value, float) else value - 1)
        case ast.IfExp():
            yield ast.IfExp(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        case ast.Call(args=[ast.Name("xp") as xp, first, second, *rest]):
            yield ast.Call(node.func, [xp, second, first, *rest], node.keywords)
        case ast.Call(args=[first, second, *rest]) if ast.unparse(first) != "xp":
            yield ast.Call(node.func, [second, first, *rest], node.keywords)
        case ast.Call(keywords=[first, *rest]) if first.arg:
            yield ast.Call(node.func, node.args, rest)


def segment(source: str, node: ast.expr) -> tuple[int, int]:
    """Return where a node begins and ends, in bytes."""
    lines = source.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return (
        starts[node.lineno - 1] + node.col_offset,
        starts[node.end_lineno - 1] + node.end_col_offset,
    )


def mutants_of(root: Path, path: Path) -> Iterator[tuple[int, ast.expr, ast.expr]]:
    """Return every change of a file: the line, the expression and its replacement."""
    for node in code(ast.parse((root / path).read_text(encoding="utf-8"))):
        for changed in changes(node):
            yield node.lineno, node, changed


def draw(root: Path, seed: int, count: int) -> list[Mutant]:
    """Draw lines, and of each line one change."""
    lines: dict[tuple[Path, int], list[tuple[ast.expr, ast.expr]]] = {}
    for found in sorted((root / "src/portable_losses").rglob("*.py")):
        if OPTIONAL.search(found.read_text(encoding="utf-8")) or found.name.startswith("__"):
            continue
        path = found.relative_to(root)
        for line, node, changed in mutants_of(root, path):
            lines.setdefault((path, line), []).append((node, changed))
    rng = random.Random(seed)
    drawn = []
    for path, line in rng.sample(sorted(lines), min(count, len(lines))):
        node, changed = rng.choice(lines[path, line])
        source = (root / path).read_text(encoding="utf-8")
        begin, end = segment(source, node)
        after = ast.unparse(ast.fix_missing_locations(changed))
        whole = source.encode()
        text = (whole[:begin] + f"({after})".encode() + whole[end:]).decode()
        compile(text, str(path), "exec")
        drawn.append(Mutant(path, line, ast.unparse(node), after, text))
    return drawn


def names_in(text: str, losses: Iterable[str]) -> list[str]:
    """Return the losses that a file defines."""
    made = re.findall(r"^(?:@.*\s+def (\w+)\(|(\w+) = \w+\()", text, re.MULTILINE)
    return sorted({name for pair in made for name in pair}.intersection(losses))


def public(root: Path) -> list[str]:
    """Return the names of all losses and special functions."""
    package = root / "src/portable_losses"
    exported = (package / name for name in ("__init__.py", "special/__init__.py"))
    names = {word for path in exported for word in re.findall(r"\w+", path.read_text("utf-8"))}
    return sorted(
        {x for path in package.rglob("*.py") for x in names_in(path.read_text("utf-8"), names)}
    )


def near(root: Path, path: Path, losses: list[str]) -> tuple[list[str], list[str]]:
    """Return the losses that a file may break, and the test files of their family."""
    package = root / "src/portable_losses"
    family = path.relative_to("src/portable_losses").parts[0].removesuffix(".py")
    files = [str(x.relative_to(root)) for x in sorted((root / "tests").glob(f"test_{family}*.py"))]
    chosen = names_in((root / path).read_text(encoding="utf-8"), losses)
    if not chosen and not family.startswith("_"):
        folder = sorted((package / family).glob("*.py"))
        chosen = [x for each in folder for x in names_in(each.read_text(encoding="utf-8"), losses)]
    return chosen or sorted(TYPICAL.intersection(losses)), files


def pytest(root: Path, losses: list[str], chosen: list[str], *arguments: str) -> str:
    """Run tests; return the first one that failed, or nothing."""
    environment = {
        **{key: x for key, x in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}",
        "MUTANT_LOSSES": " ".join(losses),
        "MUTANT_CHOSEN": " ".join(chosen),
    }
    options = ["-p", "mutant_plugin", "-p", "no:cacheprovider", "-x", "-q", "--tb=line"]
    options += ["--no-header", "-o", "faulthandler_timeout=120"]
    options += ["-o", "faulthandler_exit_on_timeout=true"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *arguments],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode in (0, 5):  # 5: nothing to run
        return ""
    last = re.findall(r"^(?:FAILED|ERROR) (.*)", done.stdout, re.MULTILINE)
    return (last or [f"pytest ended with {done.returncode}, in time or not"])[0]


def noticed_by(root: Path, mutant: Mutant, losses: list[str]) -> str:
    """Return the test that fails on a mutant, or nothing."""
    chosen, files = near(root, mutant.path, losses)
    path = root / mutant.path
    right = path.read_text(encoding="utf-8")
    path.write_text(mutant.source, encoding="utf-8")
    # Compiled files are told apart by their time in seconds and their size.
    os.utime(path, (mutant.line, mutant.line))
    try:
        for selection in (["--backend=numpy", *files, "tests/test_every_loss.py"], ["tests"]):
            if failed := pytest(root, losses, chosen, *selection):
                return failed
        return ""
    finally:
        path.write_text(right, encoding="utf-8")
        os.utime(path, (0, 0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time")
    parser.add_argument("--list", action="store_true", help="show the mutants, and run nothing")
    options = parser.parse_args()
    root = options.root.resolve()
    mutants = draw(root, options.seed, options.count)
    if options.list:
        print(*mutants, sep="\n")
        return
    losses = public(root)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        copies: queue.Queue[Path] = queue.Queue()
        for i in range(options.jobs):
            ignored = shutil.ignore_patterns(".git", ".nox", ".*_cache", "__pycache__", "results")
            shutil.copytree(root, Path(folder) / str(i), ignore=ignored)
            (Path(folder) / str(i) / "mutant_plugin.py").write_text(PLUGIN, encoding="utf-8")
            copies.put(Path(folder) / str(i))

        def judge(mutant: Mutant) -> str:
            place = copies.get()
            try:
                failed = noticed_by(place, mutant, losses)
            finally:
                copies.put(place)
            print(f"{'noticed' if failed else 'MISSED '} {mutant}  [{failed}]", flush=True)
            return failed

        found = list(pool.map(judge, mutants))
    missed = [mutant for mutant, failed in zip(mutants, found, strict=True) if not failed]
    print(f"\n{len(mutants) - len(missed)} of {len(mutants)} noticed", end=" ")
    print(f"({100 * (1 - len(missed) / len(mutants)):.0f} %), seed {options.seed}; missed:")
    print(*missed, sep="\n")


if __name__ == "__main__":
    main()
