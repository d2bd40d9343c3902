"""Bronze: what arrived, byte for byte, up to which offsets, and what must be known to read it again."""
