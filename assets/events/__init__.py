"""What an event is, in every form in which one arrives: the contract, and what reads JSON, CSV and Avro by it."""
