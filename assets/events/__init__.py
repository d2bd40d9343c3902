"""What an event is, in each format it arrives in: the contract, and the parsers of JSON, CSV and Avro.

Add here: a format in which events arrive. Not here: where they come from or go.
"""
