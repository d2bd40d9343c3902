"""The commands of `salesinsights`, one module each, named after the command.

Add here: a command. Not here: the work behind it.
"""
