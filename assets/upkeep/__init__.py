"""What keeps a system whole for years: small files, short history, audit, proof, repair, forgetting.

Add here: work on the whole lake. Not here: when it is done (`sensors`).
"""
