"""The live dashboard: sales per product, customers, and the health of the stream, read-only on the lake.

A process of its own. One `Board` looks at the lake; every open page shows what it last saw.
"""
