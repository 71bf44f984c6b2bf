"""How many lines of code a folder has: without docstrings, comments and blank lines."""

import ast
import io
import sys
import tokenize
from pathlib import Path

NOT_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


def code_lines(folder: Path) -> int:
    """Return the number of lines of code of all Python files in a folder."""
    return sum(of_source(path.read_text(encoding="utf-8")) for path in folder.rglob("*.py"))


def of_source(source: str) -> int:
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NOT_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        # The docstring of a class or a function, and the string that describes a constant
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                lines.difference_update(range(node.lineno, (node.end_lineno or 0) + 1))
    return len(lines)


if __name__ == "__main__":
    print(code_lines(Path(sys.argv[1])))
