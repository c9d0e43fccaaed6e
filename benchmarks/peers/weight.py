"""Print the megabytes of some packages and all they need, in the environment that runs this."""

import re
import sys
from importlib.metadata import PackageNotFoundError, distribution


def closure(names):
    """Distributions reachable over requirements without extras."""
    found, waiting = {}, list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # for another platform or Python
        waiting += [re.match(r"[\w.-]+", line)[0] for line in found[name].requires or () if "extra ==" not in line]
    return found.values()


size = sum(
    path.stat().st_size
    for dist in closure(sys.argv[1:])
    for path in (dist.locate_file(file) for file in dist.files or ())
    if path.is_file()
)
print(size / 1e6)
