"""How the package is built, in numbers: `python benchmarks/structure.py` prints a small table of this checkout.

Another checkout can be given as an argument. An entry is a module or folder on the first level of crossglg/. An import
is a pair of entries, or of modules of two entries, of which one imports the other: it counts once.
"""

from __future__ import annotations

import argparse
import ast
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path

PACKAGE = "crossglg"


def main(arguments: list[str] | None = None) -> None:
    """Print the table, then the modules behind its last two rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkout", nargs="?", type=Path, default=Path(__file__).parents[1])
    root = parser.parse_args(arguments).checkout
    paths = sorted((root / PACKAGE).rglob("*.py"))
    trees = {module_name(path.relative_to(root)): ast.parse(path.read_text(encoding="utf-8")) for path in paths}
    at_top, in_functions = set(), set()
    for module, tree in trees.items():
        for other, in_function in imports_of(tree, trees):
            if entry(module) and entry(other) and entry(module) != entry(other):
                (in_functions if in_function else at_top).add((module, other))
    contract = layers(root / "pyproject.toml")
    upward = sorted(pair for pair in at_top | in_functions if goes_up(*map(entry, pair), contract))
    config = [module for module, tree in trees.items() if takes_config(tree)]
    counts = {
        "entries on the first level": len({entry(module) for module in trees} - {""}),
        "imports between entries": len({(entry(a), entry(b)) for a, b in at_top | in_functions}),
        "imports between their modules": len(at_top | in_functions),
        "… of these only in functions": len(in_functions - at_top),
        "… of these against the layers": len(upward),
        "modules that are handed a Config": len(config),
    }
    for what, count in counts.items():
        print(f"{what:<36}{count:>5}")
    print(f"against the layers: {', '.join(f'{a} → {b}' for a, b in upward) or 'none'}")
    print(f"handed a Config: {', '.join(module.removeprefix(f'{PACKAGE}.') for module in config) or 'none'}")


def module_name(path: Path) -> str:
    """crossglg/data/clips.py → crossglg.data.clips; a package has the name of its folder."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def entry(module: str) -> str:
    """The first level that a module belongs to; "" for the package itself and what starts it."""
    name = module.partition(".")[2].partition(".")[0]
    return "" if name == "__main__" else name


def imports_of(tree: ast.AST, modules: Collection[str], in_function: bool = False) -> Iterator[tuple[str, bool]]:
    """Each of the modules that a syntax tree imports, and whether it does so in a function."""
    for node in ast.iter_child_nodes(tree):
        named: list[str] = []
        if isinstance(node, ast.ImportFrom):
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            named = [name if name in modules else f"{node.module}" for name in submodules]
        elif isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        yield from ((name, in_function) for name in named if name in modules)
        yield from imports_of(node, modules, in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def layers(pyproject: Path) -> dict[str, int]:
    """Entry → its place in the contract of layers, 0 the highest."""
    contracts = tomllib.loads(pyproject.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    (rows,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    return {entry(name.strip()): place for place, row in enumerate(rows) for name in row.split("|")}


def goes_up(one: str, other: str, contract: dict[str, int]) -> bool:
    """Whether an import of one entry by another does not lead to a lower layer; entries outside the contract may."""
    return one in contract and other in contract and contract[other] <= contract[one]


def takes_config(tree: ast.AST) -> bool:
    """Whether a function of the module has a parameter annotated with Config."""
    return any(
        isinstance(node, ast.arg) and node.annotation is not None and names_config(node.annotation)
        for node in ast.walk(tree)
    )


def names_config(annotation: ast.expr) -> bool:
    """Config, Config | None, Sequence[Config], "Config"."""
    return any(
        (isinstance(node, ast.Name) and node.id == "Config")
        or (isinstance(node, ast.Constant) and node.value == "Config")
        for node in ast.walk(annotation)
    )


if __name__ == "__main__":
    main()
