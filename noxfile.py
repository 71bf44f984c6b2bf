#!/usr/bin/env -S uv run --script

# /// script
# dependencies = ["nox>=2025.2.9"]
# ///

"""The project's checks: ``nox --list`` lists them; ``nox`` runs those every change must pass."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTEST = ("pytest", "-n", "auto", "--dist", "worksteal")
"""One process for each core."""
AVX512 = """
from numpy._core._multiarray_umath import __cpu_dispatch__ as features
print(*(name for name in features if name.startswith("AVX512") or name == "X86_V4"))
"""


def install(session: nox.Session, *groups: str) -> None:
    """Install the package, from this folder, and dependency groups."""
    session.install("-e.", *nox.project.dependency_groups(PYPROJECT, *groups))


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff: rules and format."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")


@nox.session
def typecheck(session: nox.Session) -> None:
    """Mypy, strict."""
    install(session, "typecheck")
    session.run("mypy", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """The tests on NumPy and array-api-strict."""
    install(session, "test")
    session.run(*PYTEST, *session.posargs)


@nox.session(name="tests-baseline", default=False)
def tests_baseline(session: nox.Session) -> None:
    """The accuracy on NumPy as on a processor without AVX-512, where NumPy has other functions."""
    install(session, "test")
    features = session.run("python", "-c", AVX512, silent=True)  # their names differ by release
    environment = {"NPY_DISABLE_CPU_FEATURES": str(features).strip()}
    session.run(*PYTEST, "tests/test_accuracy.py", *session.posargs, env=environment)


@nox.session(name="tests-oldest", python="3.11", default=False)
def tests_oldest(session: nox.Session) -> None:
    """The tests on the lowest Python and the lowest dependencies that pyproject.toml admits."""
    lowest = [
        requirement.replace(">=", "==") for requirement in PYPROJECT["project"]["dependencies"]
    ]
    session.install("-e.", *lowest, *nox.project.dependency_groups(PYPROJECT, "test"))
    session.run(*PYTEST, *session.posargs)


def backend_session(
    name: str,
    group: str,
    *backends: str,
    runs: Sequence[tuple[dict[str, str], tuple[str, ...]]] = (),
    venv_backend: str | None = None,
) -> None:
    """Make the session that runs the tests on the backends of an array library."""

    def run(session: nox.Session) -> None:
        install(session, group)
        for environment, options in runs:
            session.run(*PYTEST, *options, *session.posargs, env=environment)

    chosen = tuple(f"--backend={backend}" for backend in backends)
    runs = runs or (({}, chosen),)
    run.__doc__ = f"The tests on {', '.join(backends)}."
    nox.session(run, name=f"tests-{name}", venv_backend=venv_backend, default=False)


# uv does not look where pip finds the small build of torch.
backend_session("torch", "test-torch", "torch", "torch-compile", venv_backend="virtualenv")
backend_session("torch-cuda", "test-torch", "torch-cuda", venv_backend="virtualenv")
kinds = ("huber_loss", "gaussian_nll_loss", "cross_entropy", "dice_loss", "ctc_loss")
some = tuple(f"--loss={name}" for name in kinds)
# Concrete arrays are compiled as well: what jax-jit shows of every loss, jax shows of a few.
jax_runs = (
    ({"JAX_ENABLE_X64": "1"}, ("--backend=jax-jit",)),
    ({"JAX_ENABLE_X64": "1"}, ("--backend=jax", *some)),
    ({"JAX_ENABLE_X64": "0"}, ("--backend=jax", "--backend=jax-jit", *some)),
)
backend_session("jax", "test-jax", "jax", "jax-jit", runs=jax_runs)
backend_session("dask", "test-dask", "dask")
backend_session("cupy", "test-cupy", "cupy")


@nox.session
def doctest(session: nox.Session) -> None:
    """The examples of the docstrings, of the README and of the page on losses of one's own."""
    install(session, "test")
    optional = ("_backends/dask.py", "_backends/jax.py", "_backends/torch")
    of_others = [f"--ignore=src/portable_losses/{path}" for path in optional]
    session.run(
        "pytest",
        "--doctest-modules",
        "--doctest-glob=README.md",
        "--doctest-glob=own.rst",
        *of_others,
        "src",
        "README.md",
        "docs/own.rst",
        *session.posargs,
    )


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """The documentation, into docs/_build/html; a warning is an error."""
    install(session, "docs")
    session.run(
        "sphinx-build",
        "-W",
        "--keep-going",
        "-n",
        "-b",
        "html",
        "docs",
        "docs/_build/html",
        *session.posargs,
    )


@nox.session(default=False, venv_backend="virtualenv")
def bench(session: nox.Session) -> None:
    """Measure time and memory beside other libraries; `-- --help` lists the options."""
    install(session, "bench")
    session.run("python", "benchmarks/bench", *session.posargs)


@nox.session(default=False, venv_backend="virtualenv")
def accuracy(session: nox.Session) -> None:
    """The errors of every loss, beside those of other packages, into docs/accuracy.csv."""
    install(session, "accuracy")
    session.run("python", "benchmarks/accuracy.py", *session.posargs)


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """The source distribution and the wheel, in dist/, and their metadata."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "build"))
    session.run("validate-pyproject", "pyproject.toml")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build")
    session.run("twine", "check", "--strict", *map(str, Path("dist").iterdir()))


@nox.session(default=False)
def review(session: nox.Session) -> None:
    """The guidelines of Scientific Python for repositories."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "review"))
    session.run("sp-repo-review", ".", *session.posargs)


if __name__ == "__main__":
    nox.main()
