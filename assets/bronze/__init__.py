"""Bronze: what arrived, byte for byte, up to which offset, and what is needed to read it again.

Add here: what bronze keeps. Not here: what a message means (`events`).
"""
