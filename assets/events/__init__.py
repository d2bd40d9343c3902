"""What an event is, in every form in which one arrives: the contract, and what reads JSON, CSV and Avro by it.

Add here: a form in which events arrive. Not here: where they come from or go.
"""
