"""Which tables exist, what they mean and how they come about, in rooms; each knows only the rooms below it.

    upkeep  serving
    archive  customers  intake  products  stream  viewers  visitors
    gold
    silver
    bronze
    progress  runs
    tables
    events

The order is held by import-linter (`pyproject.toml`). Add here: a room. Not here: a module.
"""

import resources  # noqa: F401  # Before Polars, whose memory and threads it sets.
