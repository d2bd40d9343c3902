"""The commands of `salesinsights`, one module each, named like the command.

Add here: a command. Not here: the work behind it.
"""
