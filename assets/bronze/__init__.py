"""Bronze: what arrived, byte for byte, the offsets read so far, and what is needed to parse it again.

Add here: what bronze keeps. Not here: what a message means (`events`).
"""
