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
IMPORT_PACKAGES = ("_catboost_targets", "_keras_class", "_torch_module")
"""The modules of the objectives that import a package where they begin."""
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


@nox.session(name="tests-objectives", default=False, venv_backend="virtualenv")
def tests_objectives(session: nox.Session) -> None:
    """The objectives in the packages that they are for; Keras on PyTorch and on JAX."""
    install(session, "test-objectives")
    session.run(*PYTEST, "tests/packages", *session.posargs, env={"KERAS_BACKEND": "torch"})
    session.run("pytest", "tests/packages/test_keras.py", env={"KERAS_BACKEND": "jax"})


@nox.session(name="tests-others", default=False)
def tests_others(session: nox.Session) -> None:
    """The common losses on Cubed, dpnp, MLX, ndonnx and sparse, and all of them as ONNX graphs."""
    install(session, "test-others")
    # The CPU as a device of SYCL, which dpnp needs, from the wheels of Intel.
    folder = Path(session.virtualenv.location, "lib")
    paths = {"LD_LIBRARY_PATH": str(folder), "OCL_ICD_FILENAMES": str(folder / "libintelocl.so")}
    names = ("cubed", "dpnp", "mlx", "ndonnx", "sparse")
    chosen = (f"--backend={name}" for name in names)
    files = ("tests/test_others.py", "tests/test_onnx.py")
    session.run("pytest", *files, *chosen, *session.posargs, env=paths)


@nox.session(name="tests-cluster", default=False)
def tests_cluster(session: nox.Session) -> None:
    """Dask on a cluster of two processes, with dask.dataframe, xarray and Zarr."""
    install(session, "test-cluster")
    session.run("pytest", "tests/on_a_cluster.py", *session.posargs)


@nox.session(name="tests-packages", default=False)
def tests_packages(session: nox.Session) -> None:
    """Arrays of other packages that hold more than numbers: units, names, missing values."""
    install(session, "test-packages")
    session.run("pytest", "tests/kinds_of_arrays.py", *session.posargs)


@nox.session(venv_backend="virtualenv")
def doctest(session: nox.Session) -> None:
    """The examples of the docstrings, the README and the guides."""
    install(session, "doctest")
    of_packages = (f"--ignore=src/portable_losses/objectives/{x}.py" for x in IMPORT_PACKAGES)
    session.run(
        "pytest",
        "--doctest-modules",
        "--doctest-glob=*.md",
        "--doctest-glob=objectives.rst",
        "--doctest-glob=own.rst",
        "--ignore=src/portable_losses/_backends/mlx.py",  # without examples; it imports MLX
        *of_packages,
        "src",
        "README.md",
        "docs/start.md",
        "docs/guides",
        "docs/reference/own.rst",
        *session.posargs,
    )


def build_site(session: nox.Session) -> None:
    """Build the site into docs/_build/html; a warning is an error."""
    install(session, "docs")
    session.run("npm", "ci", "--prefix", "docs", "--silent", external=True)
    shutil.rmtree("docs/_build", ignore_errors=True)
    session.run("sphinx-build", "-W", "--keep-going", "-n", "docs", "docs/_build/html")


@nox.session(default=False, venv_backend="virtualenv")
def docs(session: nox.Session) -> None:
    """The documentation, into docs/_build/html; a warning is an error. It needs npm."""
    build_site(session)


@nox.session(name="tests-site", default=False, venv_backend="virtualenv")
def tests_site(session: nox.Session) -> None:
    """The documentation in a headless browser. It needs npm and Chromium."""
    build_site(session)
    session.install(*nox.project.dependency_groups(PYPROJECT, "site"))
    # The conftest of the tests needs what they need.
    session.run("pytest", "--noconftest", "docs/test_site.py", *session.posargs)


@nox.session(default=False, venv_backend="virtualenv")
def support(session: nox.Session) -> None:
    """What each library can do with each loss, from a test run, into docs/support.json."""
    install(session, "accuracy", "test-dask")
    backends = ("numpy", "strict", "strict-lazy", "dask", "jax-jit", "torch", "torch-compile")
    options = [f"--backend={backend}" for backend in backends]
    session.run("python", "tests/support.py", *(session.posargs or options))


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
    """The source distribution and the wheel, in dist/, their metadata and their content."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "build"))
    session.run("validate-pyproject", "pyproject.toml")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build")
    session.run("twine", "check", "--strict", *map(str, Path("dist").iterdir()))
    session.run("check-wheel-contents", "dist")


@nox.session(name="tests-wheel", default=False)
def tests_wheel(session: nox.Session) -> None:
    """The tests of the source distribution on the wheel, away from this folder."""
    build(session)
    (archive,) = Path("dist").glob("*.tar.gz")
    (wheel,) = Path("dist").glob("*.whl")
    folder = session.create_tmp()
    shutil.unpack_archive(archive, folder)
    session.install(str(wheel), *nox.project.dependency_groups(PYPROJECT, "test"))
    session.chdir(Path(folder) / archive.name.removesuffix(".tar.gz"))
    shutil.rmtree("src")
    session.run(*PYTEST, *session.posargs)


@nox.session(default=False)
def review(session: nox.Session) -> None:
    """The guidelines of Scientific Python for repositories."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "review"))
    session.run("sp-repo-review", ".", *session.posargs)


if __name__ == "__main__":
    nox.main()
