"""Run the shell lines of a README, block by block, as a newcomer would type them."""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def shell_blocks(path: Path) -> list[str]:
    return BLOCK.findall(path.read_text(encoding="utf-8"))


def commands(path: Path) -> list[str]:
    """The lines that do something, without comments."""
    lines = "\n".join(shell_blocks(path)).splitlines()
    return [line.split("  #")[0].strip() for line in lines if line.strip() and not line.startswith("#")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readme", type=Path)
    parser.add_argument("--same-as", type=Path, help="only compare the lines with this README's, run nothing")
    args = parser.parse_args()
    if args.same_as:
        same = commands(args.readme) == commands(args.same_as)
        print(f"{args.readme}: shell lines {'equal' if same else 'differ from'} those of {args.same_as}")
        return 0 if same else 1
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "icdbase"
        subprocess.run(["git", "clone", "--quiet", ".", clone], check=True)
        # One shell for all blocks: later lines use what earlier ones made.
        script = "set -euxo pipefail\n" + "\n".join(shell_blocks(args.readme))
        return subprocess.run(["bash", "-c", script], cwd=clone, stdin=subprocess.DEVNULL).returncode


if __name__ == "__main__":
    sys.exit(main())
