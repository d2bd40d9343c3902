"""What customers buy together, and how soon they buy it again.

Add here: what purchases say of a product beside its sales. Not here: sales (`gold`), or what visitors do (`visitors`).
"""
