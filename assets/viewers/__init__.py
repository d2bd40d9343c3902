"""What the people who look at the pages leave in the lake for each other: notes, and views with a name.

Add here: another thing that they leave. Not here: how it is shown or asked for (`salesinsights_dagster.dashboard`).
"""
