"""Small files that are there with their whole content or as they were: written beside their place, then renamed.

Add here: nothing else. Not here: what is in a file.
"""

import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write the file. After a kill or a power cut it is as before or as now."""
    made = path.with_name(f"{path.name}.new")
    with made.open("w") as content:
        content.write(text)
        content.flush()
        os.fsync(content.fileno())
    os.replace(made, path)
