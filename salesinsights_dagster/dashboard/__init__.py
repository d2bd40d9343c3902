"""The live dashboard: sales per product, customers, and the health of the stream.

A process of its own. One `Board` looks at the lake; every open page shows what it last saw. It writes nothing but notes
and saved views, which people leave on its pages.
"""
