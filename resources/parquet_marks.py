"""By its first and last bytes, whether a file on a local disk is a whole one of Parquet.

Add here: what can be seen without decoding a file. Not here: what its rows are (`table_files`).
"""

import os
from pathlib import Path

MAGIC = b"PAR1"
"""With these bytes a file of Parquet begins and ends."""


def is_broken(file: Path, size: int | None = None) -> bool:
    """Whether the file is gone, is not one of Parquet, or has not `size` bytes, if that is given."""
    try:
        with file.open("rb") as content:
            held = os.fstat(content.fileno()).st_size
            if size is not None and held != size:
                return True
            head = content.read(len(MAGIC))
            content.seek(max(0, held - len(MAGIC)))
            return head != MAGIC or content.read() != MAGIC
    except FileNotFoundError:
        return True
